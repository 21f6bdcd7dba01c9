"""Adapters as they are shipped: bf16, safetensors only, without the trainer's leftovers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data_builders.errors import InputError
from data_builders.files import dump_json, sha256, write_atomic

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
PROVENANCE = "provenance.json"


def ship(trained: Path, target: Path, base_model: str, provenance: dict[str, Any]) -> Path:
    """Write a trained adapter to `target` in bf16, half the size of the trainer's fp32, which vLLM rounds so anyway.

    Args:
        trained: the trainer's output folder.
        target: the folder to make.
        base_model: the base's name, which replaces whatever path the trainer noted.
        provenance: how it was made, kept beside it.

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
    write_atomic(target / PROVENANCE, dump_json(provenance))
    write_atomic(target / CONFIG, dump_json(config))
    return target


def provenance_of(folder: Path) -> dict[str, Any]:
    """How an adapter was made, as far as the file beside it says; empty for an adapter from elsewhere."""
    file = folder / PROVENANCE
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def require_adapter(folder: Path) -> None:
    """Raises:
    InputError: the folder lacks the adapter's weights or configuration.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(folder, f"no {name} here", "train the adapter (`make train`), or check the path")


def find_adapters(folder: Path) -> dict[str, Path]:
    """Every adapter below `folder`, by the name that it is served under.

    Raises:
        InputError: there is none, or one lacks its weights.
    """
    found = {
        "-".join(path.parent.relative_to(folder).parts): path.parent for path in sorted(folder.rglob(CONFIG))
    }
    if not found:
        raise InputError(folder, "no adapter below it", "train some: python -m pipeline.bulk")
    for path in found.values():
        require_adapter(path)
    return found


def fingerprint(folder: Path) -> dict[str, str]:
    """sha256 of the adapter's two files, by name."""
    return {name: sha256(folder / name) for name in (CONFIG, WEIGHTS)}
