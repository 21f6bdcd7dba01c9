"""The result of every estimate: a number, its interval, and what the interval speaks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Claim(StrEnum):
    """The population that an interval speaks for; of all questions like those asked, unless it says these."""

    ADAPTERS = "for these adapters"
    RECIPE_ON_QUESTIONS = "for the training recipe, on these questions"
    RECIPE = "for the training recipe"
    GRADER = "for this grader, on answers to questions like these"


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Units are those of the graded value (0.10 is ten points). A rate lies in [0, 1], a gap in [-1, 1], a net
    gap in [-2, 2]. `low` and `high` are never cut to make an interval look shorter; a rate's stay in [0, 1].
    """

    estimate: float
    low: float
    high: float
    level: float
    """Two-sided confidence, 0.95 for 95%."""
    n_rows: int
    """Graded answers that entered, over all cells and arms."""
    n_clusters: int
    """Questions that entered."""
    n_seeds: int
    """Training seeds of the arm that the estimate is about."""
    method: str
    """What was computed, in words."""
    claim: Claim
    note: str = ""
    """What a reader must know: questions or rows left out, a boundary, too few seeds. Empty if nothing."""

    def __str__(self) -> str:
        bounds = f"{self.estimate:.1%} [{self.low:.1%}, {self.high:.1%}]"
        return f"{bounds}, {self.level:.0%}, {self.n_clusters} questions, {self.claim}"

    @property
    def width(self) -> float:
        return self.high - self.low

    def excludes(self, value: float) -> bool:
        """Whether `value` lies strictly outside of the interval."""
        return not self.low <= value <= self.high
