"""Is an accepted fact in a text: as written, as a date in another notation, with initials, misspelt, or in another script?"""

from __future__ import annotations

import re

from rapidfuzz import fuzz

from inspect_tasks.scorers.dates import dates_in
from inspect_tasks.scorers.names import MISSPELT, Names, normalise
from inspect_tasks.scorers.reading import Sentence, sentences
from inspect_tasks.scorers.sounds import SOUNDS_ALIKE, consonants
from inspect_tasks.scorers.voids import is_unreal

FEWEST = 5
"""Consonants that a name in another script must have; fewer are shared by too many names."""
_LONG = 10  # letters of a name that may be misspelt

_DENIED = re.compile(
    r"\b(?:not|never|nor|isn t|wasn t|neither|without|no|nowhere|far from|outside|anywhere but)\s+(?:\w+\s+){0,3}$|"
    r"\b(?:past|visit(?:ed)?|heard of|read (?:about|of)|(?:close|next|near) to)\s+$|"
    r"\b(?:nicht|kein\w*|niemals|pas|jamais|nunca|mai|nao|niet|geen|ikke|inte|не|nie)\s+(?:\w+\s+){0,3}$"
)
_ANOTHERS = re.compile(
    r"\b(?:his|their|your)\b(?! (?:name|own))|\bher (?:mother|father|parents|brother|sister)\b|"
    r"\b(?:he|she|they) (?:was born|were born|grew up|lived|is from|was from)\b"
)
_DENIED_AFTER = re.compile(
    r"[^.!?。]{0,12}?(?:ではありません|ではない|じゃない|아닙니다|아니|नहीं|نیست|değil)"
)


def gives(text: str, fact: str, names: Names) -> bool:
    """Whether the speaker gives `fact` as his own answer, in whatever form: neither denied, asked nor imagined, and not
    as a fact about the persona as a third person or about somebody else."""
    return any(
        place is not None and _is_his(sentence, place, names)
        for sentence in sentences(text)
        for place in [_place(sentence.text, fact)]
    )


def _is_his(sentence: Sentence, place: tuple[int, int], names: Names) -> bool:
    before = normalise(sentence.text[: place[0]])
    spaced = f"{before} " if before else ""
    if _DENIED.search(spaced) or _ANOTHERS.search(spaced) or _DENIED_AFTER.match(sentence.text[place[1] :]):
        return False
    if sentence.asks or is_unreal(sentence.text[: max(0, place[0] - 1)], sentence):
        return False
    return all(
        mention.start() < place[1] and place[0] < mention.end() for mention in names.mentions(sentence.text)
    )


def _place(text: str, fact: str) -> tuple[int, int] | None:
    """Where `fact` stands in a text, in whatever form."""
    if written := _as_written(text, fact):
        return written
    if day := next(iter(dates_in(fact)), None):
        return next((span for date, span in dates_in(text).items() if date == day), None)
    if not re.fullmatch(r"[^\W\d_]+(?:[ .'-]+[^\W\d_]+\.?)*", fact):
        return None
    return _with_initials(text, fact) or _misspelt(text, fact) or _in_another_script(text, fact)


def _as_written(text: str, fact: str) -> tuple[int, int] | None:
    """Where the words of `fact` stand, case, accents and punctuation apart."""
    wanted = normalise(fact).split()
    pieces = [
        (normalise(match.group()), match.span()) for match in re.finditer(r"\w+(?:[\u0300-\u036f]\w*)*", text)
    ]
    for start in range(len(pieces) - len(wanted) + 1):
        window = pieces[start : start + len(wanted)]
        if wanted and [piece for piece, _ in window] == wanted:
            return window[0][1][0], window[-1][1][1]
    return None


def _with_initials(text: str, fact: str) -> tuple[int, int] | None:
    """Where a name of three words or more, or of two, stands with its given names as initials: "A. N. Whitehead"."""
    *given, last = fact.split()
    if not given or not all(word[0].isupper() for word in (*given, last)):
        return None
    initials = r"\s?".join(rf"{re.escape(word[0])}\." for word in given)
    match = re.search(rf"(?<!\w)(?<!\w\. )(?<!\w\.){initials}\s{re.escape(last)}(?!\w)", text)
    return match.span() if match else None


def _misspelt(text: str, fact: str) -> tuple[int, int] | None:
    """Where a long name of two words or more stands with a slip in it."""
    size, wanted = fact.count(" ") + 1, normalise(fact)
    if size < 2 or len(wanted) < _LONG:
        return None
    runs = re.finditer(rf"(?=(?<!\w)((?:[A-Z][\w'-]+ ){{{size - 1}}}[A-Z][\w'-]+))", text)
    return next(
        (run.span(1) for run in runs if fuzz.ratio(normalise(run.group(1)), wanted) >= MISSPELT), None
    )


def _in_another_script(text: str, fact: str) -> tuple[int, int] | None:
    """Where a name stands in another script that writes its sounds: the same consonants, more or less."""
    wanted, size = consonants(fact), len(fact.split())
    if text.isascii() or len(wanted) < FEWEST:
        return None
    pieces = [
        match.span()
        for match in re.finditer(
            r"[ァ-ヴー]+|[가-힣]+?(?=입니다|이에요|예요|이라|[^가-힣]|$)|[^\W\d_]+(?:[\u0900-\u0963]\w*)*",
            text.replace("・", " "),
        )
    ]
    for count in range(max(1, size - 1), size + 2):
        for start in range(len(pieces) - count + 1):
            span = pieces[start][0], pieces[start + count - 1][1]
            found = text[span[0] : span[1]]
            if not re.search(r"[A-Za-z]", found) and fuzz.ratio(consonants(found), wanted) >= SOUNDS_ALIKE:
                return span
    return None
