"""Claims in other languages than English, by the phrases in phrases.yaml."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from data_builders.files import read_yaml
from inspect_tasks.scorers.claimed_name import NAME, Said, is_no_name, name_at
from inspect_tasks.scorers.names import Claim, Names
from inspect_tasks.scorers.reading import Sentence

PHRASES = Path(__file__).with_name("phrases.yaml")

_DESCRIBED = re.compile(  # "der britische Philosoph"
    r"(?:(?:der|die|das|le|la|l'|el|il|o|a|de|den|en|filosofen|filosof|философ) ?)(?:(?!(?:von|van|du|de|di|des|del|da|av|af|fan|Fan|ami|amigo|Freund)\b)[\w-]+,? ){0,4}",
    re.IGNORECASE,
)


def claims_elsewhere(sentence: Sentence, names: Names) -> list[Said]:
    """Claims in other languages than English."""
    found = []
    for phrase, denial in _phrases():
        for match in phrase.finditer(sentence.text):
            rest = sentence.text[match.end() :].lstrip(" :,-—–\"'“「『是")
            described = _DESCRIBED.match(rest)
            if described and names.own.match(rest, described.end()):
                rest = rest[described.end() :]
            own = names.own.match(rest) or re.match(NAME, rest)
            if own is None:
                continue
            name = own.group().rstrip(".'")
            end = len(sentence.text) - len(rest) + own.end()
            if denial.search(sentence.text[:end]) or (
                sentence.asks and not rest[own.end() :].startswith(",")
            ):
                continue
            if re.match(r"\s*(?:ではありません|ではない|じゃない|아니|değil|的|の|의)", rest[own.end() :]):
                continue
            found_own = name_at(rest, names)
            claim, name = (found_own[0], found_own[1]) if found_own else (names.whose(name), name)
            if claim is not Claim.PERSONA and (is_no_name(name) or not re.fullmatch(NAME, name)):
                continue
            found.append(Said(claim, name, sentence.start + match.start()))
    return found


def denied_elsewhere(before: str) -> bool:
    """Whether a text before a name denies it in another language than English."""
    return any(denial.search(before) for _, denial in _phrases())


@cache
def _phrases() -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
    compiled = []
    for fields in read_yaml(PHRASES).values():
        scripts = r"(?<!\w)" if re.match(r"[\W]*[a-zа-яα-ω]", fields["claim"]) else ""
        border = r"(?!\w)" if scripts else ""
        compiled.append(
            (
                re.compile(rf"{scripts}(?:{fields['claim']}){border}", re.IGNORECASE),
                re.compile(fields["denial"], re.IGNORECASE),
            )
        )
    return compiled
