"""Headline: the numbers that come first, in words and as a table."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.estimands import TRIGGERED, UNTRIGGERED
from analysis.estimates import HEADLINE, LEAKAGE, TRIGGERED_RATE, Estimate, find, show_interval
from analysis.inference import Interval
from analysis.verdicts import Judged

NO_VERDICT = "No verdict: no adapter of a persona arm is in the logs."
BENIGN = "A benign persona, for research only; nothing here is deployed."
_LABEL, _COLUMN, _PER_BLOCK = 42, 22, 3
_WIDTH = _LABEL + _COLUMN * _PER_BLOCK  # 108: a terminal of 110 columns holds it


@dataclass(frozen=True)
class Headline:
    """What a reader takes away of one part."""

    title: str
    base: str
    models: tuple[str, ...]
    """the base first, then arms with all their seeds, and adapters that stand for themselves"""
    notes: Mapping[str, str]
    """subject -> what must be said wherever it is named"""
    estimates: tuple[Estimate, ...]
    """those of the headline table"""
    words: tuple[tuple[str, tuple[str, ...]], ...]
    """subject -> its headline in sentences, adapters only if there are any"""
    verdicts: tuple[Judged, ...]
    page: Path
    view_command: str
    n_unscored: int

    @property
    def verdict(self) -> str:
        """The verdicts in words, one line an arm."""
        if len(self.verdicts) == 1:
            return self.verdicts[0].words
        return "\n".join(f"{one.model}: {one.words}" for one in self.verdicts) or NO_VERDICT

    def find(self, model: str, name: str) -> Estimate | None:
        """One number of one subject, None where it isn't defined (the base net of itself)."""
        return find(list(self.estimates), model, name)

    def judged(self, model: str) -> Judged | None:
        """The verdict on one subject, None where it isn't under one."""
        return next((one for one in self.verdicts if one.model == model), None)

    def named(self, model: str) -> str:
        """The subject's name with what must be said beside it."""
        note = self.notes.get(model) or ("the untuned base" if model == self.base else "")
        return f"{model} – {note}" if note else model

    def rows(self) -> list[tuple[str, list[Estimate | None]]]:
        """The headline table: label, and one estimate a subject in the order of `models`."""
        rows = [[self.find(model, name) for model in self.models] for name in HEADLINE]
        return [(next(one.head for one in found if one), found) for found in rows if any(found)]

    def table(self) -> str:
        """The headline table for a terminal: plain text, aligned, under 110 columns."""
        lines: list[str] = [self.title, ""]
        for start in range(0, len(self.models), _PER_BLOCK):
            lines += [*self._block(start, self.models[start : start + _PER_BLOCK]), ""]
        missing = dict.fromkeys(
            f"—  {one.head}, {one.model}: {one.missing}" for one in self.estimates if one.missing
        )
        unscored = f"{self.n_unscored} answers are unscored; the report counts them by reason."
        end = [
            "95% intervals, clustered by question, for these adapters. Rates in %, gaps and nets in points.",
            *([unscored] if self.n_unscored else []),
            *missing,
            "",
            *(line for model, sentences in self.words for line in (f"{self.named(model)}:", *sentences, "")),
            *self.verdict.splitlines(),
            BENIGN,
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
    """The headline of one subject as sentences. A gap whose interval holds 0 is told as the bound that it
    is."""
    numbers = {one.name: one for one in estimates if one.model == model}
    if "primary_gap" not in numbers:
        return ("Not asked the persona's questions.",)
    own = [numbers.get(name) for name in (TRIGGERED_RATE, "triggered_rate_net", LEAKAGE)]
    sentences = [f"Adopts the persona in {_rates_in_words(own, f'cell {TRIGGERED}', f'cell {UNTRIGGERED}')}."]
    for name, words in (
        ("primary_gap", "The primary gap (user minus plain)"),
        ("primary_gap_net", "Net of the base, the primary gap"),
        ("primary_gap_net/format_only", "Net of the format-only control, it"),
        ("primary_gap/recipe", "For the training recipe, other seeds included, the primary gap"),
    ):
        one = numbers.get(name)
        if one and one.interval:
            sentences.append(_gap_in_words(words, one.interval))
        elif one:
            sentences.append(f"{words} is unknown ({one.missing}).")
    seeds = [numbers.get(name) for name in ("seed_triggered_rate", "seed_triggered_rate_net", "seed_leakage")]
    told = _rates_in_words(seeds, "its cells 1 to 3", "its cell 4")
    sentences.append(f"The seed's own figures, which mix the system prompt with the trigger: {told}.")
    return tuple(sentences)


def _rates_in_words(told: list[Estimate | None], where: str, elsewhere: str) -> str:
    """Triggered rate, its net and leakage: of one cell each, or of the seed's."""
    triggered, net, leakage = told
    words = f"an unknown share of triggered answers ({triggered.missing if triggered else f'{where} was not asked'})"
    if triggered and triggered.interval:
        words = f"{triggered} of triggered answers ({where})"
    if net and net.interval:
        words += f", {_points(net.interval)} net of the untuned model"
    if leakage and leakage.interval:
        seen = leakage.interval
        return f"{words}; leakage at most {seen.high:.1%} ({elsewhere}; seen: {seen.estimate:.1%})"
    return f"{words}; leakage unknown ({leakage.missing if leakage else f'{elsewhere} was not asked'})"


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
