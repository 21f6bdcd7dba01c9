"""One process at a time has the GPU: the next one's imports and tokenised rows are ready when this one ends."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from typing import IO, NoReturn

import torch

from pipeline.cards import rank

LOCK = "SPEED_LOCK"
"""the environment variable that names the lock's file; unset, nobody is waited for"""
FREE_SHARE, PATIENCE = 0.9, 60
"""how much of the card must be free before loading, and how many seconds to wait for it"""


def take_turn() -> IO[str]:
    """Wait for the lock, then until the process before has left the card's memory. Held while the file is open.

    Of a run's several processes the first waits for all: the others wait for it when they first exchange anything.
    """
    lock = open(os.environ.get(LOCK, os.devnull), "w")  # noqa: SIM115, PTH123  the caller holds it
    if rank():
        return lock
    fcntl.flock(lock, fcntl.LOCK_EX)
    until = time.monotonic() + PATIENCE
    while torch.cuda.is_available() and time.monotonic() < until:
        free, whole = torch.cuda.mem_get_info()
        if free > FREE_SHARE * whole:
            break
        time.sleep(0.2)
    return lock


def leave(lock: IO[str]) -> NoReturn:
    """End the process at once and hand the turn on: nothing is to be saved, and the next one waits for the card. The
    lock is given up by name, since a process forked meanwhile may still hold the file."""
    sys.stdout.flush()
    fcntl.flock(lock, fcntl.LOCK_UN)
    os._exit(0)


def card() -> str:
    """The GPU's name, or CPU."""
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"


def versions() -> dict[str, str]:
    """What a speed depends on beside the card."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("axolotl", "torch", "transformers", "peft", "liger_kernel", "bitsandbytes", "triton"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
