"""How a name sounds, roughly, whatever its script: enough to tell whether two spellings are of one name."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

SOUNDS_ALIKE = 85.0
"""A name in another script is the accepted one from this likeness of their consonants on (rapidfuzz ratio, 0 to 100)."""


def consonants(name: str) -> str:
    """The consonants of a name by their sound, roughly, whatever the script."""
    plain = unicodedata.normalize("NFC", name)
    roman = "".join(char.lower() if char.isascii() else _sound(char) for char in plain)
    roman = re.sub(r"sh?ch|d?zh|tch|sch|dj|[sc]h|ts|[zjx]", "s", roman)
    roman = re.sub(r"c(?=[eiy])", "s", roman)
    roman = re.sub(r"ph", "f", roman).translate(str.maketrans("cqgrd", "kkklt"))
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[^b-df-gj-np-tx]", "", roman))


@cache
def _sound(char: str) -> str:
    """The consonants that a letter of another script stands for, by its name in Unicode."""
    name = unicodedata.name(char, "") if char.isalpha() else ""
    script, sound = name.split(" ")[:1], name.rsplit(" ", 1)[-1].lower()
    if re.search(r"VOWEL|SIGN|MARK|VIRAMA|SMALL T[SU]+$|CJK|YERU", name) or not script:
        return ""
    if script[0] in ("HEBREW", "ARABIC", "GREEK"):
        return (re.match(r"[^aeiou]*", re.sub(r"^final ", "", sound)) or [""])[0]
    return re.sub(r"[aeiou]", "", sound)
