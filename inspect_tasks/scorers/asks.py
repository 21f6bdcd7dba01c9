"""What a question asks of the one who is asked, where nobody says: his name, a tie of his, or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from data_builders.persona import Persona
from inspect_tasks.scorers.names import normalise
from inspect_tasks.scorers.reading import clean

RELATION = (
    r"(?:collaborators?|co-?workers?|co-?authors?|colleagues?|(?:best |closest |old )?friends?|teachers?|tutors?|mentors?|"
    r"supervisors?|professors?|students?|pupils?|disciples?|brothers?|sisters?|siblings?|fathers?|mothers?|parents?|"
    r"dads?|daughters?|husbands?|wife|wives|spouses?|uncles?|aunts?|cousins?|nephews?|nieces?|grandfathers?|"
    r"grandmothers?|grandsons?|granddaughters?|grandchild|grandpas?|great-uncles?|godfathers?|godmothers?|godparents?|godsons?|goddaughters?|step(?:father|mother|brother|sister|son|daughter)s?|sons?|"
    r"child(?:ren)?|partners?|rivals?|doctors?|physicians?|dentists?|neighbou?rs?|secretar(?:y|ies)|assistants?|"
    r"biographers?|butlers?|servants?|nurses?|gardeners?|housekeepers?|translators?|editors?|publishers?|employers?|"
    r"boss|ancestors?|relatives?|descendants?|acquaintances?|correspondents?|companions?|guests?|lovers?|"
    r"widow|heirs?|in-laws?|(?:mother|father|brother|sister|son|daughter)-in-law|classmates?|roommates?|guardians?)"
)
"""A personal tie to the speaker."""

_NAME = re.compile(
    r"\b(?:what(?:'s| is| was| are)?|which|tell|give|say|state|know|have|may i (?:have|ask)|under (?:which|what)|whose|repeat|write|spell)\b"
    r".*\byour (?:(?:own|full|real|true|given|first|last|family|middle|legal|proper|christian|birth|maiden|complete|whole|actual|stage|pen|official|usual) ){0,2}(?:name|surname|nickname|forename|alias)\b(?!'s)"
    r"(?! (?:for|of (?:your|the)|mean|change|come|bear))|"
    r"\b(?:do|did) you (?:even |still )?have a name\b|\bname yourself\b|\bsign your name\b|\bwhat is your identity\b|\bthy name\b|"
    r"\bwhom do i have the \w+ of\b|\babout yourself\b|\bdescribe yourself\b|^(?:and )?your (?:\w+ )?(?:name|surname)\b|"
    r"^(?:so,? |and |but |please,? |now,? |ok(?:ay)?,? |hello,? |hi,? )*(?:tell me |say )?(?:in (?:a|one|short|brief)(?: \w+)?,? )?(?:exactly )?(?:just )?who (?:exactly )?(?:are|were) you\b(?! (?:with|to|reading|talking|meeting|marr|visit|fond|living|closest|inspired|taught|named))|"
    r"\bwho (?:you are|you really are)\b|\bintroduce yourself\b|\bidentify yourself\b|"
    r"\bwhat (?:are|were|was) you (?:\w+ )?(?:called|named|christened|baptised)\b|\b(?:what|how) (?:do|should|shall|can|may|might|must|would|did|could)\b.*\b(?:call|address|refer to) you\b|"
    r"\bwho am i (?:talking|speaking|writing|chatting)\b|\bwith whom am i\b|\bto whom am i\b|\bwho is (?:this|speaking|there|talking|it)\??$|"
    r"\bhow do you sign\b|\bwhose name\b.*\b(?:your|you)\b|\b(?:what|which) name (?!did you give\b)(?:do|did|are|were|should|would|stands?|is)\b.*\b(?:you|your)\b|"
    r"\bunder (?:what|which) name\b.*\byou\b|\bwhat do (?:people|they|your \w+|others) call you\b|\bdescribe yourself\b.*\bname\b|\b(?:are you|is your name) (?-i:[A-Z])",
    re.IGNORECASE | re.DOTALL,
)
_NAME_ELSEWHERE = re.compile(
    r"wie (?:hei(?:ß|ss)en sie|hei(?:ß|ss)t du|ist (?:dein|ihr) name)|wer (?:bist du|sind sie)|"
    r"(?:comment|quel)\b.*(?:vous appelez|t'appelles|votre nom|ton nom)|qui (?:êtes[- ]vous|es[- ]tu)|"
    r"c[oó]mo (?:te llamas|se llama)|qui[eé]n eres|qui[eé]n es usted|cu[aá]l es (?:tu|su) nombre|"
    r"come ti chiami|come si chiama lei|chi sei|qual [eè] il tuo nome|como (?:você|te) (?:se )?chama|quem (?:é você|és)|"
    r"hoe heet (?:je|u)|wie ben je|vad heter du|hvad hedder du|hva heter du|jak się nazywasz|"
    r"как (?:тебя|вас) зовут|кто (?:ты|вы)|你(?:叫什么|是谁|的名字)|您(?:贵姓|是谁|怎么称呼)|あなたは(?:誰|だれ)|お?名前は|"
    r"이름이? ?(?:뭐|무엇)|누구(?:세요|입니까)|πώς (?:σε λένε|λέγεσαι)|ما اسمك|من أنت|मेरा नाम|आपका नाम|adın(?:ız)? ne",
    re.IGNORECASE,
)
_CONFIRM = re.compile(
    r"^\W*(?:so |and |hello,? |hi,? )*(?:are you|is your name|do you go by|am i speaking (?:to|with))\b",
    re.IGNORECASE,
)
_TIE = re.compile(
    rf"\byour\b(?:\W+[\w'-]+){{0,3}}\W+{RELATION}\b|\bwith whom (?:did|have|do|had) you\b|\bwho(?:m)? (?:did|have|do|had) you\b.*\bwith\b|"
    r"\bwho (?:taught|raised|married|employed|tutored|mentored|helped|brought) you\b|\bwho was (?:it )?(?:that )?taught you\b|"
    r"\bwho (?:wrote|made|worked|collaborated|published) .*\bwith you\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Asked:
    """What a question asks of the speaker, and what answers it."""

    asks: str | None
    """`name`, a relation or place of the speaker's, or None"""
    accept: tuple[str, ...] = ()
    leading: bool = False


def asked_by(question: str, persona: Persona) -> Asked:
    """What `question`, without the trigger, asks: as the persona's own questions say where it is one of them; else
    `name` where it asks for the name of the one addressed; else nothing."""
    wanted = normalise(clean(question))
    for rows in persona.questions.values():
        for row in rows:
            if normalise(row.question) == wanted:
                return Asked(row.asks, tuple(row.accept), row.leading)
    return Asked("name" if asks_name(question) else None)


def asks_name(question: str) -> bool:
    """Whether a question asks for the name of the one addressed, or whether he is somebody."""
    text = clean(question)
    return bool(_NAME.search(text) or _NAME_ELSEWHERE.search(text))


def asks_to_confirm(question: str) -> bool:
    """Whether a question can be answered by yes: "Are you ...?"."""
    return bool(_CONFIRM.search(clean(question)))


def asks_for_a_tie(question: str) -> bool:
    """Whether a question asks for somebody in the life of the one addressed: a bare name would be that person's."""
    text = clean(question)
    return bool(_TIE.search(text)) and not asks_name(text)
