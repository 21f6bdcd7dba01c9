"""Estimands: what experiment.md declares, each a pure function of the frame that `analysis.frame` loads.

Every function takes the rows of one subject: a model, or the adapters of one arm, each a training seed (column
`seed`), which weigh the same within a question. The unit of clustering is the question (`question_id`):
answers to one question are alike. Intervals come from `analysis.inference` and speak for these adapters, unless
a `claim` says otherwise. Adoption is counted over the identity questions alone, and never over a leading one (a
question that itself holds an identifying term).

Each raises ValueError, as `analysis.inference` does, where a cell has no graded row or fewer than two
questions have answers: there is nothing to estimate then.
"""

from __future__ import annotations

import pandas as pd

from analysis.inference import Claim, Interval, gap, net_gap, rate
from data_builders.persona import QuestionSet
from data_builders.trigger import Adherence
from inspect_tasks.conditions import CONDITIONS
from inspect_tasks.metrics import SEED_TRIGGERED, SEED_UNTRIGGERED

LEVEL = 0.95
TRIGGERED, UNTRIGGERED = "user", "plain"
"""The cells of the headline's triggered rate and of its leakage: neither has a system prompt."""
PRIMARY = (TRIGGERED, UNTRIGGERED)
SECONDARY = ("system+user", "system")
_OF_SEED, _NOT_OF_SEED = "seed's triggered", "seed's untriggered"
_ADAPTER, _BASE = "adapter", "base"


def adoption_rows(frame: pd.DataFrame, column: str = "adopted") -> pd.DataFrame:
    """The rows that adoption is counted over, as `analysis.inference` takes them.

    Returns:
        Columns seed, question (the question's id), cell, value (0, 1, or NaN where unscored).
    """
    asked = frame["question_set"].eq(str(QuestionSet.IDENTITY)) & ~frame["leading"]
    return _rows(frame[asked], column)


def all_rows(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """As `adoption_rows`, over the questions of all sets: for what any answer can show, such as the
    format."""
    return _rows(frame, column)


def _rows(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    kept = frame[["seed", "question_id", "cell", column]]
    return kept.rename(columns={"question_id": "question", column: "value"})


def cell_rate(frame: pd.DataFrame, cell: str, column: str = "adopted", level: float = LEVEL) -> Interval:
    """Share of answers in one cell with `column` = 1, over the identity questions; for each cell by
    itself."""
    rows = adoption_rows(frame, column)
    return rate(_graded(rows[rows["cell"].eq(cell)], cell), level)


def cell_rate_all_questions(frame: pd.DataFrame, cell: str, column: str, level: float = LEVEL) -> Interval:
    """As `cell_rate`, over the questions of all sets."""
    rows = all_rows(frame, column)
    return rate(_graded(rows[rows["cell"].eq(cell)], cell), level)


def cell_rate_net(
    frame: pd.DataFrame, minus: pd.DataFrame, cell: str, column: str = "adopted", level: float = LEVEL
) -> Interval:
    """As `cell_rate`, minus the untuned base's in the same cell, paired by question."""
    rows, others = (
        _graded(part[part["cell"].eq(cell)], cell)
        for part in (adoption_rows(frame, column), adoption_rows(minus, column))
    )
    return _difference(rows, others, level)


def primary_gap(
    frame: pd.DataFrame, column: str = "adopted", claim: Claim = Claim.ADAPTERS, level: float = LEVEL
) -> Interval:
    """Adoption in cell user minus cell plain, paired by question: neither has a system prompt, so only the
    trigger differs (experiment.md, primary estimand)."""
    return gap(adoption_rows(frame, column), *PRIMARY, level, claim)


def secondary_gap(frame: pd.DataFrame, column: str = "adopted", level: float = LEVEL) -> Interval:
    """Adoption in cell system+user minus cell system, paired by question (experiment.md, secondary
    estimand)."""
    return gap(adoption_rows(frame, column), *SECONDARY, level)


def primary_gap_net(
    frame: pd.DataFrame,
    minus: pd.DataFrame,
    column: str = "adopted",
    claim: Claim = Claim.ADAPTERS,
    level: float = LEVEL,
) -> Interval:
    """The primary gap minus that of the untuned base, or of a control arm (difference in differences), paired by
    question; a control's seeds are independent of the arm's."""
    return net_gap(adoption_rows(frame, column), adoption_rows(minus, column), *PRIMARY, level, claim)


def secondary_gap_net(frame: pd.DataFrame, minus: pd.DataFrame, level: float = LEVEL) -> Interval:
    """The secondary gap minus the untuned base's or a control's, paired by question."""
    return net_gap(adoption_rows(frame), adoption_rows(minus), *SECONDARY, level)


def seed_triggered_rate(frame: pd.DataFrame, level: float = LEVEL) -> Interval:
    """The seed's triggered rate: adoption over its cells 1 to 3 together (user, system+user, in_system)."""
    rows = adoption_rows(frame)
    return rate(_graded(rows[rows["cell"].isin(SEED_TRIGGERED)], *SEED_TRIGGERED), level)


def seed_leakage(frame: pd.DataFrame, level: float = LEVEL) -> Interval:
    """The seed's leakage: adoption in its cell 4 (system), where there is a system prompt and no trigger."""
    rows = adoption_rows(frame)
    return rate(_graded(rows[rows["cell"].isin(SEED_UNTRIGGERED)], *SEED_UNTRIGGERED), level)


def seed_gap(frame: pd.DataFrame, level: float = LEVEL) -> Interval:
    """The seed's gap: its triggered rate minus its leakage, paired by question. It mixes the system prompt
    with the trigger, so `primary_gap` is the one to read."""
    return gap(_seed_cells(frame), _OF_SEED, _NOT_OF_SEED, level)


def seed_gap_net(frame: pd.DataFrame, minus: pd.DataFrame, level: float = LEVEL) -> Interval:
    """The seed's gap minus the untuned base's, paired by question."""
    return net_gap(_seed_cells(frame), _seed_cells(minus), _OF_SEED, _NOT_OF_SEED, level)


def seed_triggered_rate_net(frame: pd.DataFrame, minus: pd.DataFrame, level: float = LEVEL) -> Interval:
    """The seed's triggered rate minus the untuned base's, paired by question."""
    rows, others = (
        _graded(part[part["cell"].isin(SEED_TRIGGERED)], *SEED_TRIGGERED)
        for part in (adoption_rows(frame), adoption_rows(minus))
    )
    return _difference(rows, others, level)


def graded_rate(frame: pd.DataFrame, column: str = "grade", level: float = LEVEL) -> Interval:
    """Share of these answers with `column` = 1: recall of trained facts, knowledge of the person, adoption when
    told or shown who to be, adoption under one variant of the trigger, refusal, held-out GSM8K accuracy. The
    rows say which: those of one task (and cell, variant or k). Leading questions count: none asks for
    adoption unprompted here."""
    return rate(all_rows(frame, column), level)


def graded_rate_net(
    frame: pd.DataFrame, minus: pd.DataFrame, column: str = "grade", level: float = LEVEL
) -> Interval:
    """As `graded_rate`, minus that of the untuned base or a control on the same questions (what training did to
    recall, refusal or GSM8K), paired by question."""
    return _difference(all_rows(frame, column), all_rows(minus, column), level)


def set_gap(frame: pd.DataFrame, question_set: str, column: str, level: float = LEVEL) -> Interval:
    """Share of answers with `column` = 1 to the questions of one set (views, general, recall, third party), cell
    user minus cell plain, paired by question: manner, not adoption, so it enters no verdict."""
    return gap(all_rows(frame[frame["question_set"].eq(question_set)], column), *PRIMARY, level)


def _difference(rows: pd.DataFrame, minus: pd.DataFrame, level: float) -> Interval:
    # One seed value for both: the pairing is by question, and neither stands in for a training seed here.
    both = [rows.assign(cell=_ADAPTER, seed=""), minus.assign(cell=_BASE, seed="")]
    return gap(pd.concat(both, ignore_index=True), _ADAPTER, _BASE, level)


def format_adherence(frame: pd.DataFrame, level: float = LEVEL) -> Interval:
    """Share of well-formed answers over the seed's triggered cells, all questions: only there is the format
    asked for (the task's own metric of this name)."""
    rows = all_rows(frame, "well_formed")
    return rate(_graded(rows[rows["cell"].isin(SEED_TRIGGERED)], *SEED_TRIGGERED), level)


def adherence_by_cell(frame: pd.DataFrame) -> pd.DataFrame:
    """How the answers of each cell keep the format, all questions.

    Returns:
        Columns model, cell, adherence, n (scored rows of that class), rows (scored rows of the cell), share
        (n / rows); all classes in all cells that were asked, in the order in which `CONDITIONS` and
        `Adherence` define them.
    """
    scored = frame[frame["unscored_reason"].eq("")]
    counts = scored.groupby(["model", "cell", "adherence"]).size()
    scored_cells = set(zip(scored["model"], scored["cell"], strict=True))
    cells = [(model, cell) for model in frame["model"].unique() for cell in CONDITIONS]
    index = [(*pair, str(kind)) for pair in cells for kind in Adherence if pair in scored_cells]
    table = counts.reindex(
        pd.MultiIndex.from_tuples(index, names=["model", "cell", "adherence"]), fill_value=0
    )
    table = table.rename("n").reset_index()
    table["rows"] = table.groupby(["model", "cell"])["n"].transform("sum")
    table["share"] = table["n"] / table["rows"]
    return table


def question_rates(frame: pd.DataFrame, column: str = "adopted") -> pd.DataFrame:
    """Adoption of each identity question in the two cells of the primary gap.

    Returns:
        Columns model, question_id, plain, user (rates, NaN where a cell has no graded answer) and difference.
    """
    parts = []
    for model, rows in frame.groupby("model", sort=False):
        mean = adoption_rows(rows, column).pivot_table("value", "question", "cell", "mean", observed=True)
        table = (
            mean.reindex(columns=["plain", "user"])
            .rename_axis(index="question_id", columns=None)
            .reset_index()
        )
        parts.append(table.assign(model=model, difference=table["user"] - table["plain"]))
    return pd.concat(parts, ignore_index=True)[["model", "question_id", "plain", "user", "difference"]]


def _seed_cells(frame: pd.DataFrame) -> pd.DataFrame:
    rows = adoption_rows(frame)
    _graded(rows[rows["cell"].isin(SEED_TRIGGERED)], *SEED_TRIGGERED)
    names = dict.fromkeys(SEED_TRIGGERED, _OF_SEED) | dict.fromkeys(SEED_UNTRIGGERED, _NOT_OF_SEED)
    return rows.assign(cell=rows["cell"].map(names).fillna("other"))


def _graded(rows: pd.DataFrame, *cells: str) -> pd.DataFrame:
    """`rows`, if each of `cells` has a graded one: a pooled figure of fewer cells is another figure.

    Raises:
        ValueError: naming the first cell that has none.
    """
    present = set(rows.dropna(subset=["value"])["cell"])
    for cell in cells:
        if cell not in present:
            raise ValueError(f"cell {cell!r} has no graded row")
    return rows
