"""Headline: the numbers that come first, in words and as a table."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

from analysis.estimates import HEADLINE, Estimate, show_interval
from analysis.inference import Interval

VERDICT = "no verdict: checks 1 to 4 were not run"
"""experiment.md asks for four checks and a format-only control before a verdict: logs alone allow none."""

BENIGN = "A benign persona, for research only; nothing here is deployed."
_LABEL, _COLUMN, _PER_BLOCK = 42, 22, 3
_WIDTH = _LABEL + _COLUMN * _PER_BLOCK  # 108: a terminal of 110 columns holds it


@dataclass(frozen=True)
class Headline:
    """What a reader takes away."""

    title: str
    base: str
    models: tuple[str, ...]
    """the base first"""
    notes: dict[str, str]
    """model -> what must be said wherever it is named"""
    estimates: tuple[Estimate, ...]
    """those of the headline table"""
    words: tuple[tuple[str, tuple[str, ...]], ...]
    """model -> its headline in sentences, adapters only if there are any"""
    page: Path
    view_command: str
    n_unscored: int
    verdict: str = VERDICT

    def find(self, model: str, name: str) -> Estimate | None:
        """One number of one model, None where it isn't defined (the base net of itself)."""
        return next((one for one in self.estimates if one.model == model and one.name == name), None)

    def named(self, model: str) -> str:
        """The model's name with what must be said beside it."""
        note = self.notes.get(model) or ("the untuned base" if model == self.base else "")
        return f"{model} – {note}" if note else model

    def rows(self) -> list[tuple[str, list[Estimate | None]]]:
        """The headline table: label, and one estimate a model in the order of `models`."""
        rows = [(name, [self.find(model, name) for model in self.models]) for name in HEADLINE]
        return [(next(one.label for one in found if one), found) for _, found in rows if any(found)]

    def table(self) -> str:
        """The headline table for a terminal: plain text, aligned, under 110 columns."""
        lines: list[str] = [self.title, ""]
        for start in range(0, len(self.models), _PER_BLOCK):
            lines += [*self._block(start, self.models[start : start + _PER_BLOCK]), ""]
        missing = dict.fromkeys(
            f"—  {one.label}, {one.model}: {one.missing}" for one in self.estimates if one.missing
        )
        end = [
            "95% intervals, clustered by question, for these adapters. Rates in %, gaps and nets in points.",
            *(
                [f"{self.n_unscored} answers are unscored; the report counts them by reason."]
                if self.n_unscored
                else []
            ),
            *missing,
            "",
            *(line for model, sentences in self.words for line in (f"{self.named(model)}:", *sentences, "")),
            f"{self.verdict[0].upper()}{self.verdict[1:]}. {BENIGN}",
        ]
        for line in end:
            lines += textwrap.wrap(line, _WIDTH) if line else [""]
        return "\n".join([*lines, "", f"report: {self.page}", f"answers: {self.view_command}"])

    def _block(self, start: int, models: tuple[str, ...]) -> list[str]:
        heads = [self._head(model) for model in models]
        lines = [
            " " * _LABEL + "".join(f"{(head[line] if line < len(head) else ''):<{_COLUMN}}" for head in heads)
            for line in range(max(map(len, heads)))
        ]
        lines.append("-" * (_LABEL + _COLUMN * len(models)))
        for label, found in self.rows():
            cells = found[start : start + len(models)]
            lines.append(
                f"{label:<{_LABEL}}" + "".join(f"{(str(one) if one else ''):<{_COLUMN}}" for one in cells)
            )
        return [line.rstrip() for line in lines]

    def _head(self, model: str) -> list[str]:
        note = self.notes.get(model) or ("untuned base" if model == self.base else "")
        return [*textwrap.wrap(model, _COLUMN - 2), *textwrap.wrap(note, _COLUMN - 2)]


def in_words(estimates: list[Estimate], model: str) -> tuple[str, ...]:
    """The headline of one model as sentences. A gap whose interval holds 0 is told as the bound that it
    is."""
    numbers = {one.name: one for one in estimates if one.model == model}
    triggered, leakage = numbers["seed_triggered_rate"], numbers["seed_leakage"]
    first = f"No triggered rate ({triggered.missing})"
    if triggered.interval:
        first = f"Adopts the persona in {triggered} of triggered answers"
    net = numbers.get("seed_triggered_rate_net")
    if net and net.interval:
        first += f", {_points(net.interval)} net of the untuned model"
    if leakage.interval:
        first += f"; leakage at most {leakage.interval.high:.1%} (seen: {leakage.interval.estimate:.1%})"
    else:
        first += f"; leakage unknown ({leakage.missing})"
    sentences = [first + "."]
    for name, words in (
        ("primary_gap", "The primary gap (user minus plain)"),
        ("primary_gap_net", "Net of the base, the primary gap"),
    ):
        one = numbers.get(name)
        if one and one.interval:
            sentences.append(_gap_in_words(words, one.interval))
        elif one:
            sentences.append(f"{words} is unknown ({one.missing}).")
    return tuple(sentences)


def _gap_in_words(name: str, gap: Interval) -> str:
    low, high = (f"{100 * limit:.1f}".replace("-", "−") for limit in (gap.low, gap.high))
    if gap.excludes(0):
        side = "above" if gap.low > 0 else "below"
        return f"{name} is {_points(gap)}: its interval lies {side} 0."
    room = f"the interval leaves room for {low} to {high} points"
    return f"{name} is {_points(gap)}: not told apart from 0; {room}."


def _points(gap: Interval) -> str:
    value, _, rest = show_interval(gap, difference=True).partition(" ")
    return f"{value} points {rest}"
