"""`python -m analysis.simulation [WORLDS] [WORKERS]`: see runner.py."""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd

from analysis.simulation.runner import settings, simulate
from analysis.simulation.small import bootstrap_table, correction_table

RESULTS = Path(__file__).with_name("results")
WORLDS = 10_000
FILES = {"rate": "rate.csv", "gap": "gap.csv", "net gap": "net_gap.csv"}


def main(arguments: list[str]) -> int:
    """Run every setting and write the tables; the committed ones only with the full number of worlds."""
    worlds = int(arguments[0]) if arguments else WORLDS
    workers = int(arguments[1]) if len(arguments) > 1 else 1
    results = RESULTS if worlds == WORLDS else Path(tempfile.mkdtemp(prefix="simulation-"))
    results.mkdir(exist_ok=True)
    started = time.perf_counter()
    run = partial(simulate, worlds=worlds)
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            rows = [row for part in pool.map(run, settings(), chunksize=8) for row in part]
    else:
        rows = [row for setting in settings() for row in run(setting)]
    table = pd.DataFrame(rows)
    for estimand, name in FILES.items():
        table[table["estimand"] == estimand].to_csv(results / name, index=False)
    bootstrap_table(max(worlds // 20, 50)).to_csv(results / "bootstrap.csv", index=False)
    correction_table(max(worlds // 20, 50)).to_csv(results / "correction.csv", index=False)
    met = ["coverage_met", "width_met", "false_alarms_met"]
    print("share of settings that meet the target")
    print(table.groupby(["estimand", "claim"])[met].mean().round(3).to_string())
    print(f"{len(table)} rows, {time.perf_counter() - started:.0f} s, in {results}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
