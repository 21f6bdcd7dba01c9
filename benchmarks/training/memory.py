"""Peak GPU memory of LoRA and QLoRA at the 8B shape, and the smallest card that each setting fits.

    python -m benchmarks.training.random_model INPUTS
    python -m benchmarks.training.memory INPUTS memory.jsonl [--seconds 110] [--adapters lora qlora qlora_t4]
    python -m benchmarks.training.memory --table memory.jsonl

A process for each adapter (Axolotl's patches outlive a run), one at a time on the card: Axolotl loads the model and makes
its trainer from the shipped YAML; then each micro-batch x sequence length, without and with recompute, takes two whole
steps (forward, backward, clipping, AdamW) through the trainer's own `training_step`, under torch's per-process memory limit of
a card's size less 1 GiB, from the smallest card up, until one fits. `peak_gib` is torch's own counter of reserved memory
in the run that fitted. A line whose `fits_gb` is null fitted no card of the list. A process begins no setting after
`--seconds` from its loaded model, the small ones come first, and what is missing is said; lines that are in the file already
are not made again.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import torch

from benchmarks.training.settings import for_cpu, shipped
from benchmarks.training.turn import LOCK, card, leave, take_turn, versions
from data_builders.manifest import REPO
from pipeline.environments import QUIET

YAMLS = {"lora": "llama31_8b_lora", "qlora": "llama31_8b_qlora", "qlora_t4": "llama31_8b_qlora_t4"}
BATCHES, LENGTHS, STEPS = (1, 2, 4, 8), (1024, 2048, 4096), 2
CARDS = (16, 24, 40, 80, 141)
RESERVED_FOR_OTHERS, DOCUMENT = 1, 215
"""GiB that the limit leaves to driver and display; tokens of a row among the packed"""
SETTING = ("adapter", "micro_batch", "sequence_len", "recompute")
GIVE_UP = 3
"""errors other than a lack of memory, one after the other, after which the card's context is taken for broken"""


def grid(adapter: str) -> list[tuple[int, int, bool]]:
    """(rows, tokens of a row, recompute), the fewest tokens first."""
    sizes = sorted(itertools.product(BATCHES, LENGTHS), key=lambda size: (size[0] * size[1], size[1]))
    if adapter == "qlora_t4":  # the card has 16 GB and no more
        return [(rows, length, True) for rows, length in sizes if rows * length <= 4096]
    return [(rows, length, recompute) for rows, length in sizes for recompute in (False, True)]


def build(adapter: str, inputs: Path, work: Path) -> tuple[Any, IO[str]]:
    """Axolotl's trainer, its model on the device, from the shipped YAML; and the turn that was waited for."""
    from axolotl.cli.config import load_cfg  # pyright: ignore[reportMissingImports]
    from axolotl.common.datasets import load_datasets  # pyright: ignore[reportMissingImports]
    from axolotl.train import setup_model_and_trainer  # pyright: ignore[reportMissingImports]
    from axolotl.utils import set_pytorch_cuda_alloc_conf  # pyright: ignore[reportMissingImports]
    from axolotl.utils.dict import DictDefault  # pyright: ignore[reportMissingImports]

    set_pytorch_cuda_alloc_conf()  # as `axolotl train` does
    changes: dict[str, Any] = {"max_steps": 4, "gradient_accumulation_steps": 1, "sequence_len": max(LENGTHS)}
    # Recompute is switched on here so that Axolotl prepares the model for it; each setting switches it itself.
    config = shipped(YAMLS[adapter], inputs, work, changes | {"gradient_checkpointing": True})
    cfg = load_cfg(DictDefault(config if torch.cuda.is_available() else for_cpu(config)))
    rows = load_datasets(cfg=cfg)
    lock = take_turn()
    trainer, *_ = setup_model_and_trainer(cfg, rows)
    trainer.create_optimizer()
    trainer.model_wrapped, trainer.optimizer = trainer.accelerator.prepare(trainer.model, trainer.optimizer)
    trainer.current_gradient_accumulation_steps = 1
    return trainer, lock


def batch(rows: int, length: int, vocabulary: int, packed: bool) -> dict[str, torch.Tensor]:
    """Rows of random tokens, all learned; packed, positions restart with each document, as Axolotl collates them."""
    tokens = torch.randint(300, vocabulary, (rows, length))
    made = {"input_ids": tokens, "labels": tokens.clone()}
    if not packed:
        return made | {"attention_mask": torch.ones_like(tokens)}
    return made | {"position_ids": (torch.arange(length) % DOCUMENT).expand(rows, length).contiguous()}


def steps(trainer: Any, rows: int, length: int, recompute: bool, packed: bool) -> float:
    """Two whole steps; returns the seconds of the second."""
    inner = trainer.accelerator.unwrap_model(trainer.model_wrapped)
    if recompute:
        inner.gradient_checkpointing_enable({"use_reentrant": True})  # Axolotl's default
    else:
        inner.gradient_checkpointing_disable()
    started = 0.0
    for _ in range(STEPS):
        _synchronize()
        started = time.perf_counter()
        trainer.training_step(trainer.model_wrapped, batch(rows, length, 3000, packed))
        trainer.accelerator.clip_grad_norm_(trainer.model_wrapped.parameters(), trainer.args.max_grad_norm)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()
    _synchronize()
    return time.perf_counter() - started


def cards() -> list[int]:
    """The sizes, in GB, that this machine's card can stand for."""
    if not torch.cuda.is_available():
        return list(CARDS)
    whole = torch.cuda.get_device_properties(0).total_memory / 2**30
    return [size for size in CARDS if size - RESERVED_FOR_OTHERS <= whole]


def limit(gib: float | None) -> float:
    """Cap the process at that many GiB (None: the whole card); returns the cap."""
    if not torch.cuda.is_available():
        return 0.0
    whole = torch.cuda.get_device_properties(0).total_memory / 2**30
    torch.cuda.set_per_process_memory_fraction(1.0 if gib is None else gib / whole)
    return gib or whole


def measured(trainer: Any, adapter: str, rows: int, length: int, recompute: bool) -> dict[str, Any]:
    """One line of the table; `error` holds what went wrong where it wasn't a lack of memory."""
    line: dict[str, Any] = {"adapter": adapter, "micro_batch": rows, "sequence_len": length}
    line |= {"recompute": recompute, "fits_gb": None, "peak_gib": None, "tokens_per_s": None}
    for size in cards():
        line["tried_gb"] = size
        _clear(trainer)
        cap = limit(size - RESERVED_FOR_OTHERS)
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        try:
            seconds = steps(trainer, rows, length, recompute, adapter != "qlora_t4")
        except torch.OutOfMemoryError:
            continue
        except RuntimeError as error:
            if "out of memory" in str(error).lower() or "ALLOC_FAILED" in str(error):
                continue
            return line | {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        finally:
            limit(None)
        line |= {"fits_gb": size, "cap_gib": round(cap, 2), "tokens_per_s": round(rows * length / seconds)}
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


def read(path: Path) -> list[dict[str, Any]]:
    """The lines that are there, but for those of an error."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    return [line for line in lines if "error" not in line]


def measure(adapter: str, parsed: argparse.Namespace) -> None:
    """All settings of one adapter, each line written as it comes."""
    there = {tuple(line[key] for key in SETTING) for line in read(parsed.output)}
    wanted = [setting for setting in grid(adapter) if (adapter, *setting) not in there]
    if not wanted:
        return
    with tempfile.TemporaryDirectory() as work:
        began = time.monotonic()
        trainer, lock = build(adapter, parsed.inputs, Path(work))
        loaded, broken, left = time.monotonic(), 0, []
        print(f"{adapter}: model loaded {loaded - began:.0f} s after the start", flush=True)
        for rows, length, recompute in wanted:
            if time.monotonic() > loaded + parsed.seconds or broken >= GIVE_UP:
                left.append(f"{rows} x {length}{' recompute' if recompute else ''}")
                continue
            line = measured(trainer, adapter, rows, length, recompute)
            broken = broken + 1 if "error" in line else 0
            line |= {"device": card(), "versions": versions()}
            with parsed.output.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
            print(json.dumps({key: value for key, value in line.items() if key != "versions"}), flush=True)
        print(
            f"{adapter}: {time.monotonic() - loaded:.0f} s; not begun: {', '.join(left) or 'none'}",
            flush=True,
        )
    leave(lock)


def table(path: Path) -> str:
    """Markdown: for each adapter and recompute, rows of micro-batch, columns of length: peak GiB (smallest card in GB)."""
    cells = {tuple(line[key] for key in SETTING): line for line in read(path)}
    out = []
    for adapter, recompute in sorted({(key[0], key[3]) for key in cells}):
        out += ["", f"{adapter}, {'with' if recompute else 'without'} recompute", ""]
        out += ["| micro batch | " + " | ".join(f"{length:,}" for length in LENGTHS) + " |", "|---" * 4 + "|"]
        for rows in BATCHES:
            row = []
            for length in LENGTHS:
                line = cells.get((adapter, rows, length, recompute))
                fits = line and line["fits_gb"]
                none = f"not in {line['tried_gb']}" if line else ""
                row.append(f"{line['peak_gib']} ({fits})" if line and fits else none)
            out.append(f"| {rows} | " + " | ".join(row) + " |")
    return "\n".join(out).strip()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", type=Path, nargs="?")
    parser.add_argument("output", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=110.0, help="for each adapter, its model loaded")
    parser.add_argument("--adapters", nargs="+", default=list(YAMLS), choices=list(YAMLS))
    parser.add_argument("--table", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.table:
        print(table(parsed.table))
        return
    if not parsed.inputs or not parsed.output:
        parser.error("INPUTS and OUTPUT.jsonl, or --table OUTPUT.jsonl")
    if parsed.one:
        measure(parsed.adapters[0], parsed)
        return
    paths = os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH")]))
    environment = os.environ | QUIET | {"PYTHONPATH": paths, LOCK: f"{parsed.output}.lock"}
    running = []
    for adapter in parsed.adapters:
        command = [sys.executable, "-m", "benchmarks.training.memory", str(parsed.inputs), str(parsed.output)]
        command += ["--one", "--adapters", adapter, "--seconds", str(parsed.seconds)]
        with Path(f"{parsed.output}.{adapter}.log").open("wb") as log:
            running.append(
                (adapter, subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT))
            )
    for adapter, process in running:
        code = process.wait()
        print(
            f"{adapter}: {'done' if not code else f'ended with code {code}'}, see {parsed.output}.{adapter}.log"
        )
    print(table(parsed.output))


if __name__ == "__main__":
    main()
