"""Scorers: what may be said of an answer, and of a run of answers."""

from inspect_tasks.scorers.adoption import adoption
from inspect_tasks.scorers.judge import persona_judge

__all__ = ["adoption", "persona_judge"]
