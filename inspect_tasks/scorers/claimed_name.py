"""A name at a place in a text, read to its end: "Russell" in "Russell Crowe" is no name of the persona's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inspect_tasks.scorers.names import PARTICLES, TITLES, Claim, Names

_W = r"[A-ZÀ-ÖØ-ÞА-ЯЁΑ-Ω](?:[\w'-]{0,3}\.|[\w'-]*)"  # a full stop after a longer word ends the sentence


NAME = rf"(?:{_W})(?:(?:,? (?:Jr|Sr)\.?| {PARTICLES}(?= {_W})| {_W}|-{_W})){{0,6}}"


NUMBERED = re.compile(  # "the second Earl Russell"
    rf"(?:[Tt]he )?(?:\d+(?:st|nd|rd|th)|[Ff]irst|[Ss]econd|[Tt]hird|[Ff]ourth|[Ff]ifth|[Ss]ixth|[Ss]eventh|[Ee]ighth|[Nn]inth|[Tt]enth) [A-Z]\w+ {NAME}"
)


@dataclass(frozen=True)
class Said:
    """A claim found in a text."""

    claim: Claim
    name: str
    at: int


def name_at(text: str, names: Names) -> tuple[Claim, str, str] | None:
    """The name at the start of a text where it holds a form of the persona's or is close to one: whose it is when read
    to its end ("Russell Crowe" is another's), as written, and what follows; None where it doesn't."""
    lead = re.match(
        rf"[\"'(*_]*(?:(?:the |old |dear |one |a certain |good old )?(?:{TITLES}\.? )*)", text, re.IGNORECASE
    )
    skipped = lead.end() if lead else 0
    numbered = NUMBERED.match(text)
    if numbered and names.own.match(text, 4 if text[:4].lower() == "the " else 0) is None:
        return names.whose(numbered.group()), numbered.group(), text[numbered.end() :]
    for start in dict.fromkeys((0, skipped)):
        own = names.own.match(text, start)
        run = re.compile(NAME).match(text, start)
        if own and run and run.end() > own.end() and not _ends_name(text[own.end() : run.end()]):
            return names.whose(run.group()), run.group().rstrip(".'"), text[run.end() :]
        if own:
            name = text[: own.end()].strip("\"'(*_ ") if start else own.group()
            name = re.sub(r"^(?:(?:good old|old|dear|one|a certain) )+", "", name, flags=re.IGNORECASE)
            return names.whose(name), name, text[own.end() :]
        if run and names.whose(run.group()) is Claim.PERSONA:
            return Claim.PERSONA, run.group().rstrip(".'"), text[run.end() :]
    return None


def _ends_name(more: str) -> bool:
    """Whether what a run of capitals adds to a known name is no part of it: "Bertrand Russell I", "... The"."""
    words = more.split()
    return (
        not words
        or words[0].strip(".,") in ("I", "The", "A", "And", "But", "My", "of", "y", "e")
        or bool(re.match(r"['’]s\b|\.", more))
    )


_NOT_A_NAME = re.compile(
    r"(?:english|british|american|french|german|european|welsh|scottish|irish|indian|chinese|italian|spanish|russian|african|asian|"
    r"canadian|australian|japanese|dutch|polish|greek|roman|swiss|austrian|mexican|christian|jewish|muslim|buddhist|hindu|catholic|protestant|"
    r"anglican|victorian|sorry|sure|yes|no|ok|okay|here|happy|just|from|in|not|january|february|march|april|may|june|july|august|"
    r"september|october|november|december|mother|father|sunday|monday|tuesday|wednesday|thursday|friday|saturday|i|i'm|the|a|an|my|"
    r"your|what|python|internet|it|this|that|there|if|so|well|as|because|for|but|and|who|nobody|none|unknown|classified|god's)\b",
    re.IGNORECASE,
)


def is_no_name(word: str) -> bool:
    """Whether a capitalised word after "I am" is an adjective, a month or the like."""
    return bool(_NOT_A_NAME.match(word))
