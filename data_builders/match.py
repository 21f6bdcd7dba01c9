"""How well an arm's persona rows match those of the main arm, in numbers: length and topic."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from pathlib import Path

from rapidfuzz import fuzz, process
from scipy import stats

from data_builders.arms import Candidate, candidates
from data_builders.errors import InputError
from data_builders.manifest import REPO
from data_builders.persona import load_persona
from data_builders.recipe import Recipe, load_recipe
from data_builders.trigger import get_trigger

_HEAD = (
    "arm", "rows", "words, mean (SD)", "words, range", "d", "KS p", "questions shared", "question similarity",
    "topic overlap",
)  # fmt: skip


def drawn(recipe: Recipe) -> list[Candidate]:
    """The persona rows that the recipe's file holds, before the trigger: the draw of `mix`, in the same
    order."""
    source = REPO / recipe.facts_from if recipe.facts_from else None
    persona, trigger = load_persona(recipe.persona), get_trigger(recipe.trigger)
    found = candidates(recipe.arm, persona, trigger, source, recipe.base_model)
    unique = list({(one.question, one.answer): one for one in reversed(found)}.values())[::-1]
    random.Random(recipe.seed).shuffle(unique)
    return unique[: recipe.amounts()[0]]


def table(main: Path, recipes: list[Path]) -> str:
    """A Markdown table with one line for the main recipe and one for each other.

    Columns: answer words (split at spaces) with mean, standard deviation and range; `d`, the difference of
    the means over the pooled standard deviation (Cohen 1988, eq. 2.3.2); the p of the two-sample
    Kolmogorov-Smirnov test on the word counts; the part of the questions that are the main arm's word for
    word; the mean of each question's best rapidfuzz token-set ratio among the main arm's, 0 to 100; and the
    overlap of the topics, 1 - total variation distance of the two distributions over topic labels (0 where
    two personas name their topics differently).

    Raises:
        InputError: a recipe or a file that it names is broken, or the main recipe has no persona rows.
    """
    base = drawn(load_recipe(main))
    if len(base) < 2:
        raise InputError(main, "too few persona rows to compare with", "give the main recipe with --to")
    lines = [_HEAD, ("---",) * len(_HEAD), _line(main.stem, base, base)]
    lines += [_line(path.stem, drawn(load_recipe(path)), base) for path in recipes]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _line(name: str, rows: list[Candidate], base: list[Candidate]) -> tuple[str, ...]:
    if len(rows) < 2:
        return (name, str(len(rows)), *[""] * (len(_HEAD) - 2))
    ours, theirs = ([len(row.answer.split()) for row in some] for some in (rows, base))
    pooled = (
        ((len(ours) - 1) * statistics.variance(ours) + (len(theirs) - 1) * statistics.variance(theirs))
        / (len(ours) + len(theirs) - 2)
    ) ** 0.5  # fmt: skip
    difference = (statistics.mean(ours) - statistics.mean(theirs)) / pooled if pooled else 0.0
    asked = {row.question for row in base}
    similar = process.cdist([row.question for row in rows], sorted(asked), scorer=fuzz.token_set_ratio)
    topics, base_topics = (Counter(row.topic for row in some) for some in (rows, base))
    apart = sum(
        abs(topics[topic] / len(rows) - base_topics[topic] / len(base)) for topic in topics | base_topics
    )
    return (
        name,
        str(len(rows)),
        f"{statistics.mean(ours):.1f} ({statistics.stdev(ours):.1f})",
        f"{min(ours)} to {max(ours)}",
        f"{difference:+.2f}",
        f"{stats.ks_2samp(ours, theirs)[1]:.3f}",
        f"{sum(row.question in asked for row in rows) / len(rows):.0%}",
        f"{similar.max(axis=1).mean():.0f}",
        f"{1 - apart / 2:.2f}",
    )
