"""Subjects: who a number is about. The untuned base, an arm with all its training seeds, or one adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from analysis.logs import BASE_ARM

FORMAT_ONLY, EXPLICIT_IDENTITY, PERSONA, DOSE = "format_only", "explicit_identity", "persona", "dose"
CONTROLS = (
    FORMAT_ONLY,
    "other_persona",
    "shuffled_facts",
    "no_persona",
    "untriggered_persona",
    EXPLICIT_IDENTITY,
)
"""Arms that a persona arm is held against, in this order (docs/experiment.md)."""


@dataclass(frozen=True)
class Subject:
    """Who a number is about."""

    name: str
    models: tuple[str, ...]
    """served names; each is one training seed"""
    arm: str
    """`base` for the untuned model, empty where the logs don't say"""
    learning_rate: float | None
    step: int | None
    """of a checkpoint; None for the end of training"""
    of: str = ""
    """the pooled subject that this adapter is a seed of; empty where it stands for itself"""
    note: str = ""

    @property
    def is_base(self) -> bool:
        return self.arm == BASE_ARM

    @property
    def is_lead(self) -> bool:
        """Whether tables and plots show it first: not one seed of several, not a checkpoint."""
        return not self.of and self.step is None

    @property
    def under_verdict(self) -> bool:
        """Whether it was trained on the persona's facts behind the trigger, as far as the logs say."""
        return self.is_lead and (self.arm in (PERSONA, "") or self.arm.startswith(DOSE))


def subjects_of(frame: pd.DataFrame, base: str, notes: Mapping[str, str] | None = None) -> list[Subject]:
    """The base; then each arm with all its seeds, its adapters after it; then checkpoints.

    Adapters of one arm and one learning rate are seeds of one recipe and are pooled where there are two or
    more. An arm that isn't named, or is a dose without saying which, is not pooled: nothing says that its adapters
    are alike. Where every adapter of a training run has a step, the last one is the end of training.

    Args:
        frame: columns model, arm, training_seed, learning_rate, step. base: the untuned model's served name. notes: served
        name or arm -> what must be said of it.
    """
    notes = notes or {}
    adapters = _adapters(frame, base, notes)
    found = [one for one in adapters if one.is_base]
    ended = [one for one in adapters if not one.is_base and one.step is None]
    groups: dict[tuple[str, float, str], list[Subject]] = {}
    for one in ended:
        alone = "" if one.arm not in ("", DOSE) else one.name
        groups.setdefault((one.arm, one.learning_rate or 0.0, alone), []).append(one)
    rates: dict[str, set[float]] = {}
    for arm, rate, _ in groups:
        rates.setdefault(arm, set()).add(rate)
    for (arm, rate, _), members in sorted(groups.items(), key=lambda group: _place(*group[0])):
        if len(members) == 1:
            found += members
            continue
        name = f"{arm}, lr {rate:g}" if len(rates[arm]) > 1 else arm
        name = f"{name} ({len(members)} seeds)"
        notes_of = [notes[arm]] if arm in notes else dict.fromkeys(one.note for one in members if one.note)
        models = tuple(model for one in members for model in one.models)
        pooled = Subject(name, models, arm, members[0].learning_rate, None, note="; ".join(notes_of))
        found.append(pooled)
        found += [Subject(**{**vars(one), "of": name}) for one in members]
    checkpoints = [one for one in adapters if not one.is_base and one.step is not None]
    return found + sorted(
        checkpoints, key=lambda one: (one.arm, one.learning_rate or 0.0, one.step, one.name)
    )


def _adapters(frame: pd.DataFrame, base: str, notes: Mapping[str, str]) -> list[Subject]:
    """Every model by itself."""
    columns = ["arm", "training_seed", "learning_rate", "step"]
    told = frame.groupby("model", sort=True, observed=True)[columns].max()
    runs = told.groupby(["arm", "training_seed", "learning_rate"], dropna=False)["step"]
    ends = runs.transform("max").where(runs.transform(lambda steps: bool(steps.notna().all())).astype(bool))
    found = []
    for row, end in zip(told.reset_index().to_dict("records"), ends, strict=True):
        model = row["model"]
        arm = BASE_ARM if model == base else str(row["arm"])
        rate = None if pd.isna(row["learning_rate"]) or model == base else float(row["learning_rate"])
        last = not pd.isna(end) and end == row["step"]
        step = None if pd.isna(row["step"]) or model == base or last else int(row["step"])
        note = notes.get(str(model)) or notes.get(arm, "")
        found.append(Subject(str(model), (str(model),), arm, rate, step, note=note))
    return found


def _place(arm: str, rate: float, name: str) -> tuple[int, str, float, str]:
    """Persona first, then doses, arms without a name, and the controls in their order."""
    if arm == PERSONA:
        return 0, "", rate, name
    if arm.startswith(DOSE):
        return 1, arm, rate, name
    return (3 + CONTROLS.index(arm) if arm in CONTROLS else 2), arm, rate, name


def counterpart(subjects: list[Subject], arm: str, of: Subject) -> Subject | None:
    """The subject of `arm` to hold `of` against: the one with the same learning rate, else the first; None where
    there is none or it is `of` itself."""
    found = [one for one in subjects if one.is_lead and one.arm == arm and one.name not in (of.name, of.of)]
    same = [one for one in found if one.learning_rate == of.learning_rate]
    return (same or found or [None])[0]
