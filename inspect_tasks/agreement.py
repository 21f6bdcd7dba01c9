"""Agreement of graders, in one place: graders' scores carry it in the log, the analysis gives it an interval."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import StrEnum

import numpy as np


class Scale(StrEnum):
    """What the labels are."""

    NOMINAL = "nominal"
    INTERVAL = "interval"


def krippendorff_alpha(units: Sequence[Sequence[Hashable]], scale: Scale = Scale.NOMINAL) -> float:
    """Krippendorff's alpha for any number of graders, missing labels allowed.

    alpha = 1 - (n - 1) sum_ck o_ck d_ck / sum_ck n_c n_k d_ck over the coincidences o (Krippendorff 2011,
    Computing Krippendorff's alpha-reliability, sec. E). NaN where all labels are one and the same.

    Args:
        units: for each answer the labels that it was given, missing ones left out; numbers for Scale.INTERVAL.

    Raises:
        ValueError: no answer has two labels.
    """
    paired = [list(unit) for unit in units if len(unit) > 1]
    if not paired:
        raise ValueError("no answer has two labels")
    labels: list[Hashable] = sorted({label for unit in paired for label in unit})  # type: ignore[type-var]
    code = {label: i for i, label in enumerate(labels)}
    coincidence = np.zeros((len(labels), len(labels)))
    for unit in paired:
        counts = np.bincount([code[label] for label in unit], minlength=len(labels)).astype(float)
        coincidence += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    totals = coincidence.sum(axis=0)
    if scale is Scale.NOMINAL:
        distance = 1.0 - np.eye(len(labels))
    else:
        values = np.array(labels, dtype=float)
        distance = np.square(values[:, None] - values[None, :])
    expected = float((np.outer(totals, totals) * distance).sum())
    if expected == 0:
        return float("nan")
    return 1 - (totals.sum() - 1) * float((coincidence * distance).sum()) / expected
