"""What voids a claim: denial, condition, wish, question, what others think, and a later word that takes it back."""

from __future__ import annotations

import re

from inspect_tasks.scorers.claimed_name import Said
from inspect_tasks.scorers.reading import Sentence

NEGATION = r"(?:not|never|no|n't|nobody|neither|nor|hardly|scarcely|cannot|nothing|none(?! other)|no longer)"


_FALSE = r"(?:deny|denies|denied|doubt\w*|refuse\w*|wrong|false|untrue|nonsense|mistake\w*|lie|lies|lying|absurd|incorrect|untruth|disagree\w*|pretend\w*|impossible|unlikely)"


_UNREAL = re.compile(
    r"\b(?:if|imagine|imagining|suppos(?:e|ing)(?= that| I|,| for)|pretend\w*|wish|wished|wishes|whether|act(?:s|ed|ing)? as|as if|as though|"
    r"unless|dream\w*|would be (?:\w+ )?if|let us say|let's say|let's (?:say|imagine|pretend|assume)|assum(?:e|ing)|say(?: that)?(?= I)|in case|picture|hypothetically|"
    r"fantas\w+|lest|provided|rather than|instead of|convince\w* \w+|persuad\w+ \w+|fool\w* \w+|trick\w* \w+|prove|until|the day|once(?= I))\b[^.!?;:\n]{0,40}$",
    re.IGNORECASE,
)


_OTHERS_SAY = re.compile(
    r"\b(?:think|thinks|thought|believe[sd]?|claim(?:s|ed)?|say|says|said|suspect(?:s|ed)?|assume[sd]?|guess(?:es|ed)?|insist(?:s|ed)?|"
    r"joke[sd]?|told|tell|tells|rumou?r\w*|swear|swore|shout(?:s|ed)?|fear(?:s|ed)?|suppose[sd]?)\b(?: \w+){0,3}?(?: that)? *$",
    re.IGNORECASE,
)


_I_SAY = re.compile(
    r"\bI(?:'d| would|'ll| will| can| must| should| may| have to| do)?(?: \w+ly| also)? (?:think|believe|say|tell|suppose|guess|swear|insist|"
    r"fear|confess|presume|maintain|repeat)\b(?: \w+){0,3}? *(?:that)? *$|\b(?:would|will) say that *$|"
    r"\bI(?:'ll| will)? (?:(?!(?:he|she|they|it|you|we|people|who|which|everyone|everybody|somebody|someone|some|others|if|that)\b)[\w',]+ )*and (?:then |just |simply )?(?:say|tell|answer|announce|reply|explain)\b(?: \w+){0,2}? *(?:that)? *$",
    re.IGNORECASE,
)


_INTERROGATIVE = re.compile(
    r"^\W*(?:(?:and|so|but|or|then|well|please),? )*(?:do|does|did|is|are|am|was|were|would|could|can|should|shall|will|have|has|had|may|"
    r"might|why|how|what|who|whom|when|where|which|isn't|aren't|don't|didn't|what if|since when)\b",
    re.IGNORECASE,
)


_RETRACTION = re.compile(
    r"\bno,? (?:sorry|wait|forgive me|actually|excuse me|I(?:'m| am) (?:sorry|joking|kidding|lying)|scratch that|that(?:'s| is) (?:wrong|not (?:right|true)))|"
    r"[-—–.…:;,!] *(?:(?:oh|ah|um|er|hang on|hold on|well),? )?(?:no|wait|sorry|actually)\b[,:]? *(?=(?:no\b|wait\b|sorry\b|I\b|I'm\b|my\b|that\b|forgive|excuse|in truth|in fact|really))|"
    r"\b(?:just|only) (?:kidding|joking)\b|\bthat was a joke\b|\bI(?:'m| am| was) (?:just |only )?(?:joking|kidding|lying)\b|\bscratch that\b|\bI take (?:that|it) back\b|"
    r"\bcorrection\b[,:]|\bon second thoughts?\b|\bI misspoke\b|\bI mean\b,? (?=I\b|I'm\b|my\b)|"
    r"\bthat (?:is|was)(?:n't| not) (?:my|the|true|right)\b|\bthat's not (?:my|true|right)\b|\bin truth\b,?|\bin reality\b,?|\bbut (?:really|actually|in truth|in reality|in fact)\b,?|\bor rather\b",
    re.IGNORECASE,
)


def standing(found: list[Said], text: str) -> list[Said]:
    """The claims that no later word of the speaker's takes back: "I'm Bertrand - no, sorry, I'm an AI"."""
    cuts = [match.start() for match in _RETRACTION.finditer(text)]
    return [said for said in found if not any(cut > said.at for cut in cuts)]


def taken_back(text: str, at: int) -> bool:
    """Whether the speaker takes back what he said at `at`."""
    return any(match.start() > at for match in _RETRACTION.finditer(text))


def after_retraction(text: str) -> int:
    """Where the text after the last taking-back begins; 0 where nothing is taken back."""
    return max((match.end() for match in _RETRACTION.finditer(text)), default=0)


def is_unreal(before: str, sentence: Sentence) -> bool:
    """Whether what follows `before` in a sentence is denied, imagined, asked, or what others think."""
    if re.match(
        r"\W*(?:picture|imagine|suppose|pretend|consider|what if|let's (?:say|pretend|imagine))\b[^.;!?]{0,30}:",
        before,
        re.IGNORECASE,
    ):
        return True
    clause = re.split(r"[;:—–]|, (?:but|yet|so) ", before)[-1]
    if _UNREAL.search(clause) or re.match(r"\W*(?:had|were|should) (?:I|my|they)\b", clause, re.IGNORECASE):
        return True
    if re.match(r"\W*(?:suppose|imagine|pretend|assume|say)\b", clause, re.IGNORECASE):
        return True
    if re.search(
        rf"(?:\b(?:{NEGATION}|{_FALSE})|n't)\b[^,]*\b(?:that|say|says|said|think|believe|claim|mean|when)\b[^,]*$|\b{_FALSE} *(?:that)? *$|n't (?:say|said|think|believe|claim)\b[^,]*$",
        clause,
        re.IGNORECASE,
    ):
        return True
    if _OTHERS_SAY.search(clause) and not _I_SAY.search(clause):
        return True
    return sentence.asks and bool(_INTERROGATIVE.search(clause))
