"""How fast 100,000 graded answers are read from the Parquet cache, and how fast logs are read without it.

    python -m benchmarks.frame              # the test logs, their rows repeated to 100,000
    python -m benchmarks.frame LOG_OR_DIR   # your own

The first cached read also loads pyarrow.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from analysis import cache
from analysis.frame import load_frame
from analysis.logs import log_files
from data_builders.manifest import REPO

ROWS, REPEATS = 100_000, 5


def many(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame's rows again and again up to `ROWS`, with uuids and texts that differ: repeats pack too well."""
    grown = pd.concat([frame] * -(-ROWS // len(frame)), ignore_index=True).head(ROWS)
    number = pd.Series(range(ROWS)).astype(str)
    for column in ("sample_uuid", "answer", "text"):
        grown[column] = grown[column] + number
    return grown


def main() -> None:
    files = log_files([Path(name) for name in sys.argv[1:]] or [REPO / "tests" / "data" / "logs"])
    start = time.perf_counter()
    frame = load_frame(files)
    cold = time.perf_counter() - start
    print(f"{'logs, no cache':<28}{len(frame):>9,} rows{cold:>9.3f} s")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"frame-{cache.cache_key(files)}.parquet"
        path.write_bytes(many(frame).to_parquet(None, index=False))
        rows, times = 0, []
        for _ in range(REPEATS):
            start = time.perf_counter()
            rows = len(cache.cached_frame(files, Path(folder)))
            times.append(time.perf_counter() - start)
        megabytes = path.stat().st_size / 1e6
        print(f"{'cache, first of five':<28}{rows:>9,} rows{times[0]:>9.3f} s{megabytes:>9.1f} MB")
        print(f"{'cache, fastest of five':<28}{rows:>9,} rows{min(times):>9.3f} s")


if __name__ == "__main__":
    main()
