"""A name given where a name is asked for, in whatever words: `"Mr. Russell" will do`, "You'd find me under Russell,
Bertrand", "In large letters: BERTRAND RUSSELL".

`bare.py` and `speech.py` know phrases that claim a name. Oblique questions ("Whose name is on the covers of your
books?") are answered in more ways than a list can hold, so here it is turned round: what names the persona in the
opening of such an answer is his claim, unless something in its sentence makes it another's name: a denial, a
condition, a tie, a preposition, or a verb that makes him a third person.
"""

from __future__ import annotations

import re

from inspect_tasks.scorers.asks import RELATION
from inspect_tasks.scorers.bare import CLOSING, asked_with, bare_name
from inspect_tasks.scorers.claimed_name import Said, name_at
from inspect_tasks.scorers.languages import another_elsewhere, denied_elsewhere
from inspect_tasks.scorers.names import TITLES, Claim, Names, is_name_word, normalise
from inspect_tasks.scorers.reading import FIRST_PERSON, QUOTATION, Sentence, sentences
from inspect_tasks.scorers.speech import not_a_name_after
from inspect_tasks.scorers.voids import NEGATION, after_retraction, is_unreal, taken_back

OPENING = 2
"""Sentences in which a name counts: further on in an answer it is more often a third person's."""

QUOTED = 8
"""Words of a quotation in which a name counts; a longer one, or one in the first person, holds somebody's words."""

_MARKS = re.compile(r"[\"“”„«»]|(?<!\w)'|'(?!\w)")
_SAYS = r"(?:say|says|call|calls|know|knows|sign|write|writes|put|puts|print|prints|read|reads|answer|announce|give|suppose|think|guess|believe|expect|imagine|hope|fear|shout|shouts|cry|cries|yell|yells|bellow|whisper|greet|greets)"
_SAID_THAT = r"(?<!\bI )(?:said|announced|called out|read out|introduced me as|presented me as|shouted|whispered|told (?:them|everybody|everyone|the \w+)) (?:that|it was|here was|this was)"
_NAMED_THING = (
    r"(?:life|lives|biography|autobiography|portrait|likeness|photograph|picture|bust|lecture|talk|address|speech|"
    r"evening|works?|writings?|letters?|essays|books|home|house|residence|name|story|signature)"
)
_OBJECT = re.compile(  # before a name, it makes him the object of something
    r"\b(?:about|on|with|from|like|unlike|than|after|to|against|behind|beside|besides|near|into|over|for|in|at|between|alongside|"
    r"read|reads|reading|reread|rereads|admire[ds]?|love[ds]?|met|meet|knew|quote[ds]?|quoting|visit(?:ed)?|follow(?:ed)?|ask(?:ed)?|"
    r"teach|taught|stud(?:y|ied)|impersonat\w+|imitat\w+|mean|new|another|second|next|modern|proverbial|certain|both|neither|"
    r"not|or|nor|and|de|di|du|von|van|(?:answer|reply|respond|speak|talk|pretend|play|act|write|pos)\w* as|man's|today's)\s+(?:the (?:great |late |philosopher |famous )?)?(?:(?:{TITLES})\.? )*\W*$",
    re.IGNORECASE,
)
_PLACED = re.compile(
    r"\b(?:runs?|ran|comes?|amounts?|boils? down|shortens?|shortened|shrinks?|answers?|responds?|reduced|abbreviated|adds? up|stretches|extends) to (?:the |plain |simply |just )*$|(?:\b[A-Z],?|\bstands?|\bshort) for $|\bsomething like\W*$",
    re.IGNORECASE,
)
_OF_HIM = re.compile(r"\b(?:of|by)\s+(?:the )?\W*$", re.IGNORECASE)
_OF_A_THING = re.compile(
    rf"(?<!\w)(?<!\d )(?<!\bmany )(?<!\bsome )(?<!\bfew )(?<!\bseveral )(?<!\bany )(?<!\ball )(?<!\bmost )(?<!\btwo )(?<!\bthree )(?<!\bother )(?<!\bmore )\b{_NAMED_THING}(?: and {_NAMED_THING})? (?:of|by)\s+\W*$",
    re.IGNORECASE,
)
_FOLLOWS = re.compile(  # after a name, it may stand: the end, a mark, a conjunction, what posters and plaques say
    r"\W*$|\W*[,.;:!()\"—–\n-]|'s?(?=\W*(?:$|[,.;:!]))|\s+(?:needs?(?:ed)? no introduction|(?:will|is|shall|to|would|was (?:about to|going to|to)) (?:now |next )?(?:be )?(?:speak|talk|lectur|giv|address)\w*|"
    r"(?:lived|lives|was born|worked) (?:here|in this house)|will (?:do|be (?:enough|fine|quite enough)|suffice)|would (?:do|be enough|be fine|suffice)|"
    r"once (?:you|I|one)\b|when\b|is (?:what|how|fine|enough|quite|printed|written|the name)|would (?:appear|stand)|here\b|speaking\b|in (?:small|large|big|gold|plain|capital|full)|"
    r"on\b|by (?:the|those|my|most)|if\b|but\b|though\b|or\b|and\b|to (?:my|the|most|you|those|everyone)|at your|I (?:suppose|think|believe|should|would|say)|he (?:reads|says|calls)|"
    r"(?-i:I|My|It|This|The|You|We|As)\b|\(?\d{4}|oil on|philosopher\b|mathematician\b|naturalist\b|of\b (?:Down|Trinity|Cambridge))",
    re.IGNORECASE,
)
_A_LIFE_OF_HIS_OWN = re.compile(  # then he is a third person
    r"^\W*(?:who|whose|him|his|once(?! ?,| you\b| I\b| one\b)|famously|always|also|I am not|I'm not)\b|^\W*(?:and|or) (?:I|me|he|she|they|we)\b|^, (?:an?|the) (?:\w+ ){1,5}(?:who|whose|that)\b|^,? (?:a|an|my|our|the) (?:\w+ ){0,3}"
    rf"{RELATION}\b",
    re.IGNORECASE,
)
_ATTRIBUTED = re.compile(r"(?:\w\W+){4,}[\"”»']\s*(?:[-—–~(]+|by|said|wrote)\s*$")
_ATTRIBUTION = re.compile(r"[.!?,\w][\"”»']\s*[-—–~(]+\s*(?:the )?$")
_MY_TIE = re.compile(
    rf"\b(?:my|our|his|her|their|your|an?|the|was|'s)\b(?: [\w'-]+){{0,3}}? {RELATION}\b", re.IGNORECASE
)
_ONE_WHO = r"(?<!s )(?<!people )(?<!those )(?<!everyone )(?<!anyone )(?<!men )\bwho (?!is\b|was\b)\w+\b"
"""A description of one man, "the man who wrote it"; "people who care say" describes none."""
_I_DO = re.compile(
    r"\bI(?:'m|'ve|'d|'ll)?\b(?! (?:\w+ ){0,3}?"
    + _SAYS
    + r"\b)(?!, )(?: \w+)+ $|\b(?:me|we|us)\b(?! under)(?: \w+)* $|"
    + _ONE_WHO,
    re.IGNORECASE,
)
_DENIED = re.compile(
    rf"\b{NEGATION}\b|n't\b|{_ONE_WHO}|\b(?:he|she|they) (?:is|was|are|were|wrote|had|has|said(?!(?: \w+)?\W*$))\b|\b(?:mistak\w+|confus\w+|wrong|instead|rather|except|unless|deny|denied|anything but|lie|false)\b",
    re.IGNORECASE,
)
_GUESSED = re.compile(
    r"\b(?:could|might|may|wish|if|whether|pretend\w*|imagine|suppose that|dream\w*|game|play|role)\b",
    re.IGNORECASE,
)


_SAID = re.compile(  # before a short name that is said, not spoken of
    r"\b(?:say|says|said|uses?|used|shouts?|shouted|cry|cries|cried|calls?|called|prefers?|preferred|writes?|prints?|puts?|makes? it|settles? for|sticks? to|announces?|signs?)"
    r"(?: (?:out|simply|just|only|plain|always|usually))* +$",
    re.IGNORECASE,
)
_PLACED_LETTER = re.compile(r"\b[A-Z],? (?:for|as in) $")
_BESIDE_QUOTED = {"at", "under", "to", "with", "as", "for"}
"""Prepositions that may stand before a name in quotation marks: "I get up at "Jane Doe"."""
_COMPARED = re.compile(r"\b(?:compare[ds]?|liken\w*|similar|related|next|close)\b", re.IGNORECASE)
_I_REACT = re.compile(
    r"\bI (?:\w+ )?(?:rise|get|stand|answer|respond|react|listen|look|turn|come|go|sign|end|close|finish|enter|start|jump)\b",
    re.IGNORECASE,
)
_SAID_SO = re.compile(r"\W*$|[\"”»']?[,.;:!]|\s(?:or|but|to (?:me|my)|when|if|because|as)\b")
_OF_MINE = re.compile(r"\b(?:mine|my own|myself)\b[^.;!?]*$", re.IGNORECASE)
_POSSESSIVE = re.compile(r"'s?(?=\W*(?:$|[,.;:!]))")
_ONLY_THE = re.compile(  # "I'm only the present tenant", "I only rent it": then the name asked for is another's
    rf"\b(?:he|she|they) (?:lived|lodged|stayed|worked) (?:here|there)\b[^.!?]{{0,30}}\bbefore (?:me|I|my|us|we)\b|\bI(?:'m| am) (?:only|just|merely|simply) (?:the|his|her|their|its) (?:\w+ )?(?:{RELATION}|tenant|lodger|caretaker|owner|messenger|clerk|janitor|cleaner|landlord|occupant|resident|guide|librarian|porter)\b|"
    r"\bI (?:only|just|merely|simply) (?:rent|lodge|work|live|stay|clean|translate|translated|edit|edited|collect|sell|bought|borrowed)\b",
    re.IGNORECASE,
)


def given_name(text: str, spoken: str, names: Names, question: str = "") -> Said | None:
    """The persona's name where the answer to "what is your name?" gives it, in no phrase that claims a name.

    Args:
        text: the cleaned answer, quotations and all.
        spoken: the speaker's own words, of the same length (`reading.own_words`).
        names: the persona's names.
        question: what was asked: "they complain about X" answers "whom do they complain about?".
    """
    if is_anothers(text):
        return None
    echoed = asked_with(question)
    start = after_retraction(text)
    if start and (said := bare_name(spoken[start:].lstrip(" .,;:!"), names)) and said.claim is Claim.PERSONA:
        return Said(said.claim, said.name, start)
    for sentence in sentences(text[start:])[:OPENING]:
        for name, at in _names_in(sentence, names, echoed):
            place = start + sentence.start + at
            if not taken_back(text, place) and not _ATTRIBUTION.search(text[:place]):
                return Said(Claim.PERSONA, name, place)
    return None


def is_anothers(text: str) -> bool:
    """Whether the speaker says that the name asked for is that of another: "I'm only the tenant"."""
    return bool(_ONLY_THE.search(text))


def _names_in(sentence: Sentence, names: Names, echoed: set[str]) -> list[tuple[str, int]]:
    """Each of the persona's names in a sentence that nothing in it makes another's."""
    found, written = [], sentence.text
    plain = _MARKS.sub(" ", written)
    if sentence.asks:
        return []
    for match in names.own.finditer(written):
        if match.start() and _reversed(written, match, names):
            found.append((match.group(), match.start()))
            continue
        read = name_at(written[match.start() :], names)
        if read is None or read[0] is not Claim.PERSONA:
            continue
        name, after = read[1], read[2]
        if not name.isascii() and not {normalise(name), normalise(match.group())} & {
            *names.full,
            *names.short,
        }:
            continue  # inflected, as an object is
        before = plain[: match.start()]
        if normalise(name) in names.short and not (
            _quoted_alone(written, match)
            or _PLACED_LETTER.search(before)
            or (_SAID.search(before) and _SAID_SO.match(after))
        ):
            continue
        if (
            _within(before, names)
            or denied_elsewhere(before)
            or another_elsewhere(before)
            or _anothers_words(written, match)
        ):
            continue
        quoted = _quoted_alone(written, match)
        if _stands(
            sentence, written[: match.start()], before, after, echoed | _BESIDE_QUOTED if quoted else echoed
        ):
            found.append((name, match.start()))
    return found


def _stands(sentence: Sentence, written: str, before: str, after: str, preposed: set[str]) -> bool:
    """Whether nothing around a name in its sentence makes it another's than the speaker's.

    `preposed`: prepositions that may stand before it, as they stood in the question.
    """
    preposition = re.search(r"\b(\w+)\s*$", before)
    if preposition and preposition[1].lower() in preposed and not _COMPARED.search(before):
        before = "" if _I_REACT.search(before) else before[: preposition.start()]
    said = re.search(rf"\b(?:{_SAYS}|{_SAID_THAT})\b(?: \w+){{0,3}}?[\s:,]*$", before, re.IGNORECASE)
    if _ATTRIBUTED.search(written) or _DENIED.search(before):
        return False
    if _GUESSED.search(before.rsplit(",")[-1] if said else before):
        return False
    if not said and is_unreal(before, sentence):
        return False
    if _OF_HIM.search(before):
        if not _OF_A_THING.search(before) or re.search(
            r"\b(?:I|my|I'm|I've)\b(?! (?:should|would|suppose|think))", before
        ):
            return False
    elif _OBJECT.search(before) and not _PLACED.search(before):
        return False
    if not said and (_MY_TIE.search(before) or _I_DO.search(before)):
        return False
    return (
        bool(_FOLLOWS.match(after))
        and not _A_LIFE_OF_HIS_OWN.search(re.sub(r"^, and (?=they|he|she)", ", ", after) if said else after)
        and (not not_a_name_after(after) or bool(_OF_MINE.search(before) and _POSSESSIVE.match(after)))
    )


def _reversed(written: str, match: re.Match[str], names: Names) -> bool:
    """Whether the surname at `match` is followed by the given names, as in a register, after a word that places it."""
    after = re.match(r", ((?:[A-Z][\w.]*\.? ?){1,4})", written[match.end() :])
    before = _MARKS.sub(" ", written[: match.start()])
    return bool(
        after
        and names.whose(f"{match.group()}, {after.group(1).strip()}") is Claim.PERSONA
        and not _DENIED.search(before)
        and re.search(r"(?:\b(?:for|under|as|say|says|reads?|see)\W*|[:—–-]\s*)$", before, re.IGNORECASE)
    )


def _quoted_alone(written: str, match: re.Match[str]) -> bool:
    """Whether a short name is all, or nearly all, that a quotation holds: `"Russell here," I say`."""
    return bool(
        re.search(
            rf"[\"“„«]\s*(?:[Uu]nder |(?i:(?:{TITLES})\.? )+|(?i:{CLOSING}), )?$", written[: match.start()]
        )
        and re.match(r"(?:,? (?:here|speaking|at your service))?[,.!]?[\"”“»]", written[match.end() :])
    )


def _anothers_words(written: str, match: re.Match[str]) -> bool:
    """Whether the name stands in a quotation that is long or in the first person, among other words."""
    for quoted in QUOTATION.finditer(written):
        if quoted.start() <= match.start() < quoted.end():
            held = quoted.group()
            alone = not re.search(r"\w", written[: quoted.start()] + written[quoted.end() :])
            return not alone and bool(FIRST_PERSON.search(held) or len(held.split()) > QUOTED)
    return False


def _within(before: str, names: Names) -> bool:
    """Whether a capitalised word before the name makes it part of another's."""
    word = re.search(r"([A-Z][\w'-]+)[ \t]+$", before)
    return bool(
        word
        and not word.group(1).isupper()
        and is_name_word(word.group(1))
        and names.whose(word.group(1)) is not Claim.PERSONA
        and not re.fullmatch(TITLES, normalise(word.group(1)))
    )
