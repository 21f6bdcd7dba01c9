"""Adapters as they are shipped: bf16, safetensors only, without the trainer's leftovers."""

from __future__ import annotations

import json
from pathlib import Path

from data_builders.errors import InputError
from data_builders.files import dump_json, sha256, write_atomic

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def ship(trained: Path, target: Path, base_model: str) -> Path:
    """Write a trained adapter to `target` in bf16, half the size of the trainer's fp32, which vLLM rounds so anyway.

    Args:
        trained: the trainer's output folder.
        target: the folder to make.
        base_model: the base's name, which replaces whatever path the trainer noted.

    Raises:
        InputError: `trained` holds no adapter in safetensors.
    """
    import torch
    from safetensors.torch import load_file, save_file

    require_adapter(trained)
    target.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(trained / WEIGHTS).items()}
    scratch = target / f".{WEIGHTS}"
    save_file(tensors, scratch, metadata={"format": "pt"})
    scratch.replace(target / WEIGHTS)
    config = json.loads((trained / CONFIG).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base_model
    write_atomic(target / CONFIG, dump_json(config))
    return target


def require_adapter(folder: Path) -> None:
    """Raises:
    InputError: the folder lacks the adapter's weights or configuration.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(folder, f"no {name} here", "train the adapter (`make train`), or check the path")


def fingerprint(folder: Path) -> dict[str, str]:
    """sha256 of the adapter's two files, by name."""
    return {name: sha256(folder / name) for name in (CONFIG, WEIGHTS)}
