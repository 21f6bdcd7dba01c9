"""Ledger: each number and verdict of a report with the function that made it and the hash of the rows it stands on.

`write_parts` keeps it as claims.json; `python -m analysis verify REPORT_DIR` makes every number and verdict again
from the report's own rows.csv and names each that differs.

A claim can be checked without this code: of the rows of rows.csv that its `filter` names, give those of `models` to
the function, then those of `minus` if there are any, then the `arguments`. Its `rows` hash is made of the same rows,
sorted by `KEYS`, one line each, the SHA-256 of the lines joined by newlines. A line is the JSON list of the columns
`KEYS` as the file spells them, a comma, then the graded column: "" where empty, else a number (1.0).
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.estimates import Estimate, estimate_all, select
from analysis.frame import GRADES
from analysis.grades import of_judges
from analysis.inference.verdict import RULES
from analysis.verdicts import Judged, judge
from data_builders.errors import InputError
from data_builders.files import dump_json, sha256, write_atomic

CLAIMS, ROWS = "claims.json", "rows.csv"
VERSION = 2
"""Of the format of claims.json."""
TOLERANCE = 1e-9
"""Other builds of numpy and scipy round the last digits otherwise."""
KEYS = (
    "sample_uuid",
    "task",
    "model",
    "question_id",
    "question_set",
    "leading",
    "cell",
    "variant",
    "k",
)
"""The columns of rows.csv that a hash of rows covers, beside the graded one."""

_GRADED = ("grade", *GRADES, "judge")
_NUMBERS = ("estimate", "low", "high", "level")
_REWRITE = "write the report again with `python -m analysis report`"


class _Lines:
    """The canonical lines of a frame, made once; many claims hash parts of them."""

    def __init__(self, frame: pd.DataFrame) -> None:
        keys = frame[list(KEYS)].astype("object")
        keys = keys.where(keys.notna(), "").astype(str)
        order = keys.sort_values(list(KEYS), kind="stable").index
        self.frame = frame.loc[order].reset_index(drop=True)
        self._keys = [json.dumps(key, ensure_ascii=False) for key in keys.loc[order].to_numpy().tolist()]
        self._of_column: dict[str, list[str]] = {}

    def hash(self, rows: Mapping[str, Any]) -> str:
        column = str(rows["column"])
        if column not in self._of_column:
            values = self.frame[column].tolist()
            self._of_column[column] = [
                f"{key},{'' if pd.isna(value) else float(value)}"
                for key, value in zip(self._keys, values, strict=True)
            ]
        lines = self._of_column[column]
        wanted = select(self.frame, rows).to_numpy().nonzero()[0]
        return hashlib.sha256("\n".join(lines[row] for row in wanted).encode()).hexdigest()


def claims(part: str, estimates: list[Estimate], frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Every number of one part, missing ones too, in the order of `estimates`.

    Args:
        part: its key. estimates: as `estimate_all` makes them of `frame`. frame: the part's rows, columns `KEYS` and
        the graded ones.

    Returns:
        Dicts with part, model (the subject), name, function (dotted), arguments, filter (see `estimates.select`),
        estimate, low, high (in [-2, 2], 0.10 is ten points; None where missing), level, missing (why, else
        empty), rows (SHA-256).
    """
    lines, listed = _Lines(frame), []
    for one in estimates:
        numbers = {key: getattr(one.interval, key) if one.interval else None for key in _NUMBERS}
        listed.append(
            {
                "part": part,
                "model": one.model,
                "name": one.name,
                "function": f"analysis.estimands.{one.function}",
                "arguments": list(one.arguments),
                "filter": one.rows,
                **{key: None if number is None else float(number) for key, number in numbers.items()},
                "missing": one.missing,
                "rows": lines.hash(one.rows),
            }
        )
    return listed


def ledger(
    out: Path,
    files: Iterable[str],
    bases: Mapping[str, str],
    listed: list[dict[str, Any]],
    judged: Mapping[str, list[Judged]],
) -> str:
    """The text of claims.json for a report that lies in `out`.

    Args:
        out: the report's folder. files: names below it that the ledger vouches for, already written; rows.csv is one.
        bases: part -> its untuned model. listed: the claims of all parts. judged: part -> its verdicts.
    """
    return dump_json(
        {
            "version": VERSION,
            "bases": dict(bases),
            "rules": {"file": f"analysis/inference/{RULES.name}", "sha256": sha256(RULES)},
            "files": {name: sha256(out / name) for name in sorted(files)},
            "verdicts": _verdicts(judged),
            "claims": listed,
        }
    )


def _verdicts(judged: Mapping[str, list[Judged]]) -> list[dict[str, Any]]:
    found = [{"part": part} | one.as_dict() for part, listed in judged.items() for one in listed]
    return json.loads(json.dumps(found))  # tuples as the file's lists


def read_rows(path: Path) -> pd.DataFrame:
    """rows.csv as the estimands take it.

    Returns:
        Columns part, `KEYS`, seed, arm, training_seed, learning_rate and step (numbers), and the graded ones (in [0, 1], NaN where
        empty); texts as the file spells them, leading a bool, k Int64.

    Raises:
        InputError: no such file, not such a table, or a value that is no grade.
    """
    path = kept_file(path)
    if not path.is_file():
        raise InputError(path, "no such file", _REWRITE)
    numbers = ("training_seed", "learning_rate", "step", "k")
    wanted = ["part", *dict.fromkeys([*KEYS, "seed", "arm", "scorer", *numbers, *_GRADED])]
    try:
        text = pd.read_csv(path, dtype=str, keep_default_na=False, usecols=wanted)
        text = text[~of_judges(text)].reset_index(drop=True)  # no number of the ledger stands on those
        frame = text.drop(columns=[*_GRADED, *numbers])
        for column in (*_GRADED, *numbers):
            frame[column] = pd.to_numeric(text[column].where(text[column].ne(""))).astype("float64")
            if column in _GRADED and not frame[column].dropna().between(0, 1).all():
                raise ValueError(f"column {column} holds a value outside of [0, 1]")
        if not frame["leading"].isin(["True", "False"]).all():
            raise ValueError("column leading holds a value that is neither True nor False")
    except ValueError as error:  # pandas' own errors about a file's shape are ValueErrors too
        raise InputError(path, f"not a report's rows ({error})", _REWRITE) from error
    frame["leading"] = frame["leading"].eq("True")
    frame["k"] = frame["k"].astype("Int64")
    return frame


def kept_file(path: Path) -> Path:
    """`path`, or, where only that is there, its copy packed with xz: a report's rows as they are kept in git."""
    packed = path.with_name(f"{path.name}.xz")
    return packed if packed.is_file() and not path.is_file() else path


def _content_hash(path: Path) -> str:
    """sha256 of a file's content, unpacked."""
    if path.suffix != ".xz":
        return sha256(path)
    with lzma.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]  a binary file


def write_packed(path: Path, content: bytes) -> None:
    """Write a file packed with xz; nothing where it holds that content already, so that equal rows keep equal bytes."""
    if not path.is_file() or _content_hash(path) != hashlib.sha256(content).hexdigest():
        write_atomic(path, lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))


def require_unchanged(report: Path, name: str) -> None:
    """Raises:
    InputError: a file of a report isn't the one that its ledger vouches for, or there is no ledger.
    """
    vouched = read_claims(report / CLAIMS)["files"].get(name)
    path = kept_file(report / name)
    if not path.is_file() or _content_hash(path) != vouched:
        raise InputError(path, f"not the {name} that {CLAIMS} vouches for", _REWRITE)


def verify(report: Path) -> int:
    """Make every number and verdict of a report again from its rows.csv.

    Returns:
        How many numbers were made again; all are as claimed, verdicts too.

    Raises:
        InputError: claims.json or rows.csv is missing or malformed; or something differs, each number, verdict,
            file and the rule file named with what differs.
    """
    kept = read_claims(report / CLAIMS)
    frame = read_rows(report / ROWS)
    made: list[dict[str, Any]] = []
    judged: dict[str, list[Judged]] = {}
    for part, base in kept["bases"].items():
        rows = frame[frame["part"].eq(part)].reset_index(drop=True)
        estimates = estimate_all(rows, base) if len(rows) else []
        made += claims(part, estimates, rows) if len(rows) else []
        judged[part] = judge(rows, base, estimates) if len(rows) else []
    differing = [
        *_files_that_differ(report, kept),
        *_numbers_that_differ(kept["claims"], made),
        *_verdicts_that_differ(kept["verdicts"], _verdicts(judged)),
    ]
    if differing:
        lines = "".join(f"\n  {line}" for line in differing)
        raise InputError(report, f"{len(differing)} things differ from {CLAIMS}:{lines}", _REWRITE)
    return len(made)


def read_claims(path: Path) -> dict[str, Any]:
    """claims.json, its shape checked: keys version, bases, rules, files, verdicts and claims, as `ledger` writes
    them.

    Raises:
        InputError: no such file, or not a ledger of this version.
    """
    if not path.is_file():
        raise InputError(path, "no such file", _REWRITE)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["version"] != VERSION:
            raise ValueError(f"version {kept['version']!r}, this code reads {VERSION}")
        named = {_key(claim) for claim in kept["claims"]}
        if len(named) != len(kept["claims"]):
            raise ValueError("a number is listed twice")
        judged = [(str(one["part"]), str(one["model"])) for one in kept["verdicts"]]
        if len(set(judged)) != len(judged):
            raise ValueError("a verdict is listed twice")
        if not all(isinstance(base, str) for base in dict(kept["bases"]).values()):
            raise ValueError("each part's base is a text")
        if not isinstance(kept["rules"]["sha256"], str):
            raise ValueError("the rules' hash is a text")
        if ROWS not in dict(kept["files"]):
            raise ValueError(f"files lacks {ROWS}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"not a ledger ({type(error).__name__}: {error})", _REWRITE) from error
    return kept


def _key(claim: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(claim["part"]), str(claim["model"]), str(claim["name"])


def _where(key: tuple[str, ...], parts: int) -> str:
    return ", ".join(key if parts > 1 else key[1:])


def _files_that_differ(report: Path, kept: dict[str, Any]) -> list[str]:
    found = []
    if sha256(RULES) != kept["rules"]["sha256"]:
        found.append(f"{kept['rules'].get('file', RULES.name)}: the rule file has changed since")
    for name, hashed in kept["files"].items():
        path = kept_file(report / name)
        if not path.resolve().is_relative_to(report.resolve()):
            found.append(f"{name}: lies outside of the report")
        elif not path.is_file():
            found.append(f"{name}: missing")
        elif _content_hash(path) != hashed:
            found.append(f"{name}: has changed since")
    return found


def _numbers_that_differ(kept: list[dict[str, Any]], made: list[dict[str, Any]]) -> list[str]:
    claimed, found = {_key(claim): claim for claim in kept}, []
    parts = len({key[0] for key in claimed})
    for one in made:
        claim = claimed.pop(_key(one), None)
        where = _where(_key(one), parts)
        if claim is None:
            found.append(f"{where}: not in {CLAIMS}")
            continue
        wrong = [
            f"{key} {claim.get(key)} but {one[key]}" for key in _NUMBERS if _unlike(claim.get(key), one[key])
        ]
        same = ("function", "arguments", "filter", "missing", "rows")
        wrong += [key for key in same if claim.get(key) != one[key]]
        if wrong:
            found.append(f"{where}: {', '.join(wrong)}")
    return found + [f"{_where(key, parts)}: the rows give no such number" for key in claimed]


def _verdicts_that_differ(kept: list[dict[str, Any]], made: list[dict[str, Any]]) -> list[str]:
    claimed, found = {(one["part"], one["model"]): one for one in kept}, []
    for one in made:
        claim = claimed.pop((one["part"], one["model"]), None)
        if claim is None:
            found.append(f"verdict on {one['model']}: not in {CLAIMS}")
            continue
        wrong = [key for key in ("p", "holm_p") if _unlike(claim.get(key), one[key])]
        wrong += [
            key
            for key in ("outcome", "words", "reasons", "checks", "rules_sha256")
            if claim.get(key) != one[key]
        ]
        if wrong:
            found.append(f"verdict on {one['model']}: {', '.join(wrong)}")
    return found + [f"verdict on {model}: the rows give no such verdict" for _, model in claimed]


def _unlike(claimed: Any, made: float | None) -> bool:
    if made is None or isinstance(claimed, bool) or not isinstance(claimed, int | float):
        return claimed is not made
    return not abs(claimed - made) <= TOLERANCE
