"""Which cards a training may use, and how Axolotl is started on them.

Axolotl, started as one process where it sees several cards, spreads one model's layers over them, which its kernels and
flex attention don't bear (seen on two H100s: "Expected all tensors to be on the same device"). Started by accelerate, its
default, it puts a copy on each card, and a step holds as many times the rows. So a YAML for one card is given one card.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

CHOSEN, WORLD, RANK = "CUDA_VISIBLE_DEVICES", "WORLD_SIZE", "RANK"


@dataclass(frozen=True)
class Machine:
    """The card to train on; `generation` is NVIDIA's compute capability, 0 where there is no card."""

    name: str = "no GPU"
    generation: float = 0.0
    memory_gib: float = 0.0
    cards: int = 1
    """that the process may use; several are taken for alike"""
    processes: int = 1
    """of the training, on all hosts"""

    @property
    def has_bf16(self) -> bool:
        """Tensor cores compute in bf16 from 8.0 (Ampere) on."""
        return self.generation >= 8.0


@dataclass(frozen=True)
class Launch:
    """How to start Axolotl: options before and after its own, variables, and the machine as the training sees it."""

    options: list[str]
    trailing: list[str]
    environment: dict[str, str]
    machine: Machine


def this_machine(environment: Mapping[str, str] = os.environ) -> Machine:
    """The first NVIDIA card that a process with these variables may use, and how many there are."""
    chosen = _chosen(environment)
    if shutil.which("nvidia-smi") is None or chosen == []:
        return Machine()
    query = ["nvidia-smi", "--query-gpu=name,compute_cap,memory.total", "--format=csv,noheader,nounits"]
    done = subprocess.run(query, capture_output=True, text=True)
    if done.returncode or not done.stdout.strip():
        return Machine()
    lines = done.stdout.splitlines()
    first = int(chosen[0]) if chosen and chosen[0].isdigit() and int(chosen[0]) < len(lines) else 0
    name, generation, mebibytes = lines[first].rsplit(",", 2)
    cards = len(lines) if chosen is None else len(chosen)
    processes = int(environment.get(WORLD, "1"))
    return Machine(name.strip(), float(generation), float(mebibytes) / 1024, cards, processes)


def rank() -> int:
    """Which of a training's processes this is, as torchrun says; 0 where there is one."""
    return int(os.environ.get(RANK, "0"))


def is_sharded(config: Mapping[str, Any]) -> bool:
    """Whether an Axolotl configuration spreads one model over several cards, by FSDP or DeepSpeed."""
    return bool(config.get("fsdp_config") or config.get("deepspeed"))


def launch(config: Mapping[str, Any], environment: Mapping[str, str]) -> Launch:
    """A sharded configuration gets a process on each card, any other one card: the first.

    Args:
        environment: its PATH must lead to the training environment's torchrun.
    """
    machine = this_machine(environment)
    variables = dict(environment)
    if is_sharded(config) and machine.cards > 1:
        # --standalone takes a free port, so that two trainings get on on one host
        trailing = ["--", "--standalone", "--nproc_per_node", str(machine.cards)]
        several = replace(machine, processes=machine.cards)
        return Launch(["--launcher", "torchrun"], trailing, variables, several)
    if machine.cards > 1:
        variables[CHOSEN] = (_chosen(environment) or ["0"])[0]
    return Launch(["--launcher", "python"], [], variables, replace(machine, cards=1))


def _chosen(environment: Mapping[str, str]) -> list[str] | None:
    """The cards that CUDA_VISIBLE_DEVICES names, in order and up to the first -1, as CUDA takes it; None where unset."""
    if (text := environment.get(CHOSEN)) is None:
        return None
    named = [part.strip() for part in text.split(",") if part.strip()]
    return named[: named.index("-1")] if "-1" in named else named
