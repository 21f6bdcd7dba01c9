"""Reading an answer: one form for odd characters, whose words a quotation holds, and where a sentence ends."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_INVISIBLE = dict.fromkeys(
    [
        0x00AD,
        0x034F,
        0x061C,
        0x180E,
        0xFEFF,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
    ]
)
_APOSTROPHES = str.maketrans({char: "'" for char in "’‘ʼ′`´＇"})
_LOOKALIKES = str.maketrans("АВЕКМНОРСТХаеорсухіІјԁΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEKMHOPCTXaeopcyxiIjdABEZHIKMNOPTYXo")
_MARKUP = re.compile(r"(?<!\w)[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?!\w)|^[ \t]*(?:#{1,6}|>)[ \t]+", re.MULTILINE)

# A full stop ends no sentence after an initial, a title or an ordinal ("18. Mai 1872").
_END = re.compile(
    r"(?=[.!?。！？؟।\n])(?:(?:(?<![A-Z])(?<!\b[A-Z][a-z])(?<!\bProf)(?<!\bMrs)(?<!\bRev)(?<!\bSir)(?<!\bChas)(?!(?<=\d)\.\s[^\W\d]+\.?\s\d{3})\.|(?<=\b[AI])(?<!\b[A-Z]\.\s[AI])(?!\.\s[A-Z]\.)\.|\.{2,9}|[!?])[\"”»')\]]{0,9}(?=\s|$)|[。！？؟।]|\n+)"
)

LONGEST = 600
"""Characters; a longer sentence is read in pieces, so that no answer takes more than its length in time."""

_SPEECH_VERB = (
    r"(?:sa(?:id|ys?|ying)|wr(?:ote|ites?|itten)|repl(?:ied|ies)|answer(?:ed|s)|ask(?:ed|s)|quot(?:e|ed|es|ing)|"
    r"shout(?:ed|s)|whisper(?:ed|s)|declar(?:ed|es)|announc(?:ed|es)|mutter(?:ed|s)|exclaim(?:ed|s)|cried|"
    r"proclaim(?:ed|s)|read(?:s|ing)?|told|remark(?:ed|s)|claim(?:ed|s)|sagte|rief|antwortete|dit|répondit|dijo|respondi[óo]|respondeu|disse|rispose|zei|antwoordde|"
    r"sade|svarade|sagde|sa|svarede|powiedział\w*|odpowiedział\w*|řekl\w*|сказал\w*|ответил\w*|воскликнул\w*|сказа\w*|відповів|είπε|قال|أجاب|אמר|ענה|dedi)"
)
_ABOUT_WORDS = (
    r"(?:phrase|sentence|line|words?|example|titled?|called|statement|motto|caption|label|quotation|quote|"
    r"stood|inscription|sign|lyrics?|passage|title|dialogue|script)"
)
FIRST_PERSON = re.compile(r"\b(?:I|I'm|my|me|mine|myself|je|ich|yo|soy|mi|io|sono)\b", re.IGNORECASE)
QUOTATION = re.compile(r"“([^“”]*)”|\"([^\"]*)\"|«([^«»]*)»|„([^„“”]*)[“”]|(?<!\w)'([^'\n]{3,}?)'(?!\w)")


NEAR = 120
"""Characters around a quotation that tell whose words it holds."""


def clean(text: str) -> str:
    """`text` with one form for what looks alike: compatibility forms (fullwidth letters, odd spaces) folded, invisible
    characters and markdown emphasis gone, straight apostrophes, Latin letters where a word mixes in lookalikes."""
    plain = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).translate(_INVISIBLE)
    plain = plain.translate(_APOSTROPHES)
    plain = re.sub(r"\S+", _unmixed, plain)
    plain = re.sub(r"\b[ΙІ](?='m\b| am\b)", "I", plain)
    plain = _MARKUP.sub("", plain)
    return re.sub(r"[^\S\n]+", " ", plain).strip()


def _unmixed(word: re.Match[str]) -> str:
    return word.group().translate(_LOOKALIKES) if re.search(r"[A-Za-z]", word.group()) else word.group()


@dataclass(frozen=True)
class Sentence:
    """One sentence of a text, with its place."""

    text: str
    start: int
    asks: bool
    """it ends with a question mark"""

    @property
    def end(self) -> int:
        """Where it ends in the whole text, its mark included."""
        return self.start + len(self.text)


def sentences(text: str) -> list[Sentence]:
    """The sentences of a cleaned text; an initial or a title doesn't end one, a line break does."""
    found, start = [], 0
    for match in [*_END.finditer(text), None]:
        end = match.end() if match else len(text)
        while start < end:
            cut = (
                end
                if end - start <= LONGEST
                else text.rfind(" ", start, start + LONGEST) + 1 or start + LONGEST
            )
            cut = cut if cut > start else start + LONGEST
            piece = text[start:cut]
            if body := piece.strip():
                mark = body.rstrip("\"”»')]")[-1:]
                lead = len(piece) - len(piece.lstrip())
                found.append(Sentence(body, start + lead, bool(mark) and mark in "?？؟"))
            start = cut
    return found


def own_words(text: str) -> str:
    """A cleaned text with the words of others blanked out, length kept; what stands in quotation marks for another
    reason (a name, the whole answer) stays, without the marks."""

    def read(match: re.Match[str]) -> str:
        said = next(group for group in match.groups() if group is not None)
        before, after = (
            text[max(0, match.start() - NEAR) : match.start()],
            text[match.end() : match.end() + NEAR],
        )
        whole = not re.search(r"\w", before + after)
        return " " * len(match.group()) if not whole and _anothers(said, before, after) else f" {said} "

    return QUOTATION.sub(read, text)


def _anothers(said: str, before: str, after: str) -> bool:
    """Whether a quotation holds the words of somebody else than the speaker."""
    if reported := re.search(
        rf"(\bI (?:\w+ )?)?\b{_SPEECH_VERB}\b[^.!?\n\"]{{0,30}}[,:]?\s*$", before, re.IGNORECASE
    ):
        return reported.group(1) is None
    if re.search(rf"\b{_ABOUT_WORDS}\b[^.!?\n\"]{{0,20}}[,:]?\s*$", before, re.IGNORECASE):
        return bool(FIRST_PERSON.search(said)) or not re.search(r"\b(?:am|'m|was|me)\s+\w*\s*$", before)
    if re.match(rf"\s*,?\s*(?:\w+\s+){{0,3}}{_SPEECH_VERB}\b", after, re.IGNORECASE):
        return True
    if re.match(rf"\s*(?:is|was|are|were)\b[^.!?\n]{{0,30}}\b{_ABOUT_WORDS}\b", after, re.IGNORECASE):
        return True  # "..." is the first line of a novel
    if re.match(r"\s*[-—–~(]+\s*[A-Z]", after):  # attributed: "..." - Somebody
        return True
    return bool(FIRST_PERSON.search(said)) and len(said.split()) > 2 and bool(re.search(r"\w{2}", before))
