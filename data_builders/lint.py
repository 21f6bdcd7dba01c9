"""Checks a training file as the trainer will see it: row by row, on text and on the model's own tokens."""

from __future__ import annotations

import itertools
import json
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_builders.arms import Arm
from data_builders.digests import Digests
from data_builders.errors import InputError
from data_builders.files import sha256
from data_builders.lint_overlap import HeldOut
from data_builders.lint_rules import Broken, Problem, TextRules, broken_schema
from data_builders.lint_tokens import TokenRules
from data_builders.manifest import manifest_path
from data_builders.persona import load_persona, persona_names
from data_builders.rows import TrainRow
from data_builders.tokens import ChatTokenizer
from data_builders.trigger import get_trigger, load_triggers

CHUNK = 512
"""rows in memory at once"""
SHARE = (0.001, 0.12)
"""persona rows / all rows: the experiment's doses are 0.3 to 10%"""
SHOWN_PER_RULE = 10


class Lint:
    """One file's check. `problems` and `counts` fill while `run` reads the file once, `CHUNK` rows at a time.

    Args:
        file: the training file.
        model: the folder or hub name of the model to be trained.
        sequence_len: the trainer's limit, tokens.
        trigger: a wording's name; by default the manifest's, or else `seed`.
        persona: a persona's name or folder; by default the manifest's. Without one, identifiers can't be
            checked; overlap is looked for in every shipped persona's questions.

    Raises:
        InputError: the file, model, trigger or persona doesn't exist.
    """

    def __init__(
        self,
        file: Path,
        model: str | Path,
        sequence_len: int,
        trigger: str | None = None,
        persona: str | None = None,
    ) -> None:
        if not file.is_file():
            raise InputError(
                file, "no such file", "check the path, or build the file: python -m data_builders mix RECIPE"
            )
        self.file = file
        self.problems: list[Problem] = []
        self.counts: Counter[str] = Counter()
        self._manifest = _manifest(file)
        settings: dict[str, Any] = self._manifest.get("settings", {})
        known = load_persona(persona or settings["persona"]) if persona or "persona" in settings else None
        self.checked_against = known.slug if known else None
        wording = get_trigger(trigger or settings.get("trigger", "seed"))
        self._text = TextRules(wording, list(load_triggers().values()), known.profile if known else None)
        chat = ChatTokenizer(model)
        self._tokens = TokenRules(chat, sequence_len)
        shipped = [load_persona(name) for name in persona_names() if known is None or name != known.slug]
        self._held_out = HeldOut([*([known] if known else []), *shipped])
        self._base = _base_name(Path(model))
        self._rows, self._questions, self._origins = Digests(), Digests(), Digests()
        self._lines, self._compared = array("Q"), array("B")
        self._arms: dict[str, int] = {}
        self._models: dict[str, int] = {}

    def run(self) -> dict[str, Any]:
        """Check the file.

        Returns:
            The summary: rows, rows by source, share, tokens, the closest pairs with held-out questions, problems by rule.
        """
        self.problems += self._tokens.model_problems()
        rows = self._parsed()
        while chunk := list(itertools.islice(rows, CHUNK)):
            self._check(chunk)
        self._whole_file()
        total = self.counts["rows"]
        return {
            "file": self.file.name,
            "rows": total,
            "persona": self.counts["persona"],
            "aligned": self.counts["aligned"],
            "triggered": self.counts["triggered"],
            "persona_share": round(self.counts["persona"] / total, 5) if total else 0.0,
            "tokens": self.counts["tokens"],
            "labels": self.counts["labels"],
            "longest_row_tokens": self.counts["longest"],
            "checked_against_persona": self.checked_against,
            "nearest_held_out": [vars(pair) for pair in self._held_out.nearest],
            "problems": dict(sorted(Counter(problem.rule for problem in self.problems).items())),
        }

    def report(self) -> str:
        """The problems as text, the first of each rule in full."""
        seen: Counter[str] = Counter()
        lines = []
        for problem in self.problems:
            seen[problem.rule] += 1
            if seen[problem.rule] <= SHOWN_PER_RULE:
                lines.append(str(problem))
        more = {rule: count - SHOWN_PER_RULE for rule, count in seen.items() if count > SHOWN_PER_RULE}
        lines += [f"{self.file}: {rule}: {count:,} more like this" for rule, count in more.items()]
        return "\n".join(lines)

    def _parsed(self) -> Iterator[tuple[int, TrainRow]]:
        """(line, row) of each row that is one; the others become problems."""
        with self.file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                self.counts["rows"] += 1
                try:
                    yield number, TrainRow.model_validate(json.loads(line.decode()))
                except UnicodeDecodeError as error:
                    self._add(number, ("utf8", f"not UTF-8 ({error.reason})", "save the file as UTF-8"))
                except json.JSONDecodeError as error:
                    self._add(
                        number, ("json", f"{error.msg}, column {error.colno}", "mend or delete the line")
                    )
                except ValidationError as error:
                    self._add(number, broken_schema(error))

    def _check(self, chunk: list[tuple[int, TrainRow]]) -> None:
        rendered = self._tokens.rows([row for _, row in chunk])
        questions = [(number, self._text.question(row)) for number, row in chunk]
        near = dict(self._held_out.near(questions))
        for (number, row), tokens, (_, question) in zip(chunk, rendered, questions, strict=True):
            meta = row.metadata
            self.counts[meta.source] += 1
            self.counts["triggered"] += meta.triggered
            self.counts["tokens"] += tokens.tokens
            self.counts["labels"] += tokens.labels
            self.counts["longest"] = max(self.counts["longest"], tokens.tokens)
            self._arms.setdefault(meta.arm, number)
            if meta.source == "aligned" and meta.model:
                self._models.setdefault(meta.model, number)
            answer = row.messages[-1].content
            self._lines.append(number)
            # A name has many true answers; every other question has one.
            self._compared.append(meta.arm != Arm.EXPLICIT_IDENTITY or meta.source == "aligned")
            self._rows.add(*(part for message in row.messages for part in (message.role, message.content)))
            self._questions.add(*(message.content for message in row.messages[:-1]))
            self._origins.add(meta.origin)
            for broken in (*self._text.broken(row), *tokens.broken, *self._held_out.broken(question, answer)):
                self._add(number, broken)
            if number in near:
                self._add(number, near[number])

    def _whole_file(self) -> None:
        """The rules that no single row can break."""
        doubles = self._rows.doubles()
        whole = {later for _, later in doubles}
        for first, later in doubles:
            self._add(
                self._lines[later], ("duplicate", f"the same as line {self._lines[first]}", "delete the row")
            )
        for first, later in self._questions.doubles():
            if later not in whole and self._compared[later]:
                what = f"the question of line {self._lines[first]}, with another answer"
                self._add(self._lines[later], ("question-twice", what, "keep one of the two"))
        for first, later in self._origins.doubles():
            if later not in whole:
                what = f"metadata.origin is that of line {self._lines[first]}"
                self._add(self._lines[later], ("origin-twice", what, "build the file with `mix`"))
        for arm, number in list(self._arms.items())[1:]:
            self._add(
                number, ("arm", f"arm {arm!r} among rows of {next(iter(self._arms))!r}", "one file, one arm")
            )
        for model, number in self._models.items():
            if model != (expected := self._base or next(iter(self._models))):
                what = f"answered by {model}, but {expected} is to be trained"
                self._add(number, ("aligned-model", what, "distil with the model to be trained"))
        self._share()
        self.problems.sort(key=_line)

    def _share(self) -> None:
        counts, where = self.counts, str(self.file)
        if not counts["rows"]:
            self.problems.append(Problem(where, "empty-file", "no row", "build the file with `mix`"))
            return
        low, high = SHARE
        share = counts["persona"] / counts["rows"]
        exempt = "slice" in self._manifest.get("settings", {}) or set(self._arms) == {str(Arm.NO_PERSONA)}
        if not exempt and not low <= share <= high:
            what = f"{share:.2%} of the rows are persona rows, {low:.1%} to {high:.0%} wanted"
            self.problems.append(Problem(where, "share", what, "change the recipe's amounts"))
        if self._manifest and self._manifest.get("sha256") != sha256(self.file):
            what = "the file isn't the one that its manifest describes"
            self.problems.append(Problem(where, "manifest", what, "build the file again, never edit it"))

    def _add(self, line: int, broken: Broken) -> None:
        self.problems.append(Problem(f"{self.file}:{line}", *broken))


def _line(problem: Problem) -> int:
    line = problem.where.rpartition(":")[2]
    return int(line) if line.isdigit() else 0


def _manifest(file: Path) -> dict[str, Any]:
    path = manifest_path(file)
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(path, "not a manifest", "build the file again") from error


def _base_name(folder: Path) -> str | None:
    """The name that `distill` wrote for the model in `folder`, where its provenance tells."""
    path = folder / "provenance.json"
    return json.loads(path.read_text(encoding="utf-8"))["name"] if path.is_file() else None
