"""An Axolotl plugin that measures training speed: tokens without padding, time, peak memory, the loss of each step.

On several cards each process counts its own tokens, and the first writes their sum; its losses are its own rows'.
Only one run at a time holds the GPU: the lock is taken before the model is loaded, so that the next run's imports
and its tokenised rows are ready when this one ends; and the process is left at once, nothing saved. The settings come from the environment, as speed.py sets it.
"""

from __future__ import annotations

import json
import os
import time
from math import prod
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from axolotl.integrations.base import BasePlugin  # pyright: ignore[reportMissingImports]
from transformers import TrainerCallback

import pipeline.health
from benchmarks.training.speed_table import waits
from benchmarks.training.turn import card, leave, take_turn, versions
from pipeline.cards import rank

NAME, OUTPUT, PROFILE = "SPEED_NAME", "SPEED_OUTPUT", "SPEED_PROFILE"
WARM_UP, MEASURED, SECONDS, WHOLE = "SPEED_WARM_UP", "SPEED_MEASURED", "SPEED_SECONDS", "SPEED_WHOLE"
LIMIT = "SPEED_LIMIT_GIB"
PROFILED = 3
"""steps"""


class SpeedPlugin(BasePlugin):
    """See the module's text."""

    def register(self, cfg: Any) -> None:
        pipeline.health.collapsed = lambda text: False  # random weights say nothing sane; the time counts

    def pre_model_load(self, cfg: Any) -> None:
        self.lock = take_turn()
        self.locked = time.time()
        if LIMIT in os.environ and torch.cuda.is_available():
            whole = torch.cuda.get_device_properties(0).total_memory / 2**30
            torch.cuda.set_per_process_memory_fraction(float(os.environ[LIMIT]) / whole)

    def post_model_load(self, cfg: Any, model: Any) -> None:
        shapes = [getattr(getattr(one, "quant_state", None), "shape", None) or one.shape
                  for name, one in model.named_parameters() if "lora_" not in name]  # fmt: skip
        self.parameters = sum(prod(shape) for shape in shapes)

    def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
        pipeline.health.report_every_loss(trainer)  # as the health check of the shipped YAMLs has it
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokens = torch.zeros((), dtype=torch.long, device=device)
        self.learned = torch.zeros((), dtype=torch.long, device=device)
        self.slots = 0
        self.losses: list[torch.Tensor] = []  # of the micro batches, left on the card
        pad, plain = trainer.processing_class.pad_token_id, trainer.compute_loss

        def counted(model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
            self.tokens += (inputs["input_ids"] != pad).sum()
            self.learned += (inputs["labels"] != -100).sum()
            self.slots += inputs["input_ids"].numel()
            found = plain(model, inputs, *rest, **named)
            self.losses.append((found[0] if isinstance(found, tuple) else found).detach())
            return found

        trainer.compute_loss = counted

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        return [_Clock(self, cfg)]


class _Clock(TrainerCallback):
    """Measures from the end of the warm-up, over so many steps and so many seconds at least; a whole run to its end."""

    def __init__(self, plugin: SpeedPlugin, cfg: Any) -> None:
        self.plugin, self.cfg = plugin, cfg
        self.warm_up, self.measured = int(os.environ[WARM_UP]), int(os.environ[MEASURED])
        self.seconds, self.whole = float(os.environ[SECONDS]), bool(os.environ.get(WHOLE))
        self.start: tuple[float, int, int, int] | None = None
        self.written_at: int | None = None
        self.ends: list[float] = []
        self.peak_allocated = self.peak_reserved = 0.0
        self.profiler: Any = None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        step = state.global_step
        at_mark = step > self.warm_up and not (step - self.warm_up) % self.measured and not self.whole
        if torch.cuda.is_available():
            if at_mark or step in (1, self.warm_up):
                torch.cuda.synchronize()  # at the marks only: the card runs on between them, as in a run nobody measures
            # Axolotl resets the counters whenever it logs, so the greatest of all steps is kept.
            self.peak_allocated = max(self.peak_allocated, torch.cuda.max_memory_allocated() / 2**30)
            self.peak_reserved = max(self.peak_reserved, torch.cuda.max_memory_reserved() / 2**30)
        self.ends.append(time.time())
        if step == self.warm_up:
            plugin = self.plugin
            self.start = (self.ends[-1], int(plugin.tokens), int(plugin.learned), plugin.slots)
        if at_mark and self.written_at is None and self._has_enough():
            self._write(step)
            if os.environ.get(PROFILE):
                self.profiler = torch.profiler.profile()
                self.profiler.__enter__()
            else:
                control.should_training_stop = True
        elif self.profiler and self.written_at is not None and step == self.written_at + PROFILED:
            self.profiler.__exit__(None, None, None)
            by = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
            table = self.profiler.key_averages().table(sort_by=by, row_limit=40, max_name_column_width=90)
            Path(os.environ[PROFILE]).write_text(waits(self.profiler.events()) + "\n" + table)
            control.should_training_stop = True

    def _has_enough(self) -> bool:
        return self.start is not None and over_cards(self.ends[-1] - self.start[0], "MAX") >= self.seconds

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if self.written_at is None and self.start is not None and state.global_step > self.warm_up:
            self.ends[-1] = time.time()
            self._write(state.global_step)
        parts = self.cfg.gradient_accumulation_steps or 1
        steps = [
            torch.stack(self.plugin.losses[at : at + parts]).mean()
            for at in range(0, len(self.plugin.losses), parts)
        ]
        losses = [round(float(loss), 5) for loss in steps]
        if dist.is_initialized():
            dist.barrier()
        if rank():
            leave(self.plugin.lock)
        with Path(os.environ[OUTPUT]).open("a", encoding="utf-8") as out:
            out.write(json.dumps({"name": os.environ[NAME], "losses": losses}) + "\n")
        leave(self.plugin.lock)

    def _write(self, step: int) -> None:
        plugin, self.written_at = self.plugin, step
        assert self.start is not None
        seconds = over_cards(self.ends[-1] - self.start[0], "MAX")
        tokens = over_cards(int(plugin.tokens) - self.start[1])
        learned = over_cards(int(plugin.learned) - self.start[2])
        slots = over_cards(plugin.slots - self.start[3])
        self.peak_allocated = over_cards(self.peak_allocated, "MAX")
        self.peak_reserved = over_cards(self.peak_reserved, "MAX")
        cards = dist.get_world_size() if dist.is_initialized() else 1
        if rank():
            return
        gaps = [round(after - before, 4) for before, after in zip(self.ends, self.ends[1:], strict=False)]
        line = {
            "name": os.environ[NAME],
            "device": card(),
            "cards": cards,
            "versions": versions(),
            "steps": step - self.warm_up,
            "seconds": round(seconds, 3),
            "tokens_per_s": round(tokens / seconds, 1),
            "learned_per_s": round(learned / seconds, 1),
            "fill": round(tokens / slots, 4),
            "tflops": round(4 * plugin.parameters * tokens / seconds / cards / 1e12, 1),  # a card
            "parameters": plugin.parameters,
            "allocated_gib": round(self.peak_allocated, 2),
            "peak_gib": round(self.peak_reserved, 2),
            "load_to_first_step_s": round(self.ends[0] - plugin.locked, 1),
            "load_to_end_s": round(self.ends[-1] - plugin.locked, 1),
            "step_s": gaps,
        }
        with Path(os.environ[OUTPUT]).open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        print("SPEED " + json.dumps(line), flush=True)


def over_cards(value: float, how: str = "SUM") -> float:
    """The sum or the greatest of a number over a run's processes; all of them must ask."""
    if not dist.is_initialized():
        return value
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = torch.tensor(value, dtype=torch.float64, device=device)
    dist.all_reduce(found, getattr(dist.ReduceOp, how))
    return float(found)
