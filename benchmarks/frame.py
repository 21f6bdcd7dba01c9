"""How fast graded answers are read: from the Parquet cache, first in a fresh process, and from logs on one and on all cores.

    python -m benchmarks.frame                    # logs grown out of the test logs: 10,000 answers, the cache 100,000
    python -m benchmarks.frame --answers 100000   # as many from logs, too: minutes
    python -m benchmarks.frame LOG_OR_DIR         # your own logs

A fresh process imports pandas, pyarrow and Inspect first; that is shown apart. Logs are read once by one process and once by
as many as there are cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd
from inspect_ai.log import read_eval_log, write_eval_log

from analysis import cache
from analysis import frame as frame_code
from analysis.frame import load_frame
from analysis.logs import log_files
from data_builders.manifest import REPO

ROWS, REPEATS, A_LOG = 100_000, 5, 2_500
SOURCE = REPO / "tests" / "data" / "logs" / "smollm2" / "adapter.eval"
FRESH = """
import json, sys, time
begun = time.perf_counter()
from pathlib import Path
from analysis.cache import cached_frame
imported = time.perf_counter()
rows = len(cached_frame([Path(one) for one in sys.argv[2:]], Path(sys.argv[1])))
print(json.dumps([rows, imported - begun, time.perf_counter() - imported]))
"""
Result = TypeVar("Result")


def grow(folder: Path, answers: int) -> None:
    """Logs of `A_LOG` answers each, the real answers of a test log again and again with uuids of their own."""
    log = read_eval_log(str(SOURCE))
    samples, epochs = log.samples or [], log.eval.config.epochs or 1
    for number in range(-(-answers // A_LOG)):
        size = min(A_LOG, answers - number * A_LOG)
        log.samples = [
            samples[place % len(samples)].model_copy(
                update={
                    "uuid": f"{number}-{place}",
                    "epoch": samples[place % len(samples)].epoch + epochs * (place // len(samples)),
                }
            )
            for place in range(size)
        ]
        write_eval_log(log, str(folder / f"grown-{number}.eval"))


def many(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame's rows again and again up to `ROWS`, with uuids and texts that differ: repeats pack too well."""
    grown = pd.concat([frame] * -(-ROWS // len(frame)), ignore_index=True).head(ROWS)
    number = pd.Series(range(ROWS)).astype(str)
    for column in ("sample_uuid", "answer", "text"):
        grown[column] = grown[column] + number
    return grown


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    """What a function gives, and its seconds."""
    begun = time.perf_counter()
    return function(), time.perf_counter() - begun


def show(what: str, rows: int, seconds: float, more: str = "") -> None:
    """A line of the table."""
    print(f"{what:<40}{rows:>9,} rows{seconds:>9.3f} s  {more}".rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("logs", nargs="*", type=Path)
    parser.add_argument("--answers", type=int, default=10_000, help="in the logs that are grown")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not asked.logs:
            (folder / "logs").mkdir()
            grow(folder / "logs", asked.answers)
        files = log_files(asked.logs or [folder / "logs"])
        megabytes = sum(file.stat().st_size for file in files) / 1e6
        cores = os.cpu_count() or 1
        print(f"{cores} cores, load {os.getloadavg()[0]:.1f}; {len(files)} logs of {megabytes:.0f} MB")
        frame, seconds = timed(lambda: load_frame(files))
        show(f"logs, {cores} cores", len(frame), seconds, f"{len(frame) / seconds:,.0f} rows/s")
        frame_code.POOL_BYTES = sys.maxsize  # one process, whatever the size
        _, seconds = timed(lambda: load_frame(files))
        show("logs, one core", len(frame), seconds, f"{len(frame) / seconds:,.0f} rows/s")
        path = folder / f"frame-{cache.cache_key(files)}.parquet"
        path.write_bytes(many(frame).to_parquet(None, index=False))
        command = [sys.executable, "-c", FRESH, str(folder), *map(str, files)]
        told = subprocess.run(command, cwd=REPO, check=True, stdout=subprocess.PIPE, text=True).stdout
        rows, imports, first = json.loads(told)
        show("cache, first read of a fresh process", rows, first, f"after {imports:.1f} s of imports")
        times = [timed(lambda: len(cache.cached_frame(files, folder))) for _ in range(REPEATS)]
        show(f"cache, fastest of {REPEATS}", times[0][0], min(seconds for _, seconds in times))


if __name__ == "__main__":
    main()
