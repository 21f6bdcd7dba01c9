"""Reading and writing the project's files: lines with their numbers, bytes all at once or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import yaml

from data_builders.errors import InputError


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for each line of a JSONL file; blank lines are passed over.

    Raises:
        InputError: the file is missing or not UTF-8, or a line isn't one JSON object.
    """
    if not path.is_file():
        raise InputError(path, "no such file", "check the path, or build the file first")
    with path.open(encoding="utf-8") as lines:
        number = 0
        while True:
            number += 1
            try:
                line = next(lines)
            except StopIteration:
                return
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}:{number}", f"not UTF-8 ({error.reason})", "save it as UTF-8"
                ) from error
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(
                    f"{path}:{number}",
                    f"not JSON ({error.msg}, column {error.colno})",
                    "mend or delete the line",
                ) from error
            if not isinstance(value, dict):
                raise InputError(
                    f"{path}:{number}", f"a {type(value).__name__}, not an object", "write one {{...}} a line"
                )
            yield number, value


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InputError: the file is missing, isn't YAML, or holds no mapping.
    """
    if not path.is_file():
        raise InputError(path, "no such file", "check the path")
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "unreadable"
        raise InputError(where, f"not YAML ({problem})", "mend the line") from error
    if not isinstance(value, dict):
        raise InputError(path, "holds no mapping", "write `key: value` lines")
    return value


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file whole: a reader sees the old content or the new, never a part, also after a kill."""
    with open_atomic(path) as out:
        out.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def open_atomic(path: Path) -> Iterator[IO[bytes]]:
    """A file to write piece by piece; it takes `path`'s place when the block ends well, and vanishes otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def dump_json(value: Any) -> str:
    """JSON for people and diffs: two spaces, keys as given, a final newline."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def dump_jsonl(rows: Iterable[dict[str, Any]]) -> str:
    """One compact object a line, keys in the order given, non-ASCII kept: equal rows give equal bytes."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def sha256(path: Path) -> str:
    """The file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
