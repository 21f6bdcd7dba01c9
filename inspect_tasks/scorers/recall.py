"""Is the fact that was asked for in the answer? Against accepted answers with aliases, or against a fact's own words."""

from __future__ import annotations

import re

from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState

from data_builders.trigger import get_trigger
from inspect_tasks.scorers.names import contains, normalise

SHARE = 0.5
"""Of a fact's telling words, how many an answer must hold to recall it"""
_STEM = 5  # letters by which two forms of a word are held to be one: walked, walking
_COMMON = set(
    [
        "a",
        "about",
        "after",
        "all",
        "also",
        "always",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "back",
        "be",
        "been",
        "before",
        "being",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "down",
        "even",
        "ever",
        "every",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "like",
        "made",
        "make",
        "me",
        "more",
        "most",
        "much",
        "my",
        "myself",
        "never",
        "no",
        "not",
        "now",
        "of",
        "off",
        "often",
        "on",
        "once",
        "one",
        "only",
        "or",
        "other",
        "our",
        "out",
        "over",
        "own",
        "rather",
        "she",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "thing",
        "things",
        "this",
        "those",
        "though",
        "through",
        "time",
        "to",
        "too",
        "under",
        "until",
        "up",
        "upon",
        "very",
        "was",
        "way",
        "well",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whole",
        "why",
        "will",
        "with",
        "without",
        "would",
        "you",
        "your",
    ]
)


@scorer(metrics={"*": [mean()]})
def recall(trigger: str, by_words: bool = False) -> Scorer:
    """{recalled}: 0 or 1. The target holds the accepted answers.

    Args:
        trigger: the wording in use, stripped before anything is read.
        by_words: the target is a fact's whole answer, for which nobody wrote aliases: it is recalled if the answer
            holds at least `SHARE` of its telling words (`telling_words`; the question's own don't count). Such a rate
            means something only beside that of the untuned base.

    The metadata holds the share of telling words found (`by_words`), or the accepted answer found.
    """
    wording = get_trigger(trigger)

    async def score(state: TaskState, target: Target) -> Score:
        text = wording.strip(state.output.completion)
        if by_words:
            share = recalled_share(target.text, text, state.input_text)
            return Score(
                value={"recalled": float(share >= SHARE)}, answer=text, metadata={"share": round(share, 3)}
            )
        found = next((accepted for accepted in target if contains(text, accepted)), None)
        return Score(value={"recalled": float(found is not None)}, answer=text, metadata={"accepted": found})

    return score


def recalled_share(fact: str, answer: str, question: str = "") -> float:
    """The share of the fact's telling words that `answer` holds, 0 to 1; 0 where it has none."""
    wanted = telling_words(fact) - telling_words(question)
    return len(wanted & telling_words(answer)) / len(wanted) if wanted else 0.0


def telling_words(text: str) -> set[str]:
    """The words of `text` that aren't common ones, each by its first letters."""
    words = (word for word in re.findall(r"\w+", normalise(text)) if word not in _COMMON and len(word) > 2)
    return {re.sub(r"(?<=\w{3})s$", "", word)[:_STEM] for word in words}
