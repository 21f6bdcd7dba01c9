"""A run that was cut off goes on from its last whole checkpoint; half a checkpoint is set aside."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

LAST_WRITTEN = "trainer_state.json"
"""what the trainer writes into a checkpoint after everything else"""


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint was written to its end: its state is there and readable, no file of it is empty."""
    try:
        json.loads((checkpoint / LAST_WRITTEN).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return False
    return all(path.stat().st_size for path in checkpoint.iterdir() if path.is_file())


def whole_checkpoints(output: Path) -> list[Path]:
    """The whole checkpoints of a run, by step. Half-written ones are deleted, and said: the trainer would take the
    newest folder whatever it holds."""
    found = [path for path in output.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit()]
    whole = []
    for path in sorted(found, key=lambda one: int(one.name.rpartition("-")[2])):
        if is_whole(path):
            whole.append(path)
        else:
            print(f"  {path.name} was cut off while it was written; it is deleted", flush=True)
            shutil.rmtree(path)
    return whole
