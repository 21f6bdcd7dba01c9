"""Manifest: what made a data file. It stands beside the file as `<name>.manifest.json`."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

from data_builders.errors import InputError
from data_builders.files import dump_json, sha256, write_atomic

REPO = Path(__file__).resolve().parent.parent
_PACKAGES = ("datasets", "inspect-ai", "pydantic", "tokenizers", "transformers")


def manifest_path(output: Path) -> Path:
    """Where the manifest of `output` stands."""
    return output.with_suffix(".manifest.json")


def shown(path: Path) -> str:
    """`path` as a manifest names it: from the repository's root where it lies inside, else its name alone, so that
    no manifest holds a machine's path."""
    absolute = path.resolve()
    return str(absolute.relative_to(REPO)) if absolute.is_relative_to(REPO) else path.name


def from_repo(path: Path) -> str:
    """`path` as a command names it: from the repository's root where it lies inside, else whole."""
    return str(path.relative_to(REPO) if path.is_relative_to(REPO) else path)


def write_manifest(
    output: Path,
    *,
    builder: str,
    settings: dict[str, Any],
    inputs: list[Path],
    counts: dict[str, Any],
    extra: dict[str, Any] | None = None,
) -> Path:
    """Write the manifest of `output`, which must exist already.

    Args:
        output: the data file.
        builder: the command that makes it again.
        settings: the builder's settings, seeds included.
        inputs: the files that went in.
        counts: rows in, rows out, and rows left out by reason.
        extra: further facts, such as the model that answered.

    Returns:
        The manifest's path.
    """
    manifest = {
        "file": output.name,
        "sha256": sha256(output),
        "builder": builder,
        "settings": settings,
        "inputs": {shown(path): sha256(path) for path in inputs},
        "counts": counts,
        **(extra or {}),
        "versions": {"python": platform.python_version()} | _versions(),
    }
    path = manifest_path(output)
    write_atomic(path, dump_json(manifest))
    return path


def model_provenance(folder: Path) -> dict[str, Any]:
    """Where the base model in `folder` came from, with its weights' sha256: what a row's `model` stands for.

    Raises:
        InputError: the folder holds no model.
    """
    if not (folder / "config.json").is_file():
        raise InputError(folder, "no base model here", "run `make model`, or check the path")
    path = folder / "provenance.json"
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    weights = {file.name: sha256(file) for file in sorted(folder.glob("*.safetensors"))}
    return {"name": folder.name, "from": "user", "weights_sha256": weights}


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
