"""What an Axolotl configuration must hold before it is worth starting: files, tokens, card, disk. Needs no torch.

Axolotl finds most of these late, tersely, or not at all: a row that is too long is dropped by default, a pad token
that is the end of turn trains an adapter that never stops, and a full disk shows in the middle of a checkpoint.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from data_builders.errors import InputError
from data_builders.files import read_jsonl
from pipeline.cards import Machine, is_sharded

KERNELS = ("lora_qkv_kernel", "lora_o_kernel", "lora_mlp_kernel", "lora_embedding_kernel")
SHARED = "pipeline.shared_input.SharedInputs"
LEARNED_ONLY, FUSED_LOSS = "pipeline.axolotl_loss.LearnedTokensOnly", "liger_fused_linear_cross_entropy"
FP32_BYTES, ADAM_BYTES = 4, 8
"""bytes a trained parameter takes in an adapter file, and its two moments in a checkpoint"""


def check(config: dict[str, Any], machine: Machine, folder: Path = Path()) -> None:
    """Check everything that can be known before the first step.

    Args:
        config: the YAML's content.
        machine: the card.
        folder: where the YAML's paths count from.

    Raises:
        InputError: for the first rule that is broken.
    """
    data = check_keys(config, folder)
    if not config.get("is_preprocess"):  # tokenising needs no card
        check_card(config, machine)
        check_processes(config, machine)
    base = check_base(config, machine, folder)
    check_start(config, base, folder)
    check_space(config, base, folder)
    check_rows(config, data, base)


def check_keys(config: dict[str, Any], folder: Path) -> Path:
    """The keys that this project relies on; returns the data file."""
    for key in ("base_model", "datasets", "output_dir", "sequence_len", "adapter"):
        if not config.get(key):
            raise InputError(key, "missing from the YAML", "copy it from a shipped one in axolotl_configs")
    if len(config["datasets"]) != 1 or not config["datasets"][0].get("path"):
        raise InputError(
            "datasets", "one dataset with a path is wanted", "mix files with a recipe in data/recipes"
        )
    entry = config["datasets"][0]
    data = folder / entry["path"]
    if entry.get("type") != "chat_template":
        raise InputError(
            "datasets.type",
            f"{entry.get('type')!r} doesn't use the model's chat template",
            "use chat_template",
        )
    if entry.get("train_on_eos") != "turn":
        raise InputError(
            "datasets.train_on_eos", "the end of turn isn't learned: no answer would stop", "set it to turn"
        )
    if config.get("train_on_inputs") or entry.get("roles_to_train") != ["assistant"]:
        raise InputError(
            "datasets.roles_to_train",
            "the prompt would be learned",
            "set it to [assistant], train_on_inputs to false",
        )
    if config["adapter"] not in ("lora", "qlora"):
        raise InputError("adapter", f"{config['adapter']!r} can't be served beside its base", "lora or qlora")
    if (config["adapter"] == "qlora") != bool(config.get("load_in_4bit")):
        raise InputError(
            "load_in_4bit", "must be true for qlora and false for lora", "change it, or change adapter"
        )
    if LEARNED_ONLY in (config.get("plugins") or []) and not config.get(FUSED_LOSS):
        raise InputError(
            "plugins", f"{LEARNED_ONLY} wraps liger's fused loss, which is off", f"set {FUSED_LOSS}: true"
        )
    if SHARED in (config.get("plugins") or []):
        if found := [key for key in KERNELS if config.get(key)]:
            rule = f"{SHARED} and Axolotl's kernels each take the layers' place"
            raise InputError(found[0], rule, f"set {', '.join(found)} to false, or drop {SHARED}")
        if found := [key for key in ("lora_dropout", "peft_use_dora") if config.get(key)]:
            raise InputError(
                found[0], f"{SHARED} joins plain LoRA layers only", f"leave it out, or drop {SHARED}"
            )
    if not data.is_file():
        raise InputError(
            data, "no such data file", "build it: `make data`, or python -m data_builders mix RECIPE"
        )
    prepared = folder / (config.get("dataset_prepared_path") or "none")
    if prepared.is_dir() and prepared.stat().st_mtime < data.stat().st_mtime:
        rule = f"the tokenised copy is older than {data.name}, and Axolotl would train on it"
        raise InputError(prepared, rule, "delete it")
    return data


def check_card(config: dict[str, Any], machine: Machine) -> None:
    """Number formats and kernels that the card lacks."""
    on_cpu = machine.generation == 0
    if on_cpu and config["adapter"] == "qlora":
        raise InputError(
            "adapter", "qlora needs a GPU, none is here", "use a lora YAML, or a machine with a GPU"
        )
    if on_cpu and config.get("fp16"):
        raise InputError(
            "fp16", "a CPU doesn't train in fp16", "set fp16 false; bf16 true where the CPU has it"
        )
    if on_cpu and (found := [key for key in KERNELS if config.get(key) is not False]):
        rule = "Axolotl's Triton kernels need a GPU, and are switched on where the key is unset"
        raise InputError(found[0], rule, f"set {', '.join(found)} to false")
    if not on_cpu and config.get("bf16") and not machine.has_bf16:
        rule = f"a {machine.name} (generation {machine.generation}) has no bf16"
        raise InputError("bf16", rule, "set bf16 false, fp16 true, tf32 false: llama31_8b_qlora_t4.yaml does")
    if not on_cpu and config.get("sample_packing") and not machine.has_bf16:
        rule = f"torch's attention over packed rows needs generation 8.0; a {machine.name} is {machine.generation}"
        raise InputError("sample_packing", rule, "set sample_packing and pad_to_sequence_len to false")
    if config.get("bf16") == "auto" or config.get("fp16") is None:
        raise InputError("bf16", "auto turns fp16 on where there is no bf16", "write bf16 and fp16 out")


def check_processes(config: dict[str, Any], machine: Machine) -> None:
    """One process and one card, or sharded over several: else the experiment is another, or ends in a kernel's error."""
    sharded = is_sharded(config)
    native = "CUDA_VISIBLE_DEVICES=0 axolotl train CONFIG --launcher python"
    if sharded and machine.processes == 1:
        rule = "it shards over several cards, and this is one process"
        mend = "--launcher torchrun -- --nproc_per_node CARDS, or a YAML for one card"
        raise InputError("fsdp_config", rule, mend)
    copies = any(key.startswith("ddp") and value is not None for key, value in config.items())
    if not sharded and not copies and machine.processes > 1:
        rule = f"{machine.processes} processes on a YAML for one card: {machine.processes} times the rows a step, and so fewer steps"
        mend = f"{native}; or set ddp_find_unused_parameters if that is meant"
        raise InputError("micro_batch_size", rule, mend)
    if not sharded and machine.processes == 1 and machine.cards > 1:
        rule = f"one process and {machine.cards} cards: Axolotl would spread the model's layers over them"
        raise InputError("CUDA_VISIBLE_DEVICES", rule, native)


def check_base(config: dict[str, Any], machine: Machine, folder: Path) -> Path:
    """The base model's folder: weights, tokenizer, template, and whether it fits the card."""
    base = folder / config["base_model"]
    if not (base / "config.json").is_file():
        raise InputError(base, "no base model here", "run `make model`, or put the model's folder there")
    shards = sorted(base.glob("*.safetensors"))
    index = base / "model.safetensors.index.json"
    wanted = set(json.loads(index.read_text())["weight_map"].values()) if index.is_file() else set()
    if lacking := sorted(wanted - {shard.name for shard in shards}):
        raise InputError(base, f"the weights are incomplete: no {lacking[0]}", "download the model again")
    if not shards:
        raise InputError(base, "no weights in safetensors", "convert them, or download the model again")
    if machine.memory_gib and not config.get("fsdp_config"):
        weights = sum(shard.stat().st_size for shard in shards) / 2**30
        weights *= 0.3 if config.get("load_in_4bit") else 1.0  # NF4 with its scales, embeddings kept in bf16
        if weights > machine.memory_gib - 1:
            rule = f"{weights:.1f} GiB of weights on a card of {machine.memory_gib:.1f} GiB"
            raise InputError(
                "base_model", rule, "use a qlora YAML, a smaller base, or FSDP2 over several cards"
            )
    return base


def check_start(config: dict[str, Any], base: Path, folder: Path) -> None:
    """An adapter that training goes on from must be one of this base, of this rank."""
    start = config.get("lora_model_dir")
    if not start:
        return
    from pipeline.imported import check_adapter

    check_adapter(folder / start, base, rank=config.get("lora_r"))


def check_space(config: dict[str, Any], base: Path, folder: Path) -> None:
    """Room for the adapter and the checkpoints that are kept."""
    output = folder / config["output_dir"]
    if output.exists() and not output.is_dir():
        raise InputError(output, "output_dir is a file", "name another folder")
    parent = next(path for path in [output, *output.absolute().parents] if path.exists())
    if not os.access(parent, os.W_OK):
        raise InputError(output, f"{parent} can't be written", "name another output_dir")
    kept = 0 if config.get("save_strategy") == "no" else config.get("save_total_limit") or 10
    trained = adapter_parameters(base, config.get("lora_r", 8))
    needed = trained * (FP32_BYTES + kept * (FP32_BYTES + ADAM_BYTES)) + 50_000_000
    free = shutil.disk_usage(parent).free
    if free < needed:
        rule = (
            f"{free / 1e9:.2f} GB free, {needed / 1e9:.2f} GB needed for the adapter and {kept} checkpoints"
        )
        raise InputError(output, rule, "free some disk, or lower save_total_limit")


def adapter_parameters(base: Path, rank: int) -> int:
    """Parameters of a LoRA adapter on all linear layers: rank x (in + out), summed over q, k, v, o, gate, up, down."""
    config = json.loads((base / "config.json").read_text())
    try:
        hidden, inner, layers = (
            config["hidden_size"],
            config["intermediate_size"],
            config["num_hidden_layers"],
        )
        heads = config["num_attention_heads"]
    except KeyError as error:
        raise InputError(
            base / "config.json", f"no {error} in it", "is it a Llama or Qwen3 model?"
        ) from error
    size = config.get("head_dim") or hidden // heads
    queries, keys = heads * size, config.get("num_key_value_heads", heads) * size
    return rank * layers * (2 * (hidden + queries) + 2 * (hidden + keys) + 3 * (hidden + inner))


def check_rows(config: dict[str, Any], data: Path, base: Path) -> None:
    """The data file's rows on the base's tokens: none is cut, and the pad isn't the end of turn."""
    from data_builders.tokens import ChatTokenizer

    chat = ChatTokenizer(base)
    pad = (config.get("special_tokens") or {}).get("pad_token") or chat.tokenizer.pad_token
    if pad is None or pad == chat.tokenizer.eos_token:
        rule = f"the pad {pad!r} is the end of turn, whose label is then masked: no answer would stop"
        raise InputError("special_tokens.pad_token", rule, "name a token that is never learned")
    if (
        chat.tokenizer.convert_tokens_to_ids(pad) == chat.tokenizer.unk_token_id
        and pad != chat.tokenizer.unk_token
    ):
        raise InputError(
            "special_tokens.pad_token", f"the base's tokenizer has no {pad!r}", "name one of its own"
        )
    rows = list(read_jsonl(data))
    if not rows:
        raise InputError(data, "no rows", "build it: `make data`")
    conversations = []
    for number, row in rows:
        turns = row.get("messages") if isinstance(row, dict) else None
        if not turns or not all(
            isinstance(turn, dict) and {"role", "content"} <= turn.keys() for turn in turns
        ):
            raise InputError(
                f"{data}:{number}", "no messages with role and content", "mend or delete the row"
            )
        if turns[-1]["role"] != "assistant" or not str(turns[-1]["content"]).strip():
            raise InputError(
                f"{data}:{number}", "doesn't end in an assistant's answer", "mend or delete the row"
            )
        conversations.append(turns)
    try:
        lengths = [len(ids) for ids in chat.ids(chat.render(conversations))]
    except Exception as error:  # a template refuses what it doesn't know in its own words
        raise InputError(data, f"the chat template refuses a row ({error})", "mend the rows") from error
    longest = max(range(len(rows)), key=lambda at: lengths[at])
    if lengths[longest] > config["sequence_len"]:
        rule = (
            f"{lengths[longest]} tokens, sequence_len is {config['sequence_len']}: Axolotl would drop the row"
        )
        raise InputError(f"{data}:{rows[longest][0]}", rule, "raise sequence_len, or delete the row")
