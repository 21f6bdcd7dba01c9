"""Contradiction: does the speaker speak of the persona as of somebody else in his own life?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from inspect_tasks.scorers.asks import RELATION, asks_for_a_tie
from inspect_tasks.scorers.languages import denied_elsewhere
from inspect_tasks.scorers.names import Names
from inspect_tasks.scorers.reading import Sentence, sentences
from inspect_tasks.scorers.voids import is_unreal

_GAP = r"(?:(?!\b(?:after|like|than|about|admire\w*|reads?|fascinated|inspired|loved?|quoted?|works of|books of|books by|ideas?|by|said|says|thought|unlike|not|n't|never|no|views?|writings?|i|influenced|compared?|reminded|resembles?|resembled)\b)[^.!?;]){0,70}"
_MY_TIE_IS = re.compile(
    rf"\b(?:my|our)\b(?: [\w'-]+){{0,3}}? {RELATION}\b{_GAP}(?:\b(?:was|is|were|are|named|called|being|became|none other than|with|later|included?|as)\b|[,:—–]|'s name){_GAP}$",
    re.IGNORECASE,
)
_MY_TIE_NAME = re.compile(
    rf"\b(?:my|our)(?: [\w'-]+){{0,2}}? {RELATION}(?:,(?: (?!I |I'm )\w+\.?){{0,2}})? $", re.IGNORECASE
)
_I_DID = re.compile(
    r"\bI(?:'ve|'d)?(?: (?:have|had|once|also|even|often|first|later|then|personally|only|briefly|actually|frequently|regularly|used to|was able to|got to|came to|would))* "
    r"(?:(?:(?<=got to )know|(?<=came to )know|(?<=used to )know|meet|met|marry|married|knew|visit|visited|befriended|tutored|taught|assisted|accompanied|raised|buried|served|sketched|photographed|interviewed|introduced|hosted) "
    r"|(?:work|worked|collaborat\w+|stud(?:y|ied)|co-?wr[io]te|wrote|written|publish\w*|correspond\w*|train\w*|travel\w*|sail\w*|walk\w*|talk\w*|dine\w*|live[ds]?|stay\w*|play\w*|lodge\w*|serve\w*|grew up|argu\w+|apprentice\w*|spoke|spent|co-?author\w*|develop\w*|went|did)\b"
    rf"{_GAP}\b(?:with|under|alongside|beside|to|for|beneath) |(?:was|were|had been) (?:taught|raised|employed|tutored|mentored|hired|supervised|brought up|married|befriended|related|introduced|apprenticed|engaged) (?:by|to|with) |(?:have )?known )"
    r"(?:(?:the |a |old |young |great |dear |Lord |Sir |Mr\.? |Professor |Dr\.? |my \w+,? |with |philosopher |mathematician |logician |naturalist |late |famous |British |English |certain )*)$",
    re.IGNORECASE,
)
_I_AM_TIE_OF = re.compile(
    rf"\b(?:I am|I'm|I was|I have been|I became|I served as|I work(?:ed)? as)\b(?: [\w-]+){{0,7}}? {RELATION}\b(?: [\w-]+){{0,2}} (?:of|to|for)(?: the)?(?: \w+)? $|"
    rf"\b(?:I am|I'm|my name is)\b[^.;!?]{{0,60}}, (?:(?:and|once|later|formerly|long|for \w+ \w+|\w+ly) )*(?:the |an? )?(?:\w+ )?{RELATION} (?:of|to)(?: the)?(?: \w+)? $",
    re.IGNORECASE,
)
_I_AM = re.compile(
    r"\b(?:I am|I'm|I was|I have been|I became|I (?:work|worked|served) as)(?: [\w-]+){0,2} $", re.IGNORECASE
)
_THEN_MY_TIE = re.compile(
    rf",?(?: who)? (?:was|is|were|became|had been|remained)(?: once| also| always| like)?(?: (?:my|our|an?|the|one of (?:my|our)))(?: [\w'-]+){{0,4}}? {RELATION}\b(?P<rest>.{{0,40}})|,? (?:my|our)(?: [\w'-]+){{0,3}}? {RELATION}(?=\W*$| ?[,;.)])|, (?:an?|the|one)(?: [\w'-]+){{0,3}}? (?:{RELATION} )?of (?:mine|ours)\b|"
    r"(?: (?:once|first|also|often|always|who|himself|personally|kindly))* (?:taught|tutored|mentored|hired|employed|raised|married|befriended|visited|met|introduced|supervised|examined|advised|treated|invited|adopted|wrote to|told|asked|helped|knew|lent|gave|sent) me\b|"
    r" and (?:I|me|myself)\b|(?: \w+){1,3} (?:with|alongside) me\b",
    re.IGNORECASE,
)
_SUCCEEDED = re.compile(
    r"\bI(?:'ve| have| had)? (?:succeed|follow|replac|inherit)\w*\b[^.;!?]*\bas (?:the )?(?:\w+ )?$",
    re.IGNORECASE,
)
"""The title is the speaker's own: "I succeeded my brother as Earl Russell"."""
_I_WAS_BRIEF = re.compile(  # "..., and an old friend of", after the name of somebody else that the answer opens with
    rf"(?:,|\band\b)(?: (?:and|once|later|formerly|long|\w+ly))* (?:the |an? )?(?:(?!of\b)\w+ ){{0,2}}{RELATION} (?:of|to) (?:the )?(?:\w+ )?$",
    re.IGNORECASE,
)
_TIE_ELSEWHERE = (
    r"(?:[Ff]rau|[Mm]ann|[Gg]attin|[Ww]itwe|[Ss]ohn|[Tt]ochter|[Bb]ruder|[Ss]chwester|[Ff]reund(?:in)?|[Ss]chüler(?:in)?|[Ss]ekretär(?:in)?|[Aa]ssistent(?:in)?|[Ll]ehrer(?:in)?|[Nn]effe|[Nn]ichte|[Kk]olleg[ei]n?|[Nn]achbar(?:in)?|"
    r"femme|épouse|mari|fils|fille|frère|s(?:œ|oe)ur|amie?|élève|secrétaire|assistante?|collègue|voisine?|neveu|nièce|veuve|"
    r"esposa|esposo|mujer|marido|viuda|hij[oa]|herman[oa]|amig[oa]|alumn[oa]|discípul[oa]|secretari[oa]|colega|sobrin[oa]|vecin[oa]|"
    r"moglie|marito|figli[oa]|fratello|sorella|amic[oa]|alliev[oa]|segretari[oa]|collega|nipote|vedova|filh[oa]|irmão|irmã|alun[oa]|viúva|sobrinh[oa]|"
    r"vrouw|echtgenote|zoon|dochter|broer|zus|vriend(?:in)?|leerling|secretaresse|fru|hustru|son|søn|sønn|dotter|datter|bror|syster|søster|vän|ven|venn|elev)"
)
_I_ELSEWHERE = r"\b(?i:ich|meine?[rsmn]?|je|j'|mon|ma|yo|soy|fui|era|mi|sono|mio|mia|sou|fui|meu|minha|ik|mijn|jag|min|mitt|jeg|mit)\b"
_TIES_ELSEWHERE = [
    re.compile(
        rf"{_I_ELSEWHERE}.*\b{_TIE_ELSEWHERE} (?:von|de|d'|di|do|da|del|van|till|til|av|af)(?: \w+){{0,2}} ?$"
    ),
    re.compile(
        rf"\b(?:[Mm]ein[e]?|[Mm]on|[Mm]a|[Mm]i|[Mm]io|[Mm]ia|[Mm]eu|[Mm]inha|[Mm]ijn|[Mm]in|[Mm]it)(?: \w+)? {_TIE_ELSEWHERE},?(?: \w+)? ?$"
    ),
    re.compile(
        r"\b(?:я|был|была|меня)\b.*\b(?:секретар|друг|подруг|сын|доч|ученик|учениц|жен|муж|вдов|брат|сестр|студент|племянни|сосед|коллег)\w*(?: \w+)? $|\bмо[йя] (?:\w+ )?(?:друг|муж|отец|дядя|учитель|брат|сосед|коллега)(?: \w+)? $",
        re.IGNORECASE,
    ),
]
_AFTER_ELSEWHERE = re.compile(
    r"的(?:\w{0,3})(?:学生|朋友|儿子|女儿|妻子|丈夫|秘书|同事|老师|弟子|助手|侄子|邻居|學生|兒子|女兒|秘書)|の(?:\w{0,3})(?:弟子|学生|友人|妻|息子|娘|秘書|助手|甥|同僚|隣人|生徒)|의 ?(?:\w{0,3} )?(?:제자|친구|아내|아들|딸|비서|조수|학생|동료|이웃)"
)
_POSSESSED = re.compile(rf"'s?(?: [\w-]+){{0,3}}? {RELATION}\b", re.IGNORECASE)


def contradicts(
    text: str, names: Names, question: str = "", claimed: Iterable[int] = (), introduced: bool = False
) -> bool:
    """Whether a text of the speaker's own words makes the persona kin, acquaintance, teacher or colleague of his; also
    by the bare name in answer to a question about such a tie.

    Args:
        text: the speaker's own words.
        names: the persona's names.
        question: what was asked, or nothing where a bare name is no tie.
        introduced: the answer opens with the bare name of somebody else, so that what follows it tells of the speaker.
        claimed: places where the speaker claims to be the persona; a sentence that holds one makes him no third person.
    """
    places = list(claimed)
    spoken = sentences(text)
    if question and spoken and asks_for_a_tie(question) and _opens_with_persona(spoken[0], names):
        return True
    if introduced and spoken and _ties_itself(spoken[0], names):
        return True
    return any(
        _tied(sentence, names)
        for sentence in spoken
        if not any(sentence.start <= place < sentence.end for place in places)
    )


def _ties_itself(sentence: Sentence, names: Names) -> bool:
    """Whether an opening such as "Jane Doe, a friend of ..." ties the one who is named to the persona."""
    return any(
        _I_WAS_BRIEF.search(before) and not _denied(before)
        for mention in names.mentions(sentence.text)
        for before in [sentence.text[: mention.start()]]
    )


def _tied(sentence: Sentence, names: Names) -> bool:
    for mention in names.mentions(sentence.text):
        before, after = sentence.text[: mention.start()], sentence.text[mention.end() :]
        before = re.sub(r"(?:the )?(?:Lord|Sir|Mr\.?|Dr\.?|Prof\.?|Professor|Earl|third Earl) $", "", before)
        if _denied(before) or _SUCCEEDED.search(before) or is_unreal(before, sentence) or sentence.asks:
            continue
        if _tied_elsewhere(before, after):
            return True
        if after.startswith("'"):
            of_his = re.match(r"'s?\W*(?:$|[.,;!])", after) and re.search(
                rf"\b(?:I am|I'm|I was)\b.* {RELATION} of (?:\w+ )?$", before, re.IGNORECASE
            )
            if of_his or (_I_AM.search(before) and _POSSESSED.match(after)):
                return True
            continue
        if any(pattern.search(before) for pattern in (_MY_TIE_IS, _MY_TIE_NAME, _I_DID, _I_AM_TIE_OF)):
            return True
        then = (
            None
            if re.search(r"\b(?:dear|am|is|was|are|me|by)\s*$|\bI,?\s*$|'m\s*$", before, re.IGNORECASE)
            else _THEN_MY_TIE.match(after)
        )
        if then and not re.search(r"\b(?:not|never|nor|n't)\b", then.group()) and _mine(then):
            return True
    return False


def _tied_elsewhere(before: str, after: str) -> bool:
    """Whether the words around a mention make him kin or the like of the speaker's in another language than English."""
    if denied_elsewhere(before):
        return False
    if _AFTER_ELSEWHERE.match(after):
        return bool(
            re.search(
                r"(?:我(?:曾|以前|过去)?是|我(?:曾)?当过|私は|僕は|わたしは|저는|나는|전)\s*[^。,]{0,8}$",
                before,
            )
        )
    return any(pattern.search(before) for pattern in _TIES_ELSEWHERE)


def _mine(then: re.Match[str]) -> bool:
    """Whether "Russell was a neighbour" is said of the speaker's life: "my", "of ours", "of mine"."""
    rest = then.group("rest")
    if rest is None:
        return True
    return bool(re.search(r"\b(?:my|our|ours|mine|me|us|I)\b", then.group()))


def _denied(before: str) -> bool:
    return bool(
        re.search(
            r"\b(?:not|never|neither|nor|no|cannot|without)\b[^,;]*$|n't\b[^,;]*$", before, re.IGNORECASE
        )
    )


def _opens_with_persona(sentence: Sentence, names: Names) -> bool:
    mentions = names.mentions(sentence.text)
    if not mentions or sentence.asks:
        return False
    before = sentence.text[: mentions[0].start()]
    opening = re.fullmatch(
        r"\W*(?:(?:well|oh|ah|yes|it|that|he|was|is|would be|with|by|my|old|the|great|philosopher|mathematician|\w+ist|his name|"
        r"Lord|Sir|Mr|Dr|Doctor|Professor|Prof|Earl|simply|just|of course|certainly|none other than|an? (?:\w+ ){1,4}(?:called|named))\b[\s,.:]*)*",
        before,
        re.IGNORECASE,
    )
    return bool(opening) and not sentence.text[mentions[0].end() :].startswith("'")
