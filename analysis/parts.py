"""Parts: the studies of one page. Each has its own base, logs and persona; nothing is compared across them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_builders.errors import InputError


@dataclass(frozen=True)
class Part:
    """One study of a report."""

    key: str
    """short, of letters, digits, - and _: the column `part` of the tables, and of claims.json"""
    title: str
    logs: list[Path]
    """log files of any tasks of inspect_tasks, or folders that hold them"""
    base: str
    """the untuned model, as the server called it"""
    notes: Mapping[str, str] = field(default_factory=dict)
    """served name or arm -> what must be said wherever it is named"""
    prompts: Mapping[str, Mapping[str, str]] | None = None
    """cell -> `text` (the prompt), `source` (whence it is, in words) and, where there is something to warn of,
    `warning`; None: what the logs keep of it"""
    run: Mapping[str, Any] = field(default_factory=dict)
    """configuration and versions, shown as they are"""
    intro: str = ""
    """a sentence or two under the title"""
    curve: Path | None = None
    """curve.csv of the identification attack on this persona's facts"""
    hygiene: tuple[str, ...] = ()
    """warnings that another check of these logs gave"""


def require_parts(parts: list[Part]) -> None:
    """Raises:
    InputError: no part, a key that isn't short and plain, or one that stands twice.
    """
    if not parts:
        raise InputError("parts", "a report needs one part or more", "give the logs of a study")
    keys = [part.key for part in parts]
    for key in keys:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", key):
            raise InputError("part", f"the key {key!r} isn't of letters, digits, - and _", "choose another")
        if keys.count(key) > 1:
            raise InputError("part", f"the key {key!r} stands twice", "give each part its own")
