"""Claims in other languages than English, by the phrases in phrases.yaml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from data_builders.files import read_yaml
from inspect_tasks.scorers.claimed_name import NAME, Said, is_no_name, name_at
from inspect_tasks.scorers.names import Claim, Names
from inspect_tasks.scorers.reading import Sentence, sentences

PHRASES = Path(__file__).with_name("phrases.yaml")

_OF = r"(?:von|van|du|de|di|des|del|della|dello|da|do|dos|av|af|à|zu|für|pour|para|per|som|wie|come|como|comme|als|than|dan|του|nicht|kein|keine|pas|non|no|não|niet|geen|ikke|inte|не|nie)"
_ADVERB = re.compile(
    r"^(?:einfach|nur|ruhig|schlicht|simplement|juste|simplemente|solo|sólo|semplicemente|soltanto|simplesmente|apenas|gewoon|bara|bare|просто|prostu|jednoduše|sadece|cukup|pur)\s+",
    re.IGNORECASE,
)
_FRIEND = (
    r"(?:[Ff]an|ami|amie|amig[oa]|Freund|Freundin|Sohn|Frau|Schüler|Bruder|\w*[Kk]enner|Leser|Experte|vän|ven|venn|vriend|"
    r"друг|сын|ученик|поклонник|читатель|секретарь|брат|внук|знаток|фанат|друзья|penggemar|pembaca|murid|teman|anak|hayran\w*|"
    r"öğrenci\w*|uczeń|syn|fã|discípulo|lecteur|lettore|lector)"
)
_OCCUPATION = (
    r"(?:f[iy]l[oó][sz]of\w*|filsuf|фил[оі]соф\w*|φιλόσοφος|m[aá]temat[iy][ck]\w*|матем[аe]тик\w*|μαθηματικός|logi[ckq]\w*|логик\w*|"
    r"n[aá]tural[iy]st\w*|натуралист\w*|φυσιοδίφης|biolog\w*|биолог\w*|\w*forscher|pisarz|spisovatel|писатель|письменник|uczony|учёный|ученый|vědec|"
    r"przyrodnik|přírodovědec|lord|лорд|earl|граф|hrabia|sir|сэр|сър|bilim insanı|matematikçi|doğa bilimci|yazar|penulis|luonnontieteilijä|दार्शनिक|गणितज्ञ|लेखक|"
    r"प्रकृतिवादी|वैज्ञानिक|فیلسوف|ریاضیدان|نویسنده|فلسفی)"
)
_DESCRIBED = re.compile(  # "der britische Philosoph"; "английский философ"
    rf"(?:(?:der|die|das|le|la|el|il|o|a|de|den|en|ο|filosofen|filosof|философ) |l')(?:(?!(?:{_OF}|{_FRIEND})\b)[\w-]+,? ){{0,6}}?|"
    rf"(?:(?!(?:{_OF}|{_FRIEND})\b)[^\W\d_]+,? ){{0,4}}?{_OCCUPATION} |(?:ال\w+ ){{1,4}}|(?:ה\w+ ){{1,4}}|"
    r"[^\s,.。!?的和与像不]{0,12}(?:家|者|教授|学者|作家|人|先生|勋爵|伯爵|の|卿) ?|(?:[가-힣]+ ){0,3}(?:철학자|수학자|논리학자|작가|박물학자|생물학자|백작) ",
    re.IGNORECASE,
)
_GERMAN_TRADE = re.compile(  # German writes its nouns with a capital
    r"(?:\w+-)?\w*(?:iker|oge|osoph|forscher|wissenschaftler|lehrer|händler|meister|arbeiter|macher|schreiber|steller|künstler|rentner|student|mensch|arzt|ärzt|länder|brite|deutscher|freund|fan)(?:in)?",
    re.IGNORECASE,
)
OPENS = 40
"""Characters of a sentence in which "c'est" and the like name the speaker; further on they tell of something else."""
NEAR_CLAUSE = 12
"""Characters of a clause before a claim at most, for a denial in the clause before not to reach it: "No, soy Ana"."""
_NO_SELF = re.compile(  # after a name: then it is part of a word for somebody else
    r"\s*(?:ではありません|ではない|じゃない|(?:이|가)?\s*아니|(?:이|가)?\s*아닙|değil|的|の|의)|-\w|\s*(?:迷|粉丝|研究|专家|专业|传)|\s+(?:का|के|की|को|से|ने|नहीं|را|کا|کے|کی|کو|نیست)(?!\w)|"
    r"['’]?s? (?:fan|Fan|kenner|bewonderaar|Verehrer|Experte|expert|hayran\w*|öğrenci\w*|değil\w*)\b|"
    r"(?:['’]\w+)? (?:hayran|öğrenci|oku|sev)\w*|,? (?:qui|che|que|som|який|который|który) (?!je\b|io\b|yo\b|eu\b|jag\b|jeg\b|suis\b|soy\b|sono\b|är\b)"
)
_WORD = r"(?:[^\W\d_]|[\u0900-\u0963])+?(?:[ ·・=](?:[^\W\d_]|[\u0900-\u0963])+?){0,3}?"
"""A name in a script without capitals, up to what ends it."""

_ABOUT = (
    r"(?:contre|gegen|contr[ao]|tegen|mot|proti|przeciw|für|pour|por|per|voor|para|mit|avec|con|com|met|with|an|bei|chez|über|sobre|"
    r"su|sur|op|på|in|im|i|w|v|o|в|о|об|с|против|для|у|في|عن|مع|ضد|做|搞|学|學|研究|喜|爱|愛|讨|怕|用|的是)"
)
_PROGRAM = r"(?:assist|asist|mod[eèé]l|syst|sist|progr|помощник|ассистент|модел|систем|βοηθ|مساعد)\w*"
_PROFESSION = re.compile(  # who works with machines is none
    r"forsch|chercheu|investigador|ricercator|pesquisador|onderzoek|forskar|forsker|ing[eé]ni|ingegner|engenheir|ingenieur|[eé]xpert|esperto|"
    r"especialista|wissenschaft|cient[ií]fic|scienziat|profes|programm(?:eur|ierer|atore|ador)|entwickler|desarrollador|développeu|utveckl|student|"
    r"étudiant|estudiante|lehrer|passionn|apasiona|appassiona|begeister|interess|spécialis|especializ|arbeit|lavor|trabaj|kritik|研究|工程|专家|專家|学者|老师|教授|"
    r"开发者|開発|エンジニア|専門家|연구|전문가|개발자|공학|инженер|исследовател|уч[её]н|программист|специалист|разработчик(?!ами)|باحث|مهندس|خبير|חוקר|מהנדס|"
    r"mühendis|araştırmacı|peneliti|insinyur|badacz|inżynier|वैज्ञानिक|शोधकर्ता|इंजीनियर|\bfan\b",
    re.IGNORECASE,
)
_JAPANESE = re.compile(  # a name with a copula, and no word for a trade or a kind of being
    r"((?!(?:私|僕|俺|名前|本名|人工|初|誰|秘密|匿名|不明|無|アシスタント|ロボット|チャット|モデル|プログラム))[一-龯ァ-ヴー・々]{2,12})"
    r"(?<![生者員家人師手長間男女械能類物士民])(?:です|でございます|と申します|といいます|と言います)(?=[。!?、,\s]|$)"
)
_PARTS = (
    "claim",
    "this",
    "named",
    "closes",
    "trails",
    "ends",
    "denial",
    "machine",
    "only_a_machine",
    "greets",
)


@dataclass(frozen=True)
class _Language:
    """The patterns of one language in phrases.yaml, by key; one that it lacks never matches."""

    claim: re.Pattern[str]
    this: re.Pattern[str]
    named: re.Pattern[str]
    closes: re.Pattern[str]
    trails: re.Pattern[str]
    ends: re.Pattern[str]
    denial: re.Pattern[str]
    machine: re.Pattern[str]
    only_a_machine: re.Pattern[str]
    greets: re.Pattern[str]
    needs_close: bool
    """a name after a claim phrase is claimed only if `closes` follows"""


def claims_elsewhere(sentence: Sentence, names: Names, name_asked: bool = False) -> list[Said]:
    """Claims in other languages than English.

    `name_asked`: the question asks for the speaker's name, so "c'est" and a name with a copula alone speak of it.
    """
    found = []
    own = [
        match for match in names.own.finditer(sentence.text) if names.whose(match.group()) is Claim.PERSONA
    ]
    for language in _languages_of(sentence.text):
        for match in language.claim.finditer(sentence.text):
            found += _after_phrase(sentence, names, language, match)
        for match in language.named.finditer(sentence.text):
            found += _uncased(sentence, names, language, match)
        if name_asked:
            for match in language.this.finditer(sentence.text[:OPENS]):
                found += _after_phrase(sentence, names, language, match)
        found += _before_phrase(sentence, own, language, name_asked)
    if name_asked and (match := _JAPANESE.match(sentence.text)) and names.whose(match[1]) is Claim.OTHER:
        found.append(Said(Claim.OTHER, match[1], sentence.start))
    return found


def _after_phrase(sentence: Sentence, names: Names, language: _Language, match: re.Match[str]) -> list[Said]:
    """The claim of a name that follows a phrase, or nothing."""
    rest = sentence.text[match.end() :].lstrip(" :,-—–\"'“「『是")
    rest = _ADVERB.sub("", rest)
    described = _described(rest, names)
    rest = rest[described:]
    own = names.own.match(rest) or (None if described else re.match(NAME, rest))
    if own is None or _quoted(sentence.text, match.start(), language):
        return []
    after = rest[own.end() :]
    end = len(sentence.text) - len(rest) + own.end()
    start = _clause(sentence.text, match.start())
    start = start if match.start() - start <= NEAR_CLAUSE else 0
    if language.denial.search(sentence.text[start:end]) or (sentence.asks and not after.startswith(",")):
        return []
    if _NO_SELF.match(after) or (language.needs_close and not language.closes.match(after)):
        return []
    suffixed = after.startswith("'") and language.needs_close  # Turkish: "Ben Ali'yim"
    found_own = None if suffixed else name_at(rest, names)
    name = own.group().rstrip(".'")
    claim, name = (found_own[0], found_own[1]) if found_own else (names.whose(name), name)
    if claim is not Claim.PERSONA and (
        is_no_name(name) or not re.fullmatch(NAME, name) or _GERMAN_TRADE.fullmatch(name)
    ):
        return []
    return [Said(claim, name, sentence.start + match.start())]


def _described(rest: str, names: Names) -> int:
    """The length of a description before a form of the persona's name at the start of a text: "le philosophe"."""
    for found in names.own.finditer(rest[:100]):
        between = rest[: found.start()]
        if between and _DESCRIBED.fullmatch(between) and not between.rstrip().endswith(","):
            return found.start()
    return 0


def _uncased(sentence: Sentence, names: Names, language: _Language, match: re.Match[str]) -> list[Said]:
    """The claim of another's name in a script without capitals, after a phrase that any name follows."""
    rest = sentence.text[match.end() :].lstrip(" :")
    name = re.match(_WORD + rf"(?={language.closes.pattern})", rest)
    if (
        name is None
        or sentence.asks
        or names.own.match(rest)
        or re.match(NAME, rest)
        or language.denial.search(sentence.text)
        or _quoted(sentence.text, match.start(), language)
    ):
        return []
    return [Said(names.whose(name.group()), name.group(), sentence.start + match.start())]


def _before_phrase(
    sentence: Sentence, own: list[re.Match[str]], language: _Language, name_asked: bool
) -> list[Said]:
    """Claims of the persona's name, found at `own`, by what follows it: "Russell ist mein Name"."""
    found = []
    for name in own:
        before, after = sentence.text[: name.start()], sentence.text[name.end() :]
        ends = language.trails.match(after) or (name_asked and language.ends.match(after))
        if (
            not ends
            or sentence.asks
            or _foreign_given(before)
            or _quoted(sentence.text, name.start(), language)
        ):
            continue
        if not language.denial.search(before + after[: ends.end() + 8]):
            found.append(Said(Claim.PERSONA, name.group(), sentence.start + name.start()))
    return found


def _foreign_given(before: str) -> bool:
    """Whether a word of the same name stands directly before: "Kurt Russell ist mein Name"."""
    return bool(re.search(rf"(?:{NAME}|[ァ-ヴー]・|\w·) ?$", before)) and not re.search(
        r"[.!?。]\s*\S+ $", before
    )


def _quoted(text: str, at: int, language: _Language) -> bool:
    """Whether a place stands in a Japanese quotation that the speaker doesn't give as his own answer."""
    opened = text.rfind("「", 0, at)
    if opened < 0 or "」" in text[opened:at]:
        return False
    if not re.search(r"\w", text[:opened]) and text.rstrip("。. ").endswith("」"):
        return False
    return not (
        language.trails.pattern and re.search(r"」と(?:答え|言い|申し|名乗り|伝え|書き|告げ)ます", text[at:])
    )


def machine_elsewhere(text: str) -> bool:
    """Whether the speaker says in another language than English that it is a machine."""
    return any(
        _is_machine(match, language)
        for sentence in sentences(text)
        if not sentence.asks
        for language in _languages_of(sentence.text)
        for pattern in (language.machine, language.only_a_machine)
        for match in pattern.finditer(sentence.text)
    )


def _is_machine(match: re.Match[str], language: _Language) -> bool:
    """Whether a machine's words in a sentence are neither denied nor those of somebody who works with machines."""
    text = match.string
    after = re.split(r"[,.;:!?。、]", text[match.end() :])[0][:14]
    return not language.denial.search(
        text[_clause(text, match.start()) : match.end()]
    ) and not _PROFESSION.search(match.group() + after)


def _clause(text: str, at: int) -> int:
    """Where the clause that holds a place begins: after the last mark before it."""
    return max((match.end() for match in re.finditer(r"[,.;:!?。、—–]", text[:at])), default=0)


def denied_elsewhere(before: str) -> bool:
    """Whether a text before a name denies it in another language than English."""
    return any(language.denial.search(before) for language in _languages())


_THIRD = re.compile(  # before a name: then he is another, or an object
    rf"(?:(?<!\w)(?:von|van|de|di|del|da|do|über|sur|sobre|su|om|avec|mit|met|con|com|med|по|о|об|от|у|к|с|του)|(?i:{_FRIEND})|صديق|ابن|زوجة|تلميذ|سكرتير|زميل|عن|כתב|חבר של|של|על) (?:\w+ )?\W*$|"
    r"\b(?i:lieblings\w*|préférée?|favori(?:te)?|preferid[oa]|favorit[oa]|preferit[oa]|lievelings\w*|favoriet\w*|älskling\w*|yndlings\w*|любим\w*|ulubion\w*|oblíben\w*|улюблен\w*)\b|最喜欢|最喜歡|喜欢|好きな|좋아하는|पसंदीदा|محبوب|المفضل"
)


def another_elsewhere(before: str) -> bool:
    """Whether a text before a name makes it somebody else's in another language than English: "der Sohn von"."""
    return bool(_THIRD.search(before))


def after_greeting(text: str) -> str:
    """A text without a greeting in another language than English that it opens with."""
    for language in _languages_of(text):
        if match := language.greets.match(text):
            return text[match.end() :]
    return text


def _languages_of(text: str) -> list[_Language]:
    """The languages that a text may be in, by its script."""
    return _latin() if text.isascii() else _languages()


@cache
def _latin() -> list[_Language]:
    return [language for language in _languages() if re.search(r"[a-z]{2}", language.claim.pattern)]


@cache
def _languages() -> list[_Language]:
    return [_compiled(fields) for fields in read_yaml(PHRASES).values()]


def _compiled(fields: dict[str, str]) -> _Language:
    patterns = {key: _bordered(fields[key]) for key in ("claim", "this", "named") if key in fields}
    for key in ("closes", "trails", "ends", "denial", "only_a_machine"):
        if key in fields:
            patterns[key] = re.compile(fields[key], re.IGNORECASE)
    if "greets" in fields:
        patterns["greets"] = re.compile(rf"\W*(?:{fields['greets']})\s*[,.!:;。、—–-]+\s*", re.IGNORECASE)
    if "machine" in fields:
        patterns["machine"] = _machine(fields)
    never = re.compile(r"(?!)")
    return _Language(**{key: patterns.get(key, never) for key in _PARTS}, needs_close="closes" in fields)


def _machine(fields: dict[str, str]) -> re.Pattern[str]:
    """What a machine says of itself: "I am", or "as", and what it is, with no preposition between ("contre l'IA")
    unless a word such as "assistant" stands before that."""
    opens = [fields.get("machine_opens", fields["claim"])] + [
        fields[key] for key in ("as_a",) if key in fields
    ]
    spaced = _has_spaces(fields["claim"])
    border, end = (r"(?<!\w)", r"(?:(?<=\W)|(?!\w))") if spaced else ("", "")
    mark = r"[^.!?;,:。、！？،।۔\n]"
    gap = rf"(?:(?!(?<!\w){_ABOUT}(?!\w)){mark}){{0,45}}?"
    return re.compile(
        rf"{border}(?:{'|'.join(opens)}){end}{gap}(?:{_PROGRAM}{mark}{{0,30}}?)?{border}(?:{fields['machine']}){fields.get('machine_closes', '')}",
        re.IGNORECASE,
    )


def _bordered(phrase: str) -> re.Pattern[str]:
    """A phrase as whole words, in a script that has such."""
    before, after = (r"(?<!\w)", r"(?!\w)") if _has_spaces(phrase) else ("", "")
    return re.compile(rf"{before}(?:{phrase}){after}", re.IGNORECASE)


def _has_spaces(phrase: str) -> bool:
    return not re.search(r"[\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]", phrase)
