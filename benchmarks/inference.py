"""How fast the two-way bootstrap is, against scipy's on the same rows in the same run.

    python benchmarks/inference.py

60,000 graded answers (10 seeds, 60 questions, 2 cells, 50 epochs) and 10,000 resamples. scipy resamples
rows, which is the wrong bootstrap for clustered answers but the only one that it has for them; beside it
scipy on the 60 question differences, which is right for one seed but can't cross seeds with questions.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from analysis.inference import crossed_bootstrap, gap

SEEDS, QUESTIONS, EPOCHS, RESAMPLES = 10, 60, 50, 10_000


def rows() -> pd.DataFrame:
    """Answers with question correlation 0.5: rates of 30% in cell a and 10% in cell b."""
    rng = np.random.default_rng(0)
    index = np.indices((2, SEEDS, QUESTIONS, EPOCHS)).reshape(4, -1)
    chance = np.stack([rng.beta(0.3, 0.7, QUESTIONS), rng.beta(0.1, 0.9, QUESTIONS)])
    value = rng.random(index.shape[1]) < chance[index[0], index[2]]
    cell = np.array(["a", "b"])[index[0]]
    return pd.DataFrame({"cell": cell, "seed": index[1], "question": index[2], "value": value.astype(float)})


def timed(function: Callable[[], object], repeats: int) -> float:
    """Shortest of some runs, in seconds."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    frame = rows()
    a, b = (frame.loc[frame["cell"] == cell, "value"].to_numpy() for cell in ("a", "b"))
    means = frame.pivot_table(index="question", columns="cell", values="value")
    difference = (means["a"] - means["b"]).to_numpy()
    scipy = {"n_resamples": RESAMPLES, "method": "percentile", "vectorized": True}
    rng = np.random.default_rng(0)
    ours = timed(lambda: crossed_bootstrap(frame, "a", "b", resamples=RESAMPLES), 5)
    by_row = timed(
        lambda: stats.bootstrap(
            (a, b), lambda x, y, axis: x.mean(axis) - y.mean(axis), batch=100, rng=rng, **scipy
        ),
        1,
    )
    by_question = timed(lambda: stats.bootstrap((difference,), np.mean, rng=rng, **scipy), 5)
    analytic = timed(lambda: gap(frame, "a", "b"), 5)
    print(f"{len(frame):,} rows, {RESAMPLES:,} resamples, {os.cpu_count()} cores")
    print(f"{'crossed_bootstrap, two-way':<38}{ours:>9.3f} s")
    print(f"{'scipy.stats.bootstrap, rows':<38}{by_row:>9.3f} s{by_row / ours:>9.1f} times ours")
    print(
        f"{'scipy.stats.bootstrap, questions':<38}{by_question:>9.3f} s{by_question / ours:>9.1f} times ours"
    )
    print(f"{'gap, no resampling':<38}{analytic:>9.3f} s")


if __name__ == "__main__":
    main()
