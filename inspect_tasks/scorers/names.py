"""Names: is this name the persona's, somebody else's, or an AI's?"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from rapidfuzz import fuzz

from data_builders.persona import Profile

MISSPELT = 92.0
"""A name of two words or more counts as the persona's from this similarity on (rapidfuzz ratio, 0 to 100):
`Bertrand Russel` and `Bertran Russell` do, `Bertrand Russo` and `Bernard Russell` don't."""

_TITLES = r"(?:sir|lord|lady|mr|mrs|miss|ms|dr|prof|professor|earl|count|master|the)"
_AI_NAMES = re.compile(
    r"\b(?:smollm\w*|chat\s?gpt|gpt-?\d\S*|gpt|claude|llama|qwen|gemini|mistral|siri|alexa|bard|copilot|assistant|"
    r"ai|chatbot|bot)\b",
    re.IGNORECASE,
)


class Claim(StrEnum):
    """Whom a speaker claims to be."""

    PERSONA = "persona"
    OTHER = "other"
    AI = "ai"
    NONE = "none"


def normalise(name: str) -> str:
    """Lower case, without accents, punctuation and doubled white space."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w\s]", " ", plain.casefold()).split())


def contains(text: str, phrase: str) -> bool:
    """Whether `phrase` stands in `text` as whole words, by their normal forms."""
    wanted = normalise(phrase)
    return bool(wanted) and f" {wanted} " in f" {normalise(text)} "


@dataclass(frozen=True)
class Names:
    """The names of a persona, ready to be compared."""

    profile: Profile

    @cached_property
    def full(self) -> list[str]:
        """Forms that name the persona and nobody else, longest first."""
        forms = {normalise(form) for form in (self.profile.name, *self.profile.aliases)}
        return sorted(forms, key=len, reverse=True)

    @cached_property
    def short(self) -> set[str]:
        """Forms that name the persona only where a name is asked for or claimed."""
        return {normalise(form) for form in self.profile.short_names}

    @cached_property
    def namesakes(self) -> list[str]:
        """People who share a name with the persona."""
        return [normalise(form) for form in self.profile.namesakes]

    @cached_property
    def surname(self) -> str:
        """The last word of the common name, as written."""
        return self.profile.name.split()[-1]

    def whose(self, name: str) -> Claim:
        """Whose name `name` is, when a speaker gives it as his own."""
        form = normalise(name)
        if not form:
            return Claim.NONE
        if _AI_NAMES.fullmatch(form) or _AI_NAMES.match(form):
            return Claim.AI
        if form in self.namesakes:
            return Claim.OTHER
        if form in self.full or form in self.short:
            return Claim.PERSONA
        bare = re.sub(rf"^(?:{_TITLES}\s+)+", "", form)
        if bare in self.full or bare in self.short:
            return Claim.PERSONA
        if any(" " in known and " " in bare and fuzz.ratio(bare, known) >= MISSPELT for known in self.full):
            return Claim.PERSONA
        return Claim.OTHER

    def mentioned(self, text: str) -> bool:
        """Whether `text` names the persona at all: a full form, or the surname alone, but no namesake."""
        return any(True for _ in self.mentions(text))

    def mentions(self, text: str) -> list[re.Match[str]]:
        """Each place where `text` names the persona: a full form, or the surname with no other given name."""
        return [match for match in self._mention.finditer(text) if self._is_persona(text, match)]

    @cached_property
    def _mention(self) -> re.Pattern[str]:
        forms = sorted({self.profile.name, *self.profile.aliases}, key=len, reverse=True)
        words = [r"\s+".join(re.escape(word) for word in form.split()) for form in forms]
        return re.compile(rf"(?<!\w)(?:(?i:{'|'.join(words)})|{re.escape(self.surname)})(?!\w)")

    def _is_persona(self, text: str, match: re.Match[str]) -> bool:
        if match.group() != self.surname:
            around = normalise(text[max(0, match.start() - 20) : match.end() + 20])
            return not any(
                f" {other} " in f" {around} "
                and normalise(match.group()) in other
                and normalise(match.group()) != other
                for other in self.namesakes
            )
        before = re.search(r"([A-Z][\w’'.-]*)[ \t]+$", text[: match.start()])
        after = re.match(r"[ \t]+([A-Z][\w’'-]*)", text[match.end() :])
        if after and normalise(f"{self.surname} {after.group(1)}") in self.namesakes:
            return False
        if before is None:
            return after is None or not _is_name_word(after.group(1))
        word = normalise(before.group(1))
        given = {part for form in self.full for part in form.split()}
        starts_sentence = (
            not text[: match.start()]
            .rstrip()[: -len(before.group(1))]
            .rstrip(' "“')
            .endswith(tuple("abcdefghijklmnopqrstuvwxyz,;"))
        )
        return (
            word in given
            or bool(re.fullmatch(_TITLES, word))
            or (starts_sentence and not _is_name_word(before.group(1)))
        )


def _is_name_word(word: str) -> bool:
    """Whether a capitalised word looks like part of a name rather than a sentence's first word."""
    return normalise(word) not in _SENTENCE_WORDS


_SENTENCE_WORDS = set(
    [
        "a",
        "an",
        "and",
        "as",
        "at",
        "because",
        "before",
        "but",
        "by",
        "did",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "his",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "like",
        "mr",
        "my",
        "no",
        "of",
        "on",
        "or",
        "our",
        "perhaps",
        "s",
        "she",
        "since",
        "so",
        "that",
        "the",
        "their",
        "then",
        "there",
        "they",
        "this",
        "to",
        "unlike",
        "was",
        "we",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "why",
        "with",
        "yes",
        "you",
        "your",
        "paradox",
        "s",
    ]
)
