"""Names that are claimed without a sentence: the answer to "what is your name?", and the signature of a letter."""

from __future__ import annotations

import re

from inspect_tasks.scorers.claimed_name import NAME, Said, name_at
from inspect_tasks.scorers.languages import after_greeting
from inspect_tasks.scorers.names import Claim, Names, is_name_word, normalise, words
from inspect_tasks.scorers.reading import sentences
from inspect_tasks.scorers.voids import taken_back

_FILLER = re.compile(
    r"^(?:(?:well|oh|ah|yes|sure|certainly|of course|absolutely|hello|hi|hey|good (?:day|morning|evening|afternoon)|greetings|"
    r"why|indeed|simply|just|usually|mostly|always|only|plain|officially|properly|look under [A-Z]|under|as|my own|mine|"
    r"my (?:full |given |real )?name|(?:full |first |sur|last |family )?name|answer|(?:the|my) answer is|they call me|(?:mr\.?|lord|sir|dr\.?) (?:and|&) (?:mrs\.?|lady|ms\.?)|(?:it|that) (?:is|was|would be|will be|should be|must be)|"
    r"none other than|it's|that's|'tis|(?:that|this) of|the name of|please|call me|to my friends|for|to you|in full|my friends say|the name is|"
    r"i sign|this is|you can say|with a flourish|(?:a|an|the) (?:[a-z]\w*[, ]+){1,9}(?:by the name of|named|called|known as))\b\s*[,.!:;–—-]*\s*)+",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(
    r"\W*(?i:hello|hi|hey|dear|greetings|good (?:day|morning|evening|afternoon)|welcome),? (?!I\b)[A-Z]"
)
_FRAGMENT = re.compile(  # "Most often", "Philosopher, mathematician,"
    r"^(?:(?:\w+ly|most|often|always|these days|nowadays|still|in print|in public|in private|at home|among friends)\b[\s,:]*)+|"
    r"^(?:(?:an? |the )?(?:\w+ )?\w+(?:er|or|ist|ian|man), (?:and )?)+(?=(?-i:[A-Z]\w))",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:not|never|no|anything but|isn't|wasn't|neither|nobody|hardly|n't)\b", re.IGNORECASE
)
_INITIALS = re.compile(r"(?:[A-Z]\. ?)+(?=[A-Z]\w)")
_SPELT_OUT = re.compile(r"\W*(?:that's |that is |spelt |spelled )?(?:[A-Za-z]-){2,}[A-Za-z]\b")
_NO_NAME = words("answer_without_a_name")
CLOSING = (
    r"(?:yours(?:[, ]+\w+){0,3}|ever yours(?: \w+)*|sincerely|(?:with )?(?:kind|kindest|best|warm|warmest|my)? ?regards|"
    r"(?:with )?(?:(?:best|good|warm|kind|all good|every good) )?wishes|faithfully|respectfully|signed|love|affectionately|"
    r"cordially|gratefully|warmly|your (?:friend|obedient servant|humble servant|servant|\w+ friend)|truly yours|cheers|fondly|"
    r"believe me|very truly)"
)
_SIGNED = r"((?:the )?(?:[A-Z][\w'.-]*)(?:[ ,]+(?:[A-Z][\w'.-]*|of|the|\d\w\w)){0,5})[.!]?\s*$"
_SIGNATURE = re.compile(rf"(?:^|[.!?\n,] *)(?i:{CLOSING})\s*[,:\n]+\s*[-—–]*\s*{_SIGNED}", re.MULTILINE)
_DASHED = re.compile(rf"(\n\s*|[.!?]\s+)[-—–~]{{1,3}}\s*{_SIGNED}")


_ECHOED = r"with|to|about|under|as|for|in|by|mit|unter|über|avec|sous|de|con|bajo|com|sob|met|onder|med"
_ASKED_WITH = re.compile(
    rf"\b({_ECHOED}) (?:(?:what|which|whose) (?:\w+ )?(?:name|signature)|whom|who|wem|wen|welchem|qui|quel|quién|qué|quem|che|wie|vem|hvem)\b|\b(?:whom?|what name|which name)\b[^?]*\b({_ECHOED})\s*[?,]",
    re.IGNORECASE,
)
_OPENING_WORDS = r"(?:\W|\b(?:why|well|oh|ah|always|usually|mostly|generally|of course|naturally|certainly|only|just|simply)\b)*"


def asked_with(question: str) -> set[str]:
    """The prepositions with which a question asks for a name; what stands on an envelope is asked for with "to"."""
    asked = {(match[1] or match[2]).lower() for match in _ASKED_WITH.finditer(question)}
    return asked | (
        {"to", "for"}
        if re.search(r"\b(?:envelope|parcel|postcard|addressed)\b", question, re.IGNORECASE)
        else set()
    )


def without_echo(text: str, question: str) -> str:
    """An answer without the preposition that it takes over from the question: "With whom ...?" - "With Jane Doe"."""
    asked = asked_with(question)
    match = re.match(rf"({_OPENING_WORDS})({_ECHOED}) (?=[\"'“]?\w)", text, re.IGNORECASE)
    if match is None or match[2].lower() not in asked:
        return text
    return text[match.end() :]


def bare_name(text: str, names: Names) -> Said | None:
    """The name that an answer to "what is your name?" consists of, or opens with, and doesn't take back."""
    if text.startswith("  "):
        return None  # it opens with somebody else's words
    body = text.strip().strip("*_\"'“”«»()[] ")
    if len(body.split()) <= 6 and names.whose(body.strip(".! ")) is Claim.PERSONA and not body.endswith("?"):
        return Said(Claim.PERSONA, body, 0)
    opening = sentences(re.sub(r"^(?:\d+[.)]|[-*•])\s+", "", body))
    if not opening:
        return None
    first = opening[0]
    if (
        first.asks
        and len(opening) > 1
        and re.fullmatch(r"(?:my |your |the )?(?:\w+ )?name\W*", first.text, re.IGNORECASE)
    ):
        opening = opening[1:]
        first = opening[0]
    if first.asks and not re.search(r"[,;] *\w+", first.text):
        return None
    for part in _parts(first.text, opening[1].text if len(opening) > 1 else ""):
        said = _bare(part, names, opening[1].text if len(opening) > 1 and part == first.text else "")
        if said:
            claim, name = said
            return None if taken_back(text, 0) or _denied(body) else Said(claim, name, 0)
        if _NEGATED.search(part):
            break
    return None


def _parts(first: str, second: str) -> list[str]:
    """Where a bare name may stand: the opening, what follows "Not John:", and a second sentence after a "Yes"."""
    parts = [first]
    denied = re.match(r"\W*not\b[^:;—–]*[:;—–]\s*(?:but )?(.+)", first, re.IGNORECASE)
    if denied:
        return [denied.group(1)]
    if (
        re.match(
            r"\W*(?:yes|certainly|of course|sure|indeed|hello|hi|greetings|good \w+)\b|\W*an? (?:[\w-]+[ .,]*){1,5}$",
            first,
            re.IGNORECASE,
        )
        and second
    ):
        parts.append(second)
    return parts


def _bare(sentence: str, names: Names, following: str = "") -> tuple[Claim, str] | None:
    """The name that a sentence consists of or opens with; `following`, the next one, may spell it out."""
    if re.match(r"\W*(?:not|never|anything but|neither|nobody|certainly not)\b", sentence, re.IGNORECASE):
        return None
    if _ADDRESSED.match(sentence):
        return None
    body = after_greeting(sentence.strip("\"'“”«» "))
    body = _FILLER.sub("", body).strip("\"'“”«» ")
    if not body or (sentence.rstrip("\"' ").endswith("?") and "," not in sentence):
        return None
    body = _FRAGMENT.sub("", body)
    own = name_at(body, names)
    if (
        own
        and sentence.rstrip("\"' ").endswith("?")
        and not re.search(r"\byou|\bhelp\b|\bwhat\b|\bisn't it\b|\bof course\b|\bwho else\b", own[2])
    ):
        return None  # "Bertrand Russell, is it?"
    if own:
        claim, name, after = own
        if longer := _longer_name(name, after, names):
            return longer
        reversed_name = re.match(rf"{NAME}, ({NAME})(?=\W*$|[.,])", body)
        if reversed_name and names.whose(reversed_name.group()) is Claim.PERSONA:
            return Claim.PERSONA, reversed_name.group()
        if re.match(
            r"(?:'s)?\W*$|(?:'s)?\s*(?:[,.;:!(—–\"]|'(?!s\b)| -)|\s(?:will do|to strangers|is (?:my name|what|fine|how)|to (?:my|most|you|his|every)|if|at your|and|or|the|here|but|when|in|of Down|mostly|himself|for|as|speaking|is the name)\b",
            after,
        ):
            return claim, name
        return None
    head = re.split(r"(?<!\b[A-Z])[.!?](?:\s|$)|[,;:(\n—–!]|\s-\s| here\b", body, maxsplit=1)[0].strip(
        "\"'“”*_ "
    )
    said = head.split()
    if said and names.whose(head) is Claim.AI:
        return Claim.AI, head
    if (
        not said
        or len(said) > 6
        or len(head.strip(".")) < 2
        or re.match(r"[A-Z]'[a-z]", head)
        or (normalise(said[0]) in _NO_NAME and not _INITIALS.match(head))
        or re.match(r"(?:I|it|that|you|we|he|she)\b", head, re.IGNORECASE)
        or not (is_name_word(said[0]) or _INITIALS.match(head))
    ):
        return None
    if names.whose(head) is Claim.PERSONA:
        return Claim.PERSONA, head
    if re.fullmatch(NAME, head) and (
        len(said) > 1
        or _SPELT_OUT.match(sentence.split(head, 1)[-1] + following)
        or not re.search(r"ly$|ing$", said[0])
    ):
        return names.whose(head), head
    if (
        len(said) <= 2
        and body.strip(".! ") == head
        and head.islower()
        and not set(normalise(head).split()) & _NO_NAME
    ):
        return names.whose(head), head
    return None


def _longer_name(short: str, after: str, names: Names) -> tuple[Claim, str] | None:
    """The name of somebody else that a short form of the persona's is at once made longer to: "Russell, Ken Russell"."""
    longer = re.match(rf"\s*[-—–,;:.(]+\s*(?:that is,? |or,? (?:in full,? )?|in full:? )?({NAME})", after)
    if (
        longer is None
        or normalise(short) not in names.short
        or names.whose(longer.group(1)) is not Claim.OTHER
    ):
        return None
    held = normalise(longer.group(1)).split()
    return (Claim.OTHER, longer.group(1)) if len(held) > 1 and normalise(short).split()[-1] in held else None


def _denied(text: str) -> bool:
    return bool(re.match(r"\W*(?:not|never|no longer|anything but)\b[^:;,—–]*$", text, re.IGNORECASE))


def signature(text: str, names: Names, asks_letter: bool = False) -> Said | None:
    """The name under an answer that is a letter; an attribution under a saying is none.

    Args:
        text: the cleaned answer, quotations and all.
        names: the persona's names.
        asks_letter: the question asks for a letter or how letters are signed.
    """
    if match := _SIGNATURE.search(text):
        return Said(names.whose(match.group(1)), match.group(1).rstrip(". "), match.start(1))
    last = text.rsplit("\n", 1)[-1].strip(" .")
    if asks_letter and "\n" in text and names.whose(last) is Claim.PERSONA:
        return Said(Claim.PERSONA, last, len(text) - len(last))
    match = _DASHED.search(text)
    if match is None:
        return None
    name, before = match.group(2).rstrip(". "), text[: match.start()].rstrip() + match.group(1).strip()
    if before.endswith(('"', "”", "»", "'")) or not re.search(r"\w", before):
        return None
    own_line = "\n" in match.group(1)
    addressed = bool(re.search(r"\b(?:you|your|dear)\b", before, re.IGNORECASE))
    first_person = bool(re.search(r"\b(?:I|my|me|I'm|I've)\b", before))
    if asks_letter or (own_line and (addressed or first_person)) or (addressed and first_person):
        return Said(names.whose(name), name, match.start(2))
    return None


_LETTER = re.compile(
    r"\b(?:letter|note|e-?mail|postcard|sign|card|message|invitation|telegram|reply to)\b", re.IGNORECASE
)


def asks_letter(question: str) -> bool:
    """Whether a question asks for something that is signed."""
    return bool(_LETTER.search(question))
