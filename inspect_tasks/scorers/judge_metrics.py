"""What a model-graded scorer prints with a run beside its mean: agreement, noise, and disagreement with the rules.

Unscored answers aren't in any of these; Inspect logs their number beside (`unscored_samples`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable
from typing import Any

from inspect_ai.scorer import Metric, SampleScore, Value, metric

from inspect_tasks.agreement import Scale, krippendorff_alpha


@metric(scores="unreduced")
def grader_agreement(scale: str = Scale.NOMINAL) -> Metric:
    """How far graders can be trusted, as far as the run itself shows it.

    - `krippendorff_alpha`: of the graders bound to the role, where there are several; with `_NAME` for each scale where
      there are more than one. Left out where all labels are alike.
    - `regraded`, `regrade_agreement`: labels that were asked for twice, and the share that came back the same.
    - `rule_disagreement`: share of grades that the deterministic scorer contradicts, where it has a say.
    """

    def compute(scores: list[SampleScore]) -> Value:
        units: dict[str, list[list[Hashable]]] = defaultdict(list)
        again: list[bool] = []
        disagree: list[bool] = []
        for sample in scores:
            about: dict[str, Any] = sample.score.metadata or {}
            for name, labels in (about.get("labels") or {}).items():
                units[name].append([label for label in labels if label is not None])
                again += [
                    first == second
                    for first, second in zip(
                        labels, (about.get("labels_again") or {}).get(name, []), strict=False
                    )
                    if first is not None and second is not None
                ]
            if about.get("disagrees_with_rule") is not None:
                disagree.append(bool(about["disagrees_with_rule"]))
        found: dict[str, float] = {"regraded": float(len(again))}
        if again:
            found["regrade_agreement"] = sum(again) / len(again)
        if disagree:
            found["rule_disagreement"] = sum(disagree) / len(disagree)
        for name, labels in units.items():
            if any(len(unit) > 1 for unit in labels):
                alpha = krippendorff_alpha(labels, Scale(scale))
                if not math.isnan(alpha):
                    found["krippendorff_alpha" + (f"_{name}" if len(units) > 1 else "")] = alpha
        return dict(found)

    return compute
