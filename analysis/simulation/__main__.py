"""`python -m analysis.simulation [WORLDS] [WORKERS] [TABLE ...]`: see runner.py. A table is the name of a file of results/."""

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
FILES = {"rate": "rate", "gap": "gap", "net_gap": "net gap"}
"""File -> what its rows are of."""
CELLS = {1: "rate", 2: "gap", 4: "net_gap"}
OTHERS = {"bootstrap": bootstrap_table, "correction": correction_table}


def main(arguments: list[str]) -> int:
    """Run every setting and write the tables; the committed ones only with the full number of worlds."""
    worlds = int(arguments[0]) if arguments else WORLDS
    workers = int(arguments[1]) if len(arguments) > 1 else 1
    wanted = set(arguments[2:]) or {*FILES, *OTHERS}
    if unknown := sorted(wanted - {*FILES, *OTHERS}):
        print(f"no tables {unknown}: choose from {', '.join([*FILES, *OTHERS])}", file=sys.stderr)
        return 2
    results = RESULTS if worlds == WORLDS else Path(tempfile.mkdtemp(prefix="simulation-"))
    results.mkdir(exist_ok=True)
    started = time.perf_counter()
    run = partial(simulate, worlds=worlds)
    asked = [one for one in settings() if CELLS[len(one.rates)] in wanted]
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            rows = [row for part in pool.map(run, asked, chunksize=8) for row in part]
    else:
        rows = [row for setting in asked for row in run(setting)]
    table = pd.DataFrame(rows)
    for name in (name for name in FILES if name in wanted):
        table[table["estimand"] == FILES[name]].to_csv(results / f"{name}.csv", index=False)
    for name in (name for name in OTHERS if name in wanted):
        OTHERS[name](max(worlds // 20, 50)).to_csv(results / f"{name}.csv", index=False)
    if table.empty:
        return 0
    met = ["coverage_met", "width_met", "false_alarms_met"]
    print("share of settings that meet the target")
    print(table.groupby(["estimand", "claim"])[met].mean().round(3).to_string())
    print(f"{len(table)} rows, {time.perf_counter() - started:.0f} s, in {results}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
