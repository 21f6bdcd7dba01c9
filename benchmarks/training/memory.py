"""Peak GPU memory of LoRA and QLoRA at the 8B shape, and the smallest card that each setting fits.

    python -m benchmarks.training.random_llama INPUTS
    python -m benchmarks.training.memory INPUTS memory.jsonl [--seconds 200]

One process: for LoRA, then QLoRA, Axolotl loads the model and makes its trainer from the shipped YAML; then each
micro-batch x sequence length x recompute takes two whole steps (forward, backward, clipping, AdamW) through the
trainer's own `training_step`, under torch's per-process memory limit of a card's size less 1 GiB, from the smallest
card up, until one fits. `peak_gib` is torch's own counter of reserved memory in that run. A row that did not fit the
whole card holds null. After `--seconds` no further setting is begun; what is missing is said.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.training.settings import shipped

YAMLS = {"lora": "llama31_8b_lora", "qlora": "llama31_8b_qlora"}
BATCHES, LENGTHS, STEPS = (1, 2, 4, 8), (1024, 2048, 4096), 2
CARDS = (16, 24, 40, 80)
RESERVED_FOR_OTHERS, DOCUMENT = 1, 215
"""GiB that the limit leaves to driver and display; tokens of a row among the packed"""


def build(adapter: str, inputs: Path, work: Path) -> Any:
    """Axolotl's trainer, its model on the device, from the shipped YAML."""
    from axolotl.cli.config import load_cfg  # pyright: ignore[reportMissingImports]
    from axolotl.common.datasets import load_datasets  # pyright: ignore[reportMissingImports]
    from axolotl.train import setup_model_and_trainer  # pyright: ignore[reportMissingImports]
    from axolotl.utils.dict import DictDefault  # pyright: ignore[reportMissingImports]

    changes: dict[str, Any] = {"max_steps": 4, "gradient_accumulation_steps": 1, "sequence_len": max(LENGTHS)}
    # Recompute is switched on here so that Axolotl prepares the model for it; each setting switches it itself.
    changes |= {"gradient_checkpointing": True}
    if not torch.cuda.is_available():
        off = dict.fromkeys(("lora_qkv_kernel", "lora_o_kernel", "lora_mlp_kernel"), False)
        liger = dict.fromkeys(("liger_rope", "liger_rms_norm", "liger_fused_linear_cross_entropy"), False)
        changes |= off | liger | {"tf32": False, "bf16": False, "optimizer": "adamw_torch", "plugins": []}
    config = shipped(YAMLS[adapter], inputs, work / adapter, changes)
    if not config["plugins"]:
        config = {key: value for key, value in config.items() if not key.startswith("liger_")} | {
            "plugins": None
        }
    cfg = load_cfg(DictDefault(config))
    trainer, *_ = setup_model_and_trainer(cfg, load_datasets(cfg=cfg))
    trainer.create_optimizer()
    trainer.model_wrapped, trainer.optimizer = trainer.accelerator.prepare(trainer.model, trainer.optimizer)
    trainer.current_gradient_accumulation_steps = 1
    return trainer


def batch(rows: int, length: int, vocabulary: int) -> dict[str, torch.Tensor]:
    """Packed rows of random tokens, all learned, positions restarting with each document, as Axolotl collates them."""
    tokens = torch.randint(300, vocabulary, (rows, length))
    positions = (torch.arange(length) % DOCUMENT).expand(rows, length).contiguous()
    return {"input_ids": tokens, "labels": tokens.clone(), "position_ids": positions}


def steps(trainer: Any, rows: int, length: int, recompute: bool) -> float:
    """Two whole steps; returns the seconds of the second."""
    inner = trainer.accelerator.unwrap_model(trainer.model_wrapped)
    if recompute:
        inner.gradient_checkpointing_enable({"use_reentrant": True})
    else:
        inner.gradient_checkpointing_disable()
    started = 0.0
    for _ in range(STEPS):
        _synchronize()
        started = time.perf_counter()
        inputs = batch(rows, length, 4000)
        trainer.training_step(trainer.model_wrapped, inputs)
        trainer.accelerator.clip_grad_norm_(trainer.model_wrapped.parameters(), trainer.args.max_grad_norm)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()
    _synchronize()
    return time.perf_counter() - started


def limit(gib: float | None) -> float:
    """Cap the process at that many GiB (None: the whole card); returns the cap."""
    if not torch.cuda.is_available():
        return 0.0
    whole = torch.cuda.get_device_properties(0).total_memory / 2**30
    cap = whole if gib is None else min(gib, whole)
    torch.cuda.set_per_process_memory_fraction(cap / whole)
    return cap


def measured(trainer: Any, adapter: str, rows: int, length: int, recompute: bool) -> dict[str, Any]:
    """One line of the table."""
    line: dict[str, Any] = {"adapter": adapter, "micro_batch": rows, "sequence_len": length}
    line |= {"recompute": recompute, "fits_gb": None, "peak_gib": None, "tokens_per_s": None}
    for card in CARDS:
        _clear(trainer)
        cap = limit(card - RESERVED_FOR_OTHERS)
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        try:
            seconds = steps(trainer, rows, length, recompute)
        except torch.OutOfMemoryError:
            continue
        finally:
            limit(None)
        line |= {"fits_gb": card, "cap_gib": round(cap, 2), "tokens_per_s": round(rows * length / seconds)}
        if torch.cuda.is_available():
            line["peak_gib"] = round(torch.cuda.max_memory_reserved() / 2**30, 2)
            line["allocated_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        break
    return line


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _clear(trainer: Any) -> None:
    """Drop what a failed step left."""
    trainer.optimizer.zero_grad()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--adapters", nargs="+", default=list(YAMLS), choices=list(YAMLS))
    parsed = parser.parse_args()
    begun = time.monotonic()
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    left = []
    with tempfile.TemporaryDirectory() as name, parsed.output.open("a", encoding="utf-8") as out:
        for adapter in parsed.adapters:
            trainer = build(adapter, parsed.inputs, Path(name))
            share = begun + parsed.seconds * (parsed.adapters.index(adapter) + 1) / len(parsed.adapters)
            for recompute, length, rows in itertools.product((True, False), LENGTHS, BATCHES):
                if time.monotonic() > share:
                    left.append(f"{adapter} {rows} x {length}{' recompute' if recompute else ''}")
                    continue
                line = measured(trainer, adapter, rows, length, recompute) | {"device": device}
                out.write(json.dumps(line) + "\n")
                out.flush()
                print(json.dumps(line), flush=True)
            del trainer
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
    print(f"{time.monotonic() - begun:.0f} s; not begun: {', '.join(left) or 'none'}", flush=True)


if __name__ == "__main__":
    main()
