"""What speed.py measured, as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median
from typing import Any

PLAIN, PADDED, PEAK = "plain_peft", "plain_peft_padded", "peak"
MEASURED_PEAK, PAPER_PEAK = 790.0, 989.0
"""bf16 TFLOP/s of an H200: a large matrix product measured earlier, and the data sheet's"""


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """The lines of a folder's speed.jsonl, or of such a file; none where nothing was measured."""
    path = folder if folder.is_file() else folder / "speed.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def table(folder: Path, against: dict[str, str]) -> str:
    """Markdown: each run's mean tokens/s over its repeats, range, shares of three peaks, memory, and its loss curve.

    Columns: run, card, runs, tokens/s without padding (mean), lowest to highest, times plain PEFT on full rows and on padded
    ones, TFLOP/s (4 x parameters
    x tokens) as a share of the matrix product measured beside it, of 790 and of 989, tokens/s by the median step (the mean of the
    repeats; a step's end is the host's, which may run ahead of the card), packing's fill, peak GiB reserved, seconds from the load to the
    first step, first and last loss, and the greatest difference from the loss of the run named in `against` over the steps
    that both took, or between the first two repeats where there is none.

    Args:
        against: run -> the run of the same rows in the same steps.
    """
    lines = lines_of(folder)
    peak = next((line["peak_tflops"] for line in lines if line["name"] == PEAK), None)
    speeds: dict[str, list[dict[str, Any]]] = {}
    losses: dict[str, list[list[float]]] = {}
    for line in lines:
        name = line["name"].rsplit(".", 1)[0]
        if "losses" in line:
            losses.setdefault(name, []).append(line["losses"])
        elif "tokens_per_s" in line:
            speeds.setdefault(name, []).append(line)
    plain, padded = (
        mean(line["tokens_per_s"] for line in speeds[name]) if name in speeds else None
        for name in (PLAIN, PADDED)
    )
    out = [f"Matrix product measured beside the runs: {peak or 'none'} TFLOP/s", ""]
    head = "run, card, runs, tokens/s, range, x plain PEFT, x padded, of measured, of 790, of 989, by median step, fill, peak GiB, start s, loss, loss against"
    out += ["| " + " | ".join(head.split(", ")) + " |", "| --- " * len(head.split(", ")) + "|"]
    for name, found in speeds.items():
        rates = [line["tokens_per_s"] for line in found]
        tflops = mean(line["tflops"] for line in found)
        shares = [f"{tflops / one:.3f}" if one else "" for one in (peak, MEASURED_PEAK, PAPER_PEAK)]
        starts = [line["load_to_first_step_s"] for line in found if "load_to_first_step_s" in line]
        row = [name, found[0]["device"], str(len(found)), f"{mean(rates):,.0f}"]
        row += [
            f"{min(rates):,.0f} to {max(rates):,.0f}",
            *(f"{mean(rates) / one:.2f}" if one else "" for one in (plain, padded)),
            *shares,
            _by_median_step(found),
        ]
        row += [
            f"{mean(line['fill'] for line in found):.3f}",
            f"{max(line['peak_gib'] for line in found):.1f}",
        ]
        row += [f"{mean(starts):.0f}" if starts else "", _ends(losses.get(name, [[]])[0])]
        out.append("| " + " | ".join([*row, _difference(name, against.get(name), losses)]) + " |")
    return "\n".join(out)


def _by_median_step(found: list[dict[str, Any]]) -> str:
    """The last `steps` gaps between the ends of steps are the measured ones."""
    rates = [line["tokens_per_s"] * line["seconds"] / line["steps"] / median(line["step_s"][-line["steps"] :])
             for line in found if line.get("step_s")]  # fmt: skip
    return f"{mean(rates):,.0f}" if rates else ""


def _ends(losses: list[float]) -> str:
    return f"{losses[0]:.3f} to {losses[-1]:.3f} in {len(losses)}" if losses else ""


def _difference(name: str, other: str | None, losses: dict[str, list[list[float]]]) -> str:
    curves, words = (
        [found[0] for found in (losses.get(name), losses.get(other or "")) if found],
        f"from {other}",
    )
    if not other:
        curves, words = losses.get(name, [])[:2], "between repeats"
    if len(curves) < 2:
        return ""
    both = list(zip(*curves, strict=False))
    return f"{max(abs(one - two) for one, two in both):.4f} {words} over {len(both)} steps"


def waits(events: Iterable[Any], shown: int = 12) -> str:
    """How long the card worked of the time between its first and last kernel, and its longest waits, as text.

    Args:
        events: torch's profiler's, times in microseconds; those of the CPU and the profiler's own marks are left out.
    """
    work = sorted(
        (event.time_range.start, event.time_range.end, event.name)
        for event in events
        if event.device_type.name == "CUDA" and not event.is_user_annotation
    )
    busy, end = 0.0, work[0][0] if work else 0.0
    found = []
    for start, stop, name in work:
        if start > end:
            found.append((start - end, name))
        busy += max(0.0, stop - max(start, end))
        end = max(end, stop)
    whole = end - work[0][0] if work else 0.0
    longest = [f"{length / 1e3:.2f} ms before {name[:80]}" for length, name in sorted(found, reverse=True)]
    head = f"the card worked {busy / 1e3:.1f} ms of {whole / 1e3:.1f} ms; its longest waits:"
    return "\n".join([head, *longest[:shown]])
