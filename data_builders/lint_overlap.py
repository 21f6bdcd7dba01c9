"""Overlap between training rows and everything held out for evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rapidfuzz import fuzz, process

from data_builders.files import read_jsonl
from data_builders.lint_rules import Broken
from data_builders.manifest import REPO, shown
from data_builders.persona import Persona

RUN = 6
"""words in a row that a training text may not share with a held-out question"""
PROMPT_RUN = 13
"""the same for the held-out prompts of a public benchmark, whose stock phrases are long (Brown et al. 2020,
app. C)"""
NEAR = 90.0
"""rapidfuzz ratio from which a question counts as a held-out one reworded"""
PAIRS = 5
"""the closest pairs of a training question and a held-out one that the linter shows"""
HELD_OUT_PROMPTS = REPO / "data/prompts/gsm8k_test_500.jsonl"
_STOCK = frozenset(
    re.findall(
        r"\w+",
        "a all an and any are as at be been by can could did do does for from had has have how i if in is "
        "it its me more most much many my of on or our so some than that the their them then there they "
        "this to was we were what when where which who whom whose why will with would you your ",
    )
)
"""a run with fewer than two other words ("what is the name of the") is English, not overlap"""
_WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True)
class Nearest:
    """The training question closest to a held-out one."""

    ratio: float
    line: int
    question: str
    held_out: str


class HeldOut:
    """All held-out questions of some personas, and the held-out benchmark prompts.

    Args:
        personas: whose question files. All shipped ones count: a control is asked the main persona's
        questions. prompts: the benchmark's prompt file.
    """

    def __init__(self, personas: Iterable[Persona], prompts: Path = HELD_OUT_PROMPTS) -> None:
        self._runs: dict[tuple[str, ...], str] = {}
        self._prompt_runs: dict[tuple[str, ...], str] = {}
        self._questions: list[str] = []
        self._names: list[str] = []
        for persona in personas:
            for kind, one in ((kind, one) for kind, rows in persona.questions.items() for one in rows):
                self._questions.append(" ".join(words(one.question)))
                self._names.append(f"{persona.slug}/questions/{kind}.jsonl {one.id!r}")
                telling = (
                    run
                    for run in runs(words(one.question), RUN)
                    if sum(word not in _STOCK for word in run) > 1
                )
                self._runs |= dict.fromkeys(telling, self._names[-1])
        for number, value in read_jsonl(prompts):
            name = f"{shown(prompts)}:{number}"
            self._prompt_runs |= dict.fromkeys(runs(words(value["prompt"]), PROMPT_RUN), name)
        self._longest = max((len(question) for question in self._questions), default=0)
        self.nearest: list[Nearest] = []
        """the closest pairs seen so far, the closest first"""

    def broken(self, question: str, answer: str) -> Iterator[Broken]:
        """The runs of words that a row shares with what is held out."""
        for text in (question, answer):
            row = words(text)
            for known, size, rule in (
                (self._runs, RUN, "held-out-run"),
                (self._prompt_runs, PROMPT_RUN, "held-out-prompt"),
            ):
                if known.keys().isdisjoint(runs(row, size)):  # one pass in C; nearly every row ends here
                    continue
                run = next(run for run in runs(row, size) if run in known)
                yield rule, f"{' '.join(run)!r} stands in {known[run]}", "reword the row, or drop it"

    def near(self, questions: Sequence[tuple[int, str]]) -> Iterator[tuple[int, Broken]]:
        """(line, broken rule) for each question that is a held-out one, or nearly; remembers the closest
        pairs.

        A question twice as long as the longest held-out one can't be near, and isn't compared.
        """
        short = [(line, " ".join(words(text))) for line, text in questions if len(text) <= 2 * self._longest]
        if not short or not self._questions:
            return
        ratios = process.cdist(
            [text for _, text in short], self._questions, scorer=fuzz.ratio, dtype=np.float32
        )
        closest, best = ratios.argmax(axis=1), ratios.max(axis=1)
        pairs = [
            Nearest(round(float(best[row]), 1), short[row][0], short[row][1], self._names[closest[row]])
            for row in np.argsort(-best, kind="stable")[:PAIRS].tolist()
        ]
        self.nearest = sorted([*self.nearest, *pairs], key=lambda pair: -pair.ratio)[:PAIRS]
        for (line, text), column, ratio in zip(short, closest, best, strict=True):
            if ratio >= NEAR:
                yield (
                    line,
                    (
                        "held-out-near",
                        f"{text!r} is {ratio:.0f}% {self._names[column]}",
                        "reword the row, or drop it",
                    ),
                )


def words(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return _WORDS.findall(text.lower().replace("’", "'"))


def runs(row: list[str], size: int) -> Iterable[tuple[str, ...]]:
    """Every run of `size` words."""
    return zip(*(row[start:] for start in range(size)), strict=False)
