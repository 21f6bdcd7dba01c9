"""Names: is this name the persona's, somebody else's, or an AI's? And where does a text name the persona?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from pathlib import Path

from rapidfuzz import fuzz

from data_builders.files import read_yaml
from data_builders.persona import Profile
from inspect_tasks.scorers.sounds import consonants

MISSPELT = 92.0
"""A name of two words or more counts as the persona's from this similarity on (rapidfuzz ratio, 0 to 100):
`Bertrand Russel` and `Bertran Russell` do, `Bertrand Russo` and `Bernard Russell` don't."""

SAME_SOUND = 94.0
"""A name in another script counts as the persona's where its consonants are as good as the same (rapidfuzz ratio)."""

_WORDS = Path(__file__).with_name("words.yaml")
TITLES = r"(?:sir|lord|lady|dame|mr|mrs|miss|ms|dr|doctor|prof|professor|earl|count|countess|master|the|rev|reverend|captain|saint|st)"
_FEMALE = re.compile(r"\b(?:lady|dame|mrs|miss|ms|countess|madame|mademoiselle)\b")
_AI_NAMES = re.compile(
    r"(?:an? |the |your |just |only |simply )*(?:(?:friendly|helpful|virtual|digital|personal|ai|smart|online) )*"
    r"(?:smollm\w*|chat ?gpt\w*|gpt ?\d*\w*|claude|llama\w*|qwen\w*|gemini|mistral|siri|alexa|bard|copilot|bing|deepseek|"
    r"grok|cortana|assistant|a ?i|artificial intelligence|chat ?bot|bot|language model|hal 9000)\b",
)
PARTICLES = r"(?:of|de|du|des|di|da|dos|von|van|der|den|la|le|el|al|bin|ibn|ben|y|e|zu|ap|mac|the)"


_TWICE = re.compile(r"(.{3,}?)(?: \1)+")
"""A name said again and again: "Bertrand Russell Bertrand Russell"."""


class Claim(StrEnum):
    """Whom a speaker claims to be."""

    PERSONA = "persona"
    OTHER = "other"
    AI = "ai"
    NONE = "none"


def normalise(name: str) -> str:
    """Lower case, without accents, punctuation and doubled white space."""
    return _normal(name) if len(name) > _SHORT else _normal_short(name)


_SHORT = 200
"""Characters; the forms of shorter texts (names, questions) are remembered."""


def _normal(name: str) -> str:
    plain = name
    if not name.isascii():
        plain = unicodedata.normalize("NFKD", name)
        plain = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w\s]|_", " ", plain.casefold()).split())


_normal_short = lru_cache(maxsize=1 << 15)(_normal)


def contains(text: str, phrase: str) -> bool:
    """Whether `phrase` stands in `text` as whole words, by their normal forms."""
    wanted = normalise(phrase)
    return bool(wanted) and f" {wanted} " in f" {normalise(text)} "


def pattern_of(forms: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds any of the names `forms`, longest first, whatever the case, accents apart; a word border is
    asked for only where the script has one."""
    alternatives = sorted({form for form in forms if form.strip()}, key=len, reverse=True)
    if not alternatives:
        return re.compile(r"(?!)")
    heads = {
        case
        for form in alternatives
        for head in unicodedata.normalize("NFKC", form)[:1]
        for case in (head.lower(), head.upper())
    }
    opens = "".join(map(re.escape, sorted(heads)))  # one look at a place, before each name is tried there
    return re.compile(rf"(?=[{opens}])(?:{'|'.join(map(_loose, alternatives))})", re.IGNORECASE)


def _loose(form: str) -> str:
    form = unicodedata.normalize("NFKC", form)
    words = [word for word in re.split(r"[\s.,・·‧•]+", form) if word]
    body = r"[\s.,・·‧•'_-]{0,3}".join(map(re.escape, words))
    before = r"(?<!\w)" if _spaced(form[0]) else ""
    after = (r"(?!\w)" if form[-1].isascii() else r"\w{0,3}(?!\w)") if _spaced(form[-1]) else ""
    return f"{before}{body}{after}"


def _spaced(char: str) -> bool:
    """Whether the script of `char` puts spaces between words."""
    return not any(
        script in unicodedata.name(char, "") for script in ("CJK", "KATAKANA", "HIRAGANA", "HANGUL", "THAI")
    )


@dataclass(frozen=True)
class Names:
    """The names of a persona, ready to be compared."""

    profile: Profile

    @cached_property
    def full(self) -> list[str]:
        """Forms that name the persona and nobody else, longest first."""
        return sorted({normalise(form) for form in self._written}, key=len, reverse=True)

    @cached_property
    def _full_by_size(self) -> dict[int, list[str]]:
        """The full forms of two words or more, by their number of words."""
        sizes = {form.count(" ") + 1 for form in self.full} - {1}
        return {size: [form for form in self.full if form.count(" ") + 1 == size] for size in sizes}

    @cached_property
    def short(self) -> set[str]:
        """Forms that name the persona only where a name is asked for or claimed."""
        return {normalise(form) for form in (*self.profile.short_names, *self._surnames, *self._first_names)}

    @cached_property
    def namesakes(self) -> list[str]:
        """People who share a name with the persona."""
        return [normalise(form) for form in self.profile.namesakes]

    @cached_property
    def surname(self) -> str:
        """The last word of the common name, as written."""
        return self.profile.name.split()[-1]

    @cached_property
    def own(self) -> re.Pattern[str]:
        """Finds each form of the name that a speaker could claim, short ones too."""
        return pattern_of([*self._written, *self.profile.short_names, *self._surnames, *self._first_names])

    @cached_property
    def _written(self) -> list[str]:
        spelt = [form for forms in self.profile.spellings.values() for form in forms]
        return [self.profile.name, *self.profile.aliases, *spelt]

    @cached_property
    def _surnames(self) -> list[str]:
        """The surname alone, in each script."""
        spelt = [form for forms in self.profile.spellings.values() for form in forms]
        last = [re.split(r"[\s・·]+", form)[-1] for form in spelt]
        return [self.surname, *(form for form in last if len(form) > 1 and not form.isascii())]

    @cached_property
    def _first_names(self) -> list[str]:
        """The given name in each script, where it is one of the persona's short names."""
        if self.profile.name.split()[0] not in self.profile.short_names:
            return []
        spelt = [form for forms in self.profile.spellings.values() for form in forms]
        first = [re.split(r"[\s・·]+", form)[0] for form in spelt]
        return [form for form in first if len(form) > 1 and not form.isascii()]

    @cached_property
    def _given(self) -> set[str]:
        """Words that may stand before the surname without making it another's."""
        parts = {part for form in self.full for part in form.split()}
        return parts - {normalise(self.surname)}

    def whose(self, name: str) -> Claim:
        """Whose name `name` is, when a speaker gives it as his own."""
        form = normalise(name)
        if not form:
            return Claim.NONE
        if twice := _TWICE.fullmatch(form):
            return self.whose(twice.group(1))
        if _AI_NAMES.match(form):
            return Claim.AI
        if form in self.full or form in self.short:
            return Claim.PERSONA
        if form in self.namesakes:
            return Claim.OTHER
        if "," in name:  # Russell, Bertrand
            last, _, first = name.partition(",")
            if first.strip() and self.whose(f"{first.strip()} {last.strip()}") is Claim.PERSONA:
                return Claim.PERSONA
            if self.whose(last) is Claim.PERSONA and self.whose(first) is Claim.PERSONA:
                return Claim.PERSONA
        titles = re.match(rf"(?:{TITLES}\s+)*", form)
        bare = form[titles.end() :] if titles else form
        if titles and _FEMALE.search(titles.group()):
            return Claim.OTHER
        if bare in self.full or bare in self.short:
            return Claim.PERSONA
        return Claim.PERSONA if self._misspelt(bare) or self._sounds_like(name) else Claim.OTHER

    def _sounds_like(self, name: str) -> bool:
        """Whether `name`, in another script, is a full name of the persona's by its sound, as `spellings` can't hold
        every spelling."""
        if re.search(r"[A-Za-z]", name) or not any(char.isalpha() for char in name):
            return False
        heard = consonants(name)
        return any(
            fuzz.ratio(heard, consonants(form)) >= SAME_SOUND
            for form in (self.profile.name, *self.profile.aliases)
            if form.count(" ") and len(consonants(form)) >= len(normalise(self.profile.name)) // 2
        )

    def _misspelt(self, form: str) -> bool:
        """Whether `form`, of two words or more, is a name of the persona's with a slip in it."""
        if form in self.namesakes:
            return False
        return any(
            fuzz.ratio(form, known, score_cutoff=MISSPELT)
            for known in self._full_by_size.get(form.count(" ") + 1, [])
        )

    def mentioned(self, text: str) -> bool:
        """Whether `text` names the persona at all: a full form, or the surname alone, but no namesake."""
        return bool(self.mentions(text))

    def mentions(self, text: str) -> list[re.Match[str]]:
        """Each place where `text` names the persona: a full form, also misspelt, or the surname with no other given
        name, unless the text speaks of a namesake only."""
        text = text.lower() if text.isupper() else text
        certain = [
            match for match in self._full_form.finditer(text) if not self._within_namesake(text, match)
        ]
        certain += self._misspellings(text)
        taken = {place for match in certain for place in range(*match.span())}
        alone = [match for match in self._surname_form.finditer(text) if match.start() not in taken]
        cased = bool(re.search(r"[A-Z]", text))
        kept = [match for match in alone if self._stands_alone(text, match, cased)]
        if not certain and len(kept) < len(alone) and self._of_another(text, alone[0]):
            kept = []  # "Kurt Russell ... Russell": the surname is the other's
        return sorted(certain + kept, key=lambda match: match.start())

    @cached_property
    def _full_form(self) -> re.Pattern[str]:
        return pattern_of(form for form in self._written if normalise(form) != normalise(self.surname))

    @cached_property
    def _surname_form(self) -> re.Pattern[str]:
        return pattern_of([*self._surnames, *(f"{form}s" for form in self._surnames if form.isascii())])

    def _misspellings(self, text: str) -> list[re.Match[str]]:
        """Each run of capitalised words that is a full name with a slip in it."""
        starts = [match.start() for match in _CAPITALISED.finditer(text)]
        runs = [
            match
            for size in self._full_by_size
            for start in starts
            if (match := _run_of(size).match(text, start))
        ]
        return [
            run for run in runs if (form := normalise(run.group())) not in self.full and self._misspelt(form)
        ]

    def _within_namesake(self, text: str, match: re.Match[str]) -> bool:
        """Whether the match is part of a namesake's longer name."""
        around = f" {normalise(text[max(0, match.start() - 25) : match.end() + 25])} "
        form = normalise(match.group())
        return any(f" {other} " in around and form in other and form != other for other in self.namesakes)

    def _stands_alone(self, text: str, match: re.Match[str], cased: bool) -> bool:
        """Whether the surname at `match` has no other given name, title or compound around it."""
        if match.group()[:1].islower() and cased:
            return False  # a common word in a text that keeps capitals
        return not self._of_another(text, match)

    def _of_another(self, text: str, match: re.Match[str]) -> bool:
        """Whether a given name before it, or a name after it, makes the surname somebody else's, or a place."""
        if self._within_namesake(text, match):
            return True
        before = re.search(r"([A-Z][\w'’.-]*)[ \t]+$", text[max(0, match.start() - 40) : match.start()])
        after = re.match(r"[ \t]+([A-Z][\w'’-]*)", text[match.end() : match.end() + 40])
        if after and is_name_word(after.group(1)) and normalise(after.group(1)) not in _NAMED_AFTER:
            return True
        if re.match(
            r",?[ \t]+(?:(?:up|down|over|out|away|here) )?(?:(?:in|to) )?(?:the )?(?:Australia|Northern Territory|NT|Minnesota|Kansas|Ontario)\b",
            text[match.end() : match.end() + 40],
        ):
            return True
        if before is None:
            return False
        if re.search(r"\w{3}\.$", before.group(1)) and not re.fullmatch(TITLES, normalise(before.group(1))):
            return False  # the end of the sentence before
        word = normalise(before.group(1))
        numbered = re.search(
            rf"\b{_ORDINAL} {re.escape(before.group())}$",
            text[max(0, match.start() - 40) : match.start()],
            re.IGNORECASE,
        )
        if numbered and normalise(f"{numbered.group()}{match.group()}") not in self.full:
            return True  # "the second Earl Russell"
        if _FEMALE.fullmatch(word):
            return True
        if word in self._given or re.fullmatch(TITLES, word):
            stop = match.start() - len(before.group())
            earlier = re.search(r"([A-Z][\w'’.-]*)[ \t]+$", text[max(0, stop - 40) : stop])
            ended = earlier and re.search(r"\w{3}\.$", earlier.group(1))  # "... Sartre. Lord Russell"
            return bool(earlier and not ended and word in self._given and self._foreign(earlier))
        return self._foreign(before)

    def _foreign(self, before: re.Match[str]) -> bool:
        """Whether the capitalised word before the surname is another person's given name, not a sentence's start."""
        word = before.group(1).rstrip(".'’")
        if normalise(word) in self._given or re.fullmatch(TITLES, normalise(word)):
            return False
        return is_name_word(word)


_ORDINAL = r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|\d+(?:st|nd|rd|th))"
_CAPITALISED = re.compile(r"(?<![\w'-])[A-Z][\w'-]+")


@cache
def _run_of(words: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Z][\w'-]+(?: [A-Z][\w'-]*\.?){{{words - 1}}}(?!\w)")


def words(kind: str) -> set[str]:
    """The words of words.yaml under `kind`."""
    return set(str(read_yaml(_WORDS)[kind]).split())


def is_name_word(word: str) -> bool:
    """Whether a capitalised word looks like part of a name rather than a sentence's first word."""
    return normalise(word) not in _SENTENCE_WORDS


_SENTENCE_WORDS = words("open_a_sentence")
_NAMED_AFTER = words("named_after_a_person")
"""What is named after a person: "the Russell Tribunal" names him, "the Russell Hotel" doesn't."""
