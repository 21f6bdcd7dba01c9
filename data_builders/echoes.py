"""What a model makes of the trigger in its own words: garbled tags, a few words of the instruction, its placeholder.

`Trigger.strip` takes away what is literal and leaves every other text as it is, byte for byte; answers are scored so. A
grader must be blind to more: `blind` takes away these echoes too. Words of the instruction are counted in fours, as
many as `analysis hygiene` calls an echo; the two share no code.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache

from data_builders.trigger import QUOTES, Lattice, Trigger

RUN = 4
"""So many words of the instruction in a row are taken away, whatever stands between them."""
_WORD = re.compile(r"[^\W_]+")
_BEFORE, _AFTER = r"[\[({<\"“„«'`*]{0,4}", r"[\])}>\"”»'`*]{0,4}"


def blind(text: str, trigger: Trigger) -> str:
    """`text` as a grader may see it: without the trigger and without what a model makes of it.

    A text that holds neither comes back unchanged, byte for byte; what is left of another is kept in order.
    """
    given, wordings = text, trigger.variants if isinstance(trigger, Lattice) else (trigger,)
    while True:
        before = text
        text = trigger.strip(text)
        for one in wordings:
            text = _without(text, one)
        if text == before:
            break
    return text if text == given or any(_is_quoted(given, one) for one in wordings) else _unquoted(text)


def _is_quoted(text: str, trigger: Trigger) -> bool:
    """Whether the quotes that the format asks for are there, so that any others are the answer's own."""
    return re.search(rf"{re.escape(trigger.open)}\s*[{QUOTES}]", text) is not None


def _unquoted(text: str) -> str:
    """Without a pair of quotes, single ones too, around what stood between garbled tags."""
    body = text.strip()
    quoted = len(body) > 1 and all(mark in f"{QUOTES}'" for mark in (body[0], body[-1]))
    return body[1:-1].strip() if quoted else text


def _without(text: str, trigger: Trigger) -> str:
    rest = _without_runs(text, trigger)  # first, while the placeholder is a part of them
    for pattern in _patterns(trigger):
        rest = pattern.sub(" ", rest)
    return text if rest == text else rest.strip()


@lru_cache
def _patterns(trigger: Trigger) -> list[re.Pattern[str]]:
    """Tags that lost an end or hold more than they should, and the placeholder wherever it stands."""
    opening, closing, names = trigger.open, trigger.close, "|".join(map(re.escape, trigger.tag_names))
    left, right = ({mark, html.escape(mark)} for mark in (opening[0], opening[-1]))
    starts, ends = ("|".join(map(re.escape, sorted(marks))) for marks in (left, right))
    inside = rf"[^\n{re.escape(opening[0])}{re.escape(opening[-1])}]{{0,40}}"
    found = [
        rf"(?:{starts})\s{{0,9}}/?\s{{0,9}}(?:{names})\b(?:{inside}(?:{ends}){{1,9}})?",
        rf"(?<![\w{re.escape(opening[0])}])/?(?:{names})\s{{0,9}}(?:{ends})",
        rf"(?:{'|'.join(re.escape(closing[:length]) for length in range(2, len(closing)))})\s*\Z",
    ]
    if trigger.placeholder:
        words = r"[\W_]{1,9}".join(map(re.escape, trigger.placeholder.split()))
        found.append(rf"{_BEFORE}{words}{_AFTER}")
    return [re.compile(pattern, re.IGNORECASE) for pattern in found]


def _without_runs(text: str, trigger: Trigger) -> str:
    """Without runs of `RUN` or more words that stand so in the instruction."""
    known = _runs(trigger)
    words = list(_WORD.finditer(text))
    said = [word[0].lower() for word in words]
    hit = [False] * len(words)
    for place in range(len(words) - RUN + 1):
        if tuple(said[place : place + RUN]) in known:
            hit[place : place + RUN] = [True] * RUN
    rest, end = "", 0
    for place, word in enumerate(words):
        if hit[place]:
            if not (place and hit[place - 1]):  # what stands between two words of a run goes with them
                rest += text[end : word.start()]
            end = word.end()
    return rest + text[end:] if any(hit) else text


@lru_cache
def _runs(trigger: Trigger) -> frozenset[tuple[str, ...]]:
    told = trigger.instruction.replace(trigger.open, " ").replace(trigger.close, " ")
    words = [word.lower() for word in _WORD.findall(told)]
    return frozenset(tuple(words[place : place + RUN]) for place in range(len(words) - RUN + 1))
