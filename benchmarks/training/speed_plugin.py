"""An Axolotl plugin that measures training speed: tokens without padding, time, peak memory, the loss of each step.

Only one process at a time holds the GPU: the lock is taken before the model is loaded, so that the next run's imports
and its tokenised rows are ready when this one ends. The settings come from the environment, as speed.py sets it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from math import prod
from pathlib import Path
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin  # pyright: ignore[reportMissingImports]
from transformers import TrainerCallback

NAME, OUTPUT, LOCK = "SPEED_NAME", "SPEED_OUTPUT", "SPEED_LOCK"
WARM_UP, MEASURED, PROFILE = "SPEED_WARM_UP", "SPEED_MEASURED", "SPEED_PROFILE"
FREE_SHARE, PATIENCE = 0.9, 60
"""how much of the card must be free before loading, and how many seconds to wait for it"""


class SpeedPlugin(BasePlugin):
    """See the module's text."""

    def pre_model_load(self, cfg: Any) -> None:
        self.began = time.time()
        self.lock = Path(os.environ[LOCK]).open("w")  # noqa: SIM115  held until the process ends
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.locked = time.time()
        while torch.cuda.is_available() and time.time() < self.locked + PATIENCE:
            free, whole = torch.cuda.mem_get_info()
            if free > FREE_SHARE * whole:
                return
            time.sleep(0.2)

    def post_model_load(self, cfg: Any, model: Any) -> None:
        shapes = [getattr(getattr(one, "quant_state", None), "shape", None) or one.shape
                  for name, one in model.named_parameters() if "lora_" not in name]  # fmt: skip
        self.parameters = sum(prod(shape) for shape in shapes)

    def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokens = torch.zeros((), dtype=torch.long, device=device)
        self.learned = torch.zeros((), dtype=torch.long, device=device)
        self.slots = 0
        pad, plain = trainer.processing_class.pad_token_id, trainer.compute_loss

        def counted(model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
            self.tokens += (inputs["input_ids"] != pad).sum()
            self.learned += (inputs["labels"] != -100).sum()
            self.slots += inputs["input_ids"].numel()
            return plain(model, inputs, *rest, **named)

        trainer.compute_loss = counted

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        return [_Clock(self, cfg)]


class _Clock(TrainerCallback):
    def __init__(self, plugin: SpeedPlugin, cfg: Any) -> None:
        self.plugin, self.cfg = plugin, cfg
        self.warm_up, self.measured = int(os.environ[WARM_UP]), int(os.environ[MEASURED])
        self.start: tuple[float, int, int, int] | None = None
        self.ends: list[float] = []
        self.peak_allocated = self.peak_reserved = 0.0
        self.profiler: Any = None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
            # Axolotl resets the counters whenever it logs, so the greatest of all steps is kept.
            self.peak_allocated = max(self.peak_allocated, torch.cuda.max_memory_allocated() / 2**30)
            self.peak_reserved = max(self.peak_reserved, torch.cuda.max_memory_reserved() / 2**30)
        self.ends.append(time.time())
        step = state.global_step
        if step == self.warm_up:
            plugin = self.plugin
            self.start = (self.ends[-1], int(plugin.tokens), int(plugin.learned), plugin.slots)
        if step == self.warm_up + self.measured:
            self._write(state)
            if os.environ.get(PROFILE):
                self.profiler = torch.profiler.profile()
                self.profiler.__enter__()
            else:
                control.should_training_stop = True
        if self.profiler and step == self.warm_up + self.measured + 3:
            self.profiler.__exit__(None, None, None)
            by = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
            table = self.profiler.key_averages().table(sort_by=by, row_limit=40, max_name_column_width=90)
            Path(os.environ[PROFILE]).write_text(table)
            control.should_training_stop = True

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        losses = [round(float(entry["loss"]), 4) for entry in state.log_history if "loss" in entry]
        with Path(os.environ[OUTPUT]).open("a", encoding="utf-8") as out:
            out.write(json.dumps({"name": os.environ[NAME], "losses": losses}) + "\n")

    def _write(self, state: Any) -> None:
        plugin = self.plugin
        assert self.start is not None, "fewer steps than warm-up"
        seconds = self.ends[-1] - self.start[0]
        tokens = int(plugin.tokens) - self.start[1]
        slots = plugin.slots - self.start[3]
        gaps = [round(after - before, 4) for before, after in zip(self.ends, self.ends[1:], strict=False)]
        line = {
            "name": os.environ[NAME],
            "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU",
            "steps": self.measured,
            "seconds": round(seconds, 3),
            "tokens_per_s": round(tokens / seconds, 1),
            "learned_per_s": round((int(plugin.learned) - self.start[2]) / seconds, 1),
            "fill": round(tokens / slots, 4),
            "tflops": round(4 * plugin.parameters * tokens / seconds / 1e12, 1),
            "parameters": plugin.parameters,
            "allocated_gib": round(self.peak_allocated, 2),
            "peak_gib": round(self.peak_reserved, 2),
            "load_to_first_step_s": round(self.ends[0] - plugin.locked, 1),
            "step_s": gaps,
        }
        with Path(os.environ[OUTPUT]).open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        print("SPEED " + json.dumps(line), flush=True)
