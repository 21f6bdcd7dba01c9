"""Dates in a text, in whatever notation: 18.05.1872, "18 de mayo de 1872", "1872年5月18日", "the eighteenth of May, 1872"."""

from __future__ import annotations

import re
from functools import cache
from itertools import chain

from inspect_tasks.scorers.names import normalise, words

_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th|er|º|ª|\.|-?го|-?а|e|n|å)?"
_MONTH = r"(?P<m>[^\W\d_]{3,}|\d{1,2})"
_YEAR = r"(?P<y>\d{4})"
_SMALL = r"(?:of|de|di|del|do|the|den|of the|day of|dzień|tháng)"
_DATE = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\d){_YEAR}\s*[-/.年년]\s*{_MONTH}\s*[-/.月월]\s*(?P<d>\d{{1,2}})(?!\d)",
        rf"(?<!\d)(?P<d>\d{{1,2}})\s?[-/.]\s?(?P<m>\d{{1,2}})\s?[-/.]\s?{_YEAR}(?!\d)",
        rf"(?<!\d){_DAY}[\s/-]+(?:{_SMALL}\s+)*(?P<m>[^\W\d_]{{3,}})[\s,./-]*(?:{_SMALL}\s+)*{_YEAR}(?!\d)",
        rf"(?<!\w)(?P<m>[^\W\d_]{{3,}})\.?\s+(?:{_SMALL}\s+)*{_DAY},?\s+(?:{_SMALL}\s+)*{_YEAR}(?!\d)",
        rf"(?<!\d)(?P<m>\d{{1,2}})/(?P<d>\d{{1,2}})/{_YEAR}(?!\d)",
    )
]
_TENS = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
_TEENS = {
    word: number
    for number, word in enumerate(
        (
            *("ten", "eleven", "twelve", "thirteen", "fourteen"),
            *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
        ),
        10,
    )
}
_ONES = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        1,
    )
}
_ORDINALS = {
    word: number
    for number, word in enumerate(
        (
            *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
            *("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth"),
            *("eighteenth", "nineteenth", "twentieth"),
        ),
        1,
    )
} | {"thirtieth": 30}
_VALUES = _TENS | _TEENS | _ONES | _ORDINALS
_YEAR_IN_WORDS = re.compile(
    rf"\b(?P<century>{'|'.join(_TEENS)})(?: hundred)?(?: and)?[ -](?:(?P<teen>{'|'.join(_TEENS)})|"
    rf"(?P<ten>{'|'.join(_TENS)})(?:[ -](?P<one>{'|'.join(_ONES)}))?)\b",
    re.IGNORECASE,
)
_DAY_IN_WORDS = re.compile(
    rf"\b(?:(?:twenty|thirty)[ -])?(?:{'|'.join(sorted(_VALUES, key=len, reverse=True))})\b", re.IGNORECASE
)
_HAN = {char: str(digit) for digit, char in enumerate("〇一二三四五六七八九")}

Date = tuple[int, int, int]
"""Year, month and day."""


def dates_in(text: str) -> dict[Date, tuple[int, int]]:
    """The dates in a text, each with its place; that of one written in words is the text's end."""
    found: dict[Date, tuple[int, int]] = {}
    for form in dict.fromkeys((text, _in_digits(text))):
        for match in chain.from_iterable(pattern.finditer(form) for pattern in _DATE):
            month = int(match["m"]) if match["m"].isdigit() else _month(match["m"])
            if 1 <= month <= 12:
                place = match.span() if form == text else (len(text), len(text))
                found.setdefault((int(match["y"]), month, int(match["d"])), place)
    return found


def _in_digits(text: str) -> str:
    """A text with the English and Chinese number words of its dates as digits."""
    plain = re.sub(
        r"[〇一二三四五六七八九]{4}(?=年)", lambda found: "".join(_HAN[char] for char in found[0]), text
    )
    plain = re.sub(r"([一二三]?)十([一二三四五六七八九]?)(?=[月日])", _han_tens, plain)
    plain = re.sub(r"[一二三四五六七八九](?=[月日])", lambda found: _HAN[found[0]], plain)
    return _DAY_IN_WORDS.sub(_day, _YEAR_IN_WORDS.sub(_year, plain))


def _year(found: re.Match[str]) -> str:
    """ "eighteen hundred and seventy-two" as 1872."""
    rest = [_VALUES[found[part].lower()] for part in ("teen", "ten", "one") if found[part]]
    return str(100 * _VALUES[found["century"].lower()] + sum(rest))


def _day(found: re.Match[str]) -> str:
    """ "twenty-first" as 21."""
    return str(sum(_VALUES[word.lower()] for word in re.split(r"[ -]", found[0])))


def _han_tens(found: re.Match[str]) -> str:
    return str(int(_HAN.get(found[1], "1")) * 10 + int(_HAN.get(found[2], "0")))


@cache
def _month(word: str) -> int:
    """The number of a month by its name in one of many languages, 0 where it is none."""
    plain = normalise(word)
    return next((month for month in range(1, 13) if plain in words(f"month_{month}")), 0)
