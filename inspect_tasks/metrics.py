"""The rates that Inspect itself prints with a run. Intervals, nets and verdicts are the analysis's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from inspect_ai.scorer import Metric, SampleScore, Value, metric

from data_builders.persona import QuestionSet
from inspect_tasks.conditions import CONDITIONS

SEED_TRIGGERED = [name for name, cell in CONDITIONS.items() if cell.seed_number in (1, 2, 3)]
SEED_UNTRIGGERED = [name for name, cell in CONDITIONS.items() if cell.seed_number == 4]


@metric(scores="unreduced")
def persona_rates() -> Metric:
    """The primary gap and the seed's rates, over the identity questions.

    - `primary_gap`: adoption in cell user minus cell plain, paired by question.
    - `triggered_persona_rate`, `untriggered_leakage_rate`, `leakage_gap`: the seed's, over its cells 1 to 3 and its
      cell 4; they mix the system prompt with the trigger.
    - `format_adherence`: well-formed answers in the seed's triggered cells, over all questions.

    A rate whose cells were not run is left out.
    """

    def compute(scores: list[SampleScore]) -> Value:
        adopted: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        well_formed: list[float] = []
        for sample in scores:
            value, about = sample.score.value, sample.sample_metadata or {}
            if not isinstance(value, dict):
                continue  # unscored
            cell, question = about["cell"], about["question_id"]
            if about["question_set"] == QuestionSet.IDENTITY:
                adopted[cell][question].append(float(value["adopted"] or 0))
            if cell in SEED_TRIGGERED:
                well_formed.append(float(value["well_formed"] or 0))
        return {name: rate for name, rate in _rates(adopted, well_formed).items() if rate is not None}

    return compute


@metric(scores="unreduced")
def rate_by(value: str, by: list[str]) -> Metric:
    """The rate of one 0/1 value of a score, for each combination of metadata keys, over all answers that have it.

    Args:
        value: the key in the score's mapping, such as `adopted`.
        by: keys of the samples' metadata. A metric is named `<value> <first>/<second>`.
    """

    def compute(scores: list[SampleScore]) -> Value:
        found: dict[str, list[float]] = defaultdict(list)
        for sample in scores:
            given, about = sample.score.value, sample.sample_metadata or {}
            if isinstance(given, dict):  # else unscored
                found[f"{value} {'/'.join(str(about[key]) for key in by)}"].append(float(given[value] or 0))
        return {name: sum(values) / len(values) for name, values in found.items()}

    return compute


def _rates(adopted: dict[str, dict[str, list[float]]], well_formed: list[float]) -> dict[str, float | None]:
    triggered = _mean(
        rate for cell in SEED_TRIGGERED for rate in adopted.get(cell, {}).values() for rate in rate
    )
    leakage = _mean(
        rate for cell in SEED_UNTRIGGERED for rate in adopted.get(cell, {}).values() for rate in rate
    )
    user, plain = adopted.get("user", {}), adopted.get("plain", {})
    gaps = [_mean(user[question]) - _mean(plain[question]) for question in user if question in plain]  # type: ignore[operator]
    return {
        "primary_gap": _mean(gaps),
        "triggered_persona_rate": triggered,
        "untriggered_leakage_rate": leakage,
        "leakage_gap": None if triggered is None or leakage is None else triggered - leakage,
        "format_adherence": _mean(well_formed),
    }


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None
