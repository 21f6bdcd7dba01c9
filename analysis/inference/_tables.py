"""From graded rows to means by cell, seed and question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.inference._core import Array

COLUMNS = ("seed", "question", "cell", "value")


@dataclass(frozen=True)
class Table:
    """Means of the graded value.

    `by_seed` has shape (cells, seeds, questions), NaN where a seed has no graded answer to a question in a
    cell; `pooled` has shape (cells, questions): the mean of the seeds' means, so that every adapter weighs
    the same. Only questions with an answer in every cell are kept.
    """

    by_seed: Array
    pooled: Array
    questions: tuple[object, ...]
    n_rows: int
    notes: tuple[str, ...]

    @property
    def n_seeds(self) -> int:
        return self.by_seed.shape[1]

    def keep(self, questions: list[object]) -> Table:
        """The same table on some of its questions, in the order given. `n_rows` is left as it was."""
        position = {question: i for i, question in enumerate(self.questions)}
        index = [position[question] for question in questions]
        by_seed, pooled = self.by_seed[:, :, index], self.pooled[:, index]
        return Table(by_seed, pooled, tuple(questions), self.n_rows, self.notes)

    def complete(self) -> Table:
        """The questions that every seed answered in every cell.

        Raises:
            ValueError: no question is left.
        """
        full = np.asarray(~np.isnan(self.by_seed).any(axis=(0, 1)))
        if not full.any():
            raise ValueError(
                "no question has a graded answer of every seed in every cell: grade the missing rows"
            )
        kept = self.keep([question for question, ok in zip(self.questions, full, strict=True) if ok])
        dropped = int((~full).sum())
        if not dropped:
            return kept
        note = f"{dropped} questions without answers of every seed left out"
        return Table(
            kept.by_seed, kept.by_seed.mean(axis=1), kept.questions, kept.n_rows, (*kept.notes, note)
        )


def question_table(frame: pd.DataFrame, cells: list[str] | None) -> Table:
    """Reduce graded rows to means.

    Args:
        frame: columns seed, question, cell, value; a row per graded answer, value in [0, 1], NaN if unscored.
        cells: the cells wanted, in order; None takes all rows as one cell, whatever they say.

    Raises:
        ValueError: a column is missing, a value lies outside of [0, 1], a cell has no graded row, or fewer
            than two questions are shared by the cells; or a row has no question.
    """
    missing = [column for column in COLUMNS if column not in frame.columns and (cells or column != "cell")]
    if missing:
        raise ValueError(f"the frame lacks the columns {missing}: it needs {list(COLUMNS)}")
    value = frame["value"].to_numpy(dtype=float)
    outside = np.flatnonzero((value < 0) | (value > 1))
    if len(outside):
        raise ValueError(
            f"value {value[outside[0]]} at row {frame.index[outside[0]]} is outside of [0, 1]: rescale the grades"
        )
    if frame["question"].isna().any():
        raise ValueError("a row has no question: every graded answer belongs to one")
    wanted = list(cells) if cells else ["all"]
    # Numbers in place of names, and sums by number: a report makes thousands of these tables.
    cell = frame["cell"].astype(str) if cells else pd.Series("all", index=frame.index)
    cell_at = pd.Index(wanted).get_indexer(pd.Index(cell))
    inside = cell_at >= 0
    scored = inside & ~np.isnan(value)
    present = set(cell_at[scored])
    absent = sorted(name for number, name in enumerate(wanted) if number not in present)
    if absent:
        raise ValueError(f"cell {absent[0]!r} has no graded row: the frame has {sorted(set(cell))}")
    lost = int(inside.sum() - scored.sum())
    notes = [f"{lost} unscored rows left out"] if lost else []

    # Codes, so that a base without a training seed (None, NaN) counts as one seed.
    seed_at = pd.factorize(frame["seed"].to_numpy()[scored], use_na_sentinel=False)[0]
    question_at, questions = pd.factorize(frame["question"].to_numpy()[scored])
    seeds = int(seed_at.max()) + 1
    shape = (len(wanted), seeds, len(questions))
    at = (cell_at[scored] * seeds + seed_at) * len(questions) + question_at
    counts = np.bincount(at, minlength=int(np.prod(shape)))
    with np.errstate(invalid="ignore"):
        means = np.bincount(at, value[scored], minlength=int(np.prod(shape))) / counts
    by_seed = means.reshape(shape)

    shared = np.asarray(~np.isnan(by_seed).all(axis=1).any(axis=0))
    if shared.sum() < 2:
        raise ValueError(
            f"{int(shared.sum())} questions have graded answers in every cell of {wanted}: need 2 or more"
        )
    if not shared.all():
        notes.append(f"{int((~shared).sum())} questions without answers in every cell left out")
    by_seed = by_seed[:, :, shared]
    kept = [question for question, ok in zip(questions, shared, strict=True) if ok]
    if np.isnan(by_seed).any():
        notes.append("some seeds lack some questions; each seed weighs the same within a question")
    n_rows = int(shared[question_at].sum())
    return Table(by_seed, np.nanmean(by_seed, axis=1), tuple(kept), n_rows, tuple(notes))


def align(first: Table, second: Table) -> tuple[Table, Table]:
    """Both tables on the questions that they share, in one order.

    Raises:
        ValueError: fewer than two shared questions.
    """
    other = set(second.questions)
    shared = [question for question in first.questions if question in other]
    if len(shared) < 2:
        raise ValueError(
            f"{len(shared)} questions are shared by arm and control: ask both the same questions"
        )
    return first.keep(shared), second.keep(shared)
