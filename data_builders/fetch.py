"""Fetches the ordinary prompts from the hub, or from a local copy, by the rules of
data/prompts/sources.yaml."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_builders.errors import InputError
from data_builders.files import dump_jsonl, read_jsonl, read_yaml, sha256, write_atomic
from data_builders.manifest import REPO, write_manifest
from data_builders.rows import first_problem

SOURCES = REPO / "data/prompts/sources.yaml"
_LOADERS = {".json": "json", ".jsonl": "json", ".parquet": "parquet", ".csv": "csv"}


class Rule(StrEnum):
    """How the rows are chosen from a data set's split."""

    FIRST = "first"
    """the first so many, in the data set's order"""
    LONGEST_TEXT = "longest_text"
    """those with the most characters in prompt, input and reference together, longest first, ties in order"""


class Columns(BaseModel):
    """The data set's names for a prompt's parts."""

    model_config = ConfigDict(extra="forbid")
    prompt: str
    input: str | None = None
    reference: str


class Source(BaseModel):
    """One entry of sources.yaml."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    hub: str
    config: str | None = None
    split: str
    source: str
    tag_split: bool = False
    rule: Rule
    rows: int = Field(gt=0)
    columns: Columns
    licence: str
    origin: str = Field(alias="from")
    sha256: str | None = None


def load_source(name: str, sources: Path = SOURCES) -> Source:
    """The entry called `name`.

    Raises:
        InputError: there is none, or it lacks a key.
    """
    entries = read_yaml(sources)
    if name not in entries:
        raise InputError("prompts", f"no source is called {name!r}", f"choose one of {', '.join(entries)}")
    try:
        return Source.model_validate(entries[name])
    except ValidationError as error:
        raise InputError(f"{sources}: {name}", first_problem(error), "see the other entries") from error


def fetch(
    name: str, local: Path | None = None, output: Path | None = None, sources: Path = SOURCES
) -> dict[str, Any]:
    """Write the prompts of one source with their manifest.

    Args:
        name: a key of sources.yaml.
        local: a copy of the data set's split (json, jsonl, parquet, csv); None asks the hub.
        output: the JSONL file to write; by default `name`.jsonl beside sources.yaml.
        sources: the sources file.

    Returns:
        The counts, and whether the bytes are those of the shipped copy.

    Raises:
        InputError: the hub can't be reached, the file or a column is missing, the split has too few rows,
        or the rows
            would replace a shipped copy by something else.
    """
    source = load_source(name, sources)
    rows = select(_load(source, local), source, local or Path(source.hub))
    target = output or sources.with_name(f"{name}.jsonl")
    content = dump_jsonl(rows).encode()
    as_shipped = hashlib.sha256(content).hexdigest() == source.sha256 if source.sha256 else None
    if output is None and as_shipped is False:
        raise InputError(
            source.hub, "gives other rows than the shipped copy, which stays as it is",
            "write them elsewhere with --output FILE, or set the new sha256 in sources.yaml",
        )  # fmt: skip
    write_atomic(target, content)
    counts = {"out": len(rows), "as_shipped": as_shipped}
    _describe(name, source, target, [local] if local else [], counts)
    return counts


def select(rows: list[dict[str, Any]], source: Source, where: Path) -> list[dict[str, Any]]:
    """The chosen rows as prompts, {prompt, source, reference}; an input joins the prompt as `Input: ...`.

    Raises:
        InputError: a column is missing, or there are fewer rows than the source wants.
    """
    columns = source.columns
    wanted = [name for name in (columns.prompt, columns.input, columns.reference) if name]
    for number, row in enumerate(rows, start=1):
        missing = [name for name in wanted if not isinstance(row.get(name), str)]
        if missing:
            raise InputError(
                f"{where}: row {number}", f"no text in {missing[0]!r}", "check `columns` in sources.yaml"
            )
    if len(rows) < source.rows:
        raise InputError(where, f"{len(rows)} rows, {source.rows} wanted", "give the whole split")
    chosen = rows
    if source.rule is Rule.LONGEST_TEXT:
        chosen = sorted(
            rows, key=lambda row: -sum(len(row[name]) for name in wanted)
        )  # stable: ties stay in order
    return [_prompt(row, source) for row in chosen[: source.rows]]


def record(name: str, sources: Path = SOURCES) -> dict[str, Any]:
    """Write the manifest of the shipped copy without fetching it again.

    Raises:
        InputError: the copy isn't the one that sources.yaml names.
    """
    source = load_source(name, sources)
    path = sources.with_name(f"{name}.jsonl")
    rows = sum(1 for _ in read_jsonl(path))
    if sha256(path) != source.sha256:
        raise InputError(
            path, "not the copy that sources.yaml names", f"python -m data_builders prompts {name}"
        )
    counts = {"out": rows, "as_shipped": True}
    _describe(name, source, path, [], counts)
    return counts


def _prompt(row: dict[str, Any], source: Source) -> dict[str, Any]:
    columns, prompt = source.columns, row[source.columns.prompt]
    if columns.input and row[columns.input]:
        prompt = f"{prompt}\n\nInput: {row[columns.input]}"
    tag = {"split": source.split} if source.tag_split else {}
    return {"prompt": prompt, "source": source.source, **tag, "reference": row[columns.reference]}


def _load(source: Source, local: Path | None) -> list[dict[str, Any]]:
    import datasets

    datasets.disable_progress_bars()
    if local is None:
        try:
            return datasets.load_dataset(source.hub, source.config, split=source.split).to_list()  # type: ignore[union-attr]
        except Exception as error:  # the hub client raises a dozen kinds
            raise InputError(
                f"hub: {source.hub}", f"can't be loaded ({type(error).__name__})",
                "go online, or download the split and give it with --from FILE",
            ) from error  # fmt: skip
    loader = _LOADERS.get(local.suffix)
    if not local.is_file() or loader is None:
        raise InputError(local, "no such json, jsonl, parquet or csv file", "check the path")
    try:
        return datasets.load_dataset(loader, data_files=str(local), split="train").to_list()  # type: ignore[union-attr]
    except Exception as error:
        raise InputError(
            local, f"can't be read as {loader} ({type(error).__name__})", "check the file"
        ) from error


def _describe(name: str, source: Source, target: Path, inputs: list[Path], counts: dict[str, Any]) -> None:
    settings = source.model_dump(mode="json", exclude_none=True, exclude={"licence", "origin", "sha256"})
    write_manifest(
        target,
        builder=f"python -m data_builders prompts {name}",
        settings=settings,
        inputs=inputs,
        counts=counts,
        extra={"licence": source.licence, "from": source.origin},
    )
