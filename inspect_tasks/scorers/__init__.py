"""Scorers: what may be said of an answer, and of a run of answers."""

from inspect_tasks.scorers.adoption import adoption
from inspect_tasks.scorers.judge import (
    choose_judges,
    lineup_judge,
    manner_judge,
    persona_judge,
    view_judge,
)

__all__ = [
    "adoption",
    "choose_judges",
    "lineup_judge",
    "manner_judge",
    "persona_judge",
    "view_judge",
]
