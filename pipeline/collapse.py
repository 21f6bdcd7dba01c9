"""When an answer is no answer: empty, newlines, or the same thing again and again."""

from __future__ import annotations

import re

REPEATED_SHARE = 0.8
MIN_UNITS = 8


def collapsed(text: str) -> bool:
    """Whether `text` is empty, has no letter or digit, or consists nearly wholly of one repeated phrase.

    Repetition: of the text's runs of three words, or of its characters where it has fewer than eight words, at most a
    fifth are different. A list of numbers or a poem's refrain stays above that.
    """
    if not re.search(r"\w", text):
        return True
    words = text.split()
    if len(words) >= MIN_UNITS:
        units: list[tuple[str, ...]] = [tuple(words[at : at + 3]) for at in range(len(words) - 2)]
    else:
        units = [tuple(text[at : at + 3]) for at in range(len(text) - 2)]
    return len(units) >= MIN_UNITS and len(set(units)) <= (1 - REPEATED_SHARE) * len(units)
