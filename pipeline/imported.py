"""Adapters made elsewhere (Unsloth, PEFT, an API's download, a hub id): checked, then served like our own.

    python -m pipeline.imported SOURCE NAME --base models/SmolLM2-135M-Instruct [--rank 8]

SOURCE is a folder or a hub id (`owner/name`). The adapter is copied to outputs/imported/NAME in bf16; a study names it
under `adapters:`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from data_builders.errors import InputError, run_or_explain
from data_builders.files import sha256
from data_builders.manifest import REPO
from pipeline.adapter import CONFIG, WEIGHTS, ship

LINEAR = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
"""the linear layers of Llama and Qwen3, which vLLM serves adapters on"""
MAX_RANK = 512
"""the greatest rank that vLLM's --max-lora-rank takes"""


def check_adapter(folder: Path, base: Path, rank: int | None = None) -> dict[str, Any]:
    """Check that an adapter is one of `base` and can be served; returns its configuration.

    Args:
        folder: adapter_config.json and adapter_model.safetensors.
        base: the base model's folder; shapes are compared with its config.json, names only shown.
        rank: the rank that it must have; None takes any that vLLM serves.

    Raises:
        InputError: a file is missing or pickled, the adapter isn't LoRA, its rank or layers can't be served, or a
            tensor's shape is another base's.
    """
    if not (folder / CONFIG).is_file():
        raise InputError(folder, f"no {CONFIG} here", "download the adapter's whole folder")
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(folder / CONFIG, f"not JSON ({error.msg})", "download it again") from error
    if not (folder / WEIGHTS).is_file():
        pickled = [path.name for path in folder.glob("*.bin")] + [path.name for path in folder.glob("*.pt")]
        if pickled:
            rule = f"{pickled[0]} is a pickle, which runs code when it is read"
            raise InputError(folder, rule, "ask its author for safetensors; nothing here reads pickles")
        raise InputError(folder, f"no {WEIGHTS} here", "download the adapter's whole folder")
    if config.get("peft_type") != "LORA":
        raise InputError(folder / CONFIG, f"{config.get('peft_type')} isn't LORA", "only LoRA can be served")
    for key in ("use_dora", "modules_to_save", "rank_pattern", "alpha_pattern"):
        if config.get(key):
            raise InputError(folder / CONFIG, f"{key} is set: vLLM can't serve it", "merge it into the base")
    found = config.get("r")
    if not isinstance(found, int) or not 0 < found <= MAX_RANK or (rank is not None and found != rank):
        wanted = rank if rank is not None else f"1 to {MAX_RANK}"
        raise InputError(folder / CONFIG, f"rank {found}, {wanted} wanted", "train it with that rank")
    _check_base_name(config, folder, base)
    _check_shapes(folder, base, found)
    return config


def _check_base_name(config: dict[str, Any], folder: Path, base: Path) -> None:
    """The last part of the noted base, quantised copies' suffixes left out, must be the base's name."""
    noted = str(config.get("base_model_name_or_path") or "").rstrip("/").rpartition("/")[2]
    if not noted:
        return
    plain = noted.lower()
    for mark in ("-unsloth-bnb-4bit", "-bnb-4bit", "-unsloth", "meta-"):
        plain = plain.replace(mark, "")
    if plain != base.name.lower().replace("meta-", ""):
        raise InputError(
            folder / CONFIG, f"made for {noted}, not for {base.name}", "name its own base in the YAML"
        )


def _check_shapes(folder: Path, base: Path, rank: int) -> None:
    from safetensors import SafetensorError, safe_open

    shape = json.loads((base / "config.json").read_text(encoding="utf-8"))
    heads = shape["num_attention_heads"]
    size = shape.get("head_dim") or shape["hidden_size"] // heads
    queries, keys = heads * size, shape.get("num_key_value_heads", heads) * size
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    sides = {"q_proj": (hidden, queries), "k_proj": (hidden, keys), "v_proj": (hidden, keys)}
    sides |= {"o_proj": (queries, hidden), "gate_proj": (hidden, inner), "up_proj": (hidden, inner)}
    sides |= {"down_proj": (inner, hidden)}
    try:
        with safe_open(folder / WEIGHTS, framework="numpy") as tensors:
            names = list(tensors.keys())
            shapes = {name: tuple(tensors.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, OSError) as error:
        raise InputError(folder / WEIGHTS, f"unreadable ({error})", "download it again") from error
    if not names:
        raise InputError(folder / WEIGHTS, "no tensors in it", "download it again")
    for name, found in shapes.items():
        parts = name.split(".")
        layer = next((part for part in parts if part in LINEAR), None)
        if layer is None or "lora_" not in name:
            rule = f"{name} is not a LoRA matrix on one of {', '.join(sorted(LINEAR))}"
            raise InputError(folder / WEIGHTS, rule, "only linear layers can be served")
        takes, gives = sides[layer]
        wanted = (rank, takes) if "lora_A" in name else (gives, rank)
        number = next((int(part) for part in parts if part.isdigit()), 0)
        if found != wanted or number >= shape["num_hidden_layers"]:
            rule = f"{name} has shape {found}, {wanted} wanted: another base's, or another rank's"
            raise InputError(folder / WEIGHTS, rule, f"use it with its own base, not {base.name}")


def bring_adapter(source: str, name: str, base: Path, rank: int | None = None) -> Path:
    """Check an adapter from a folder or the hub and copy it to outputs/imported/NAME in bf16.

    Raises:
        InputError: it can't be had, or `check_adapter` refuses it.
    """
    folder = Path(source) if Path(source).is_dir() else _from_hub(source)
    check_adapter(folder, base, rank)
    target = REPO / "outputs" / "imported" / name
    made = {
        "source": source if not Path(source).is_dir() else "a folder",
        "base": base.name,
        "made": "elsewhere",
    }
    made |= {"files": {file: sha256(folder / file) for file in (CONFIG, WEIGHTS)}}
    return ship(folder, target, base.name, made)


def _from_hub(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=[CONFIG, WEIGHTS]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        rule = f"neither a folder nor to be had from the hub ({type(error).__name__})"
        raise InputError(hub_id, rule, "check the name; gated ones need `hf auth login`") from error


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source")
    parser.add_argument("name")
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--rank", type=int)
    parsed = parser.parse_args(arguments)
    if not (parsed.base / "config.json").is_file():
        raise InputError(parsed.base, "no base model here", "run `make model`, or check --base")
    target = bring_adapter(parsed.source, parsed.name, parsed.base, parsed.rank)
    shown = os.path.relpath(target, REPO)
    print(
        f"{shown} is ready; in a study:\nadapters:\n  - {{name: {parsed.name}, path: {shown}, note: made elsewhere}}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
