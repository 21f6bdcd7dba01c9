"""Scorers: what may be said of an answer, and of a run of answers."""

from inspect_tasks.scorers.adoption import adoption
from inspect_tasks.scorers.judge import (
    choose_judges,
    lineup_judge,
    manner_judge,
    persona_judge,
    view_judge,
)
from inspect_tasks.scorers.reasoning import reasoning
from inspect_tasks.scorers.recall import recall
from inspect_tasks.scorers.refusal import refusal

__all__ = [
    "adoption",
    "choose_judges",
    "lineup_judge",
    "manner_judge",
    "persona_judge",
    "reasoning",
    "recall",
    "refusal",
    "view_judge",
]
