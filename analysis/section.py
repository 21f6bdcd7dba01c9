"""Section: one part of a report, computed whole before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis import contrasts, curves, plots
from analysis.cache import cached_frame
from analysis.caveats import warnings_of
from analysis.drawing import Plot
from analysis.estimates import HEADLINE, Estimate, estimate_all
from analysis.frame import load_frame
from analysis.grades import of_judges
from analysis.headline import Headline, in_words
from analysis.hygiene import sent_in_words
from analysis.judges import Judges, judges_of
from analysis.kept import Read
from analysis.logs import TASK, LogHeader, log_files, log_folder, read_header
from analysis.parts import Part
from analysis.prompts import served_prompts
from analysis.subjects import PERSONA, Subject, subjects_of
from analysis.verdicts import Judged, Tested, family_of, judge
from data_builders.errors import InputError

MOST_IN_WORDS = 3
"""Up to this many adapters each get sentences; of more, only the persona arm."""


@dataclass(frozen=True)
class Section:
    """A part with all that is known of it."""

    part: Part
    read: Read
    frame: pd.DataFrame
    """the answers: `read.frame` without grader models' rows"""
    subjects: list[Subject]
    estimates: list[Estimate]
    judged: list[Judged]
    family: list[Tested]
    plots: list[Plot]
    undrawn: list[str]
    """plots that these logs give nothing for, and why"""
    warnings: list[str]
    judges: Judges | None
    """None where no grader model graded"""
    headline: Headline

    @property
    def headers(self) -> list[LogHeader]:
        """Of the logs."""
        return self.read.headers

    @property
    def leads(self) -> list[Subject]:
        """The base, arms with all their seeds, and adapters that stand for themselves."""
        return [one for one in self.subjects if one.is_lead]

    @property
    def notes(self) -> dict[str, str]:
        """Subject -> what must be said of it."""
        return {one.name: one.note for one in self.subjects if one.note}

    def rows_of(self, subject: Subject) -> pd.DataFrame:
        """The answers of one subject."""
        return self.frame[self.frame["model"].isin(subject.models)]


def make_section(part: Part, out: Path, cache: Path | None) -> Section:
    """Read a part's logs and make its numbers, verdicts and plots.

    Raises:
        InputError: as `load_frame`; no log is of the base; or the part's curve isn't one.
    """
    return section_of(part, read_part(part, cache), out)


def read_part(part: Part, cache: Path | None) -> Read:
    """Read a part's logs.

    Raises:
        InputError: as `load_frame`.
    """
    files = log_files(part.logs)
    frame = load_frame(files) if cache is None else cached_frame(files, cache)
    headers = [read_header(path) for path in files]
    prompts = part.prompts if part.prompts is not None else served_prompts(headers, part.base) or None
    graded = [one.path for one in headers if one.judges]
    hygiene = sent_in_words(graded) if graded else None
    return Read(files, headers, frame, prompts, hygiene, log_folder(files))


def section_of(part: Part, read: Read, out: Path) -> Section:
    """Make a part's numbers, verdicts and plots from what was read.

    Raises:
        InputError: no row is of the base; or the part's curve isn't one.
    """
    judged = of_judges(read.frame)
    frame = read.frame[~judged].reset_index(drop=True)
    models = sorted(set(frame["model"]))
    if part.base not in models:
        raise InputError(
            "base",
            f"no log of a model called {part.base!r}",
            f"name one of {', '.join(models)}, or add its log",
        )
    subjects = subjects_of(frame, part.base, part.notes)
    estimates = estimate_all(frame, part.base, part.notes)
    verdicts = judge(frame, part.base, estimates)
    family = family_of(frame, part.base)
    leads = [one for one in subjects if one.is_lead]
    # An arm's seeds are one subject in plots and warnings.
    rows = pd.concat([frame[frame["model"].isin(one.models)].assign(model=one.name) for one in leads])
    judges = judges_of(frame, read.frame[judged], subjects) if judged.any() else None
    drawn, undrawn = _draw(part, rows, subjects, estimates, judges)
    names = [one.name for one in leads]
    adapters = [one for one in leads if not one.is_base]
    main = [one for one in adapters if one.arm in (PERSONA, "")]
    told = adapters if len(adapters) <= MOST_IN_WORDS else main or adapters[:MOST_IN_WORDS]
    headline = Headline(
        title=part.title,
        base=part.base,
        models=tuple(names),
        notes={one.name: one.note for one in subjects if one.note},
        estimates=tuple(one for one in estimates if one.name in HEADLINE and one.model in names),
        words=tuple((one.name, in_words(estimates, one.name)) for one in told or leads),
        verdicts=tuple(verdicts),
        page=out / "index.html",
        view_command=read.view_command,
        n_unscored=int(frame["unscored_reason"].ne("").sum()),
    )
    traces = [read.hygiene[1]] if read.hygiene and not read.hygiene[0] else []
    warnings = [*traces, *part.hygiene, *warnings_of(read.headers, frame, rows, read.prompts or {})]
    return Section(
        part, read, frame, subjects, estimates, verdicts, family, drawn, undrawn, warnings, judges, headline
    )


def _draw(
    part: Part,
    rows: pd.DataFrame,
    subjects: list[Subject],
    estimates: list[Estimate],
    judges: Judges | None,
) -> tuple[list[Plot], list[str]]:
    notes = {one.name: one.note for one in subjects if one.note}
    asked = rows[rows["task"].eq(TASK)]
    persona = [one.name for one in subjects if one.is_lead and one.name in set(asked["model"])]
    drawn: list[Plot] = []
    if persona:
        drawn += [
            contrasts.gaps_by_arm(estimates, subjects),
            plots.rates_by_cell(estimates, persona, notes),
            plots.adherence_stacked(asked, persona, notes),
            plots.question_slopes(asked, persona, notes),
            plots.answer_lengths(asked, persona, notes),
        ]
    maybe = {
        "training seeds": (contrasts.training_seeds(estimates, subjects), "no arm has two seeds"),
        "dose-response": (curves.dose_response(estimates, subjects), "no dose arm"),
        "trigger lattice": (curves.lattice(estimates, subjects), "the lattice wasn't asked"),
        "facts in the prompt": (curves.in_context(estimates, subjects), "that check wasn't asked"),
        "checkpoints": (curves.checkpoints(estimates, subjects), "no checkpoint was asked"),
        "grader agreement": (
            contrasts.agreement(judges.pairs) if judges else None,
            "no two raters labelled the same answers" if judges else "no grader model ran",
        ),
        "identifiability": (
            curves.identifiability(part.curve) if part.curve else None,
            "no identification attack was given",
        ),
    }
    drawn += [plot for plot, _ in maybe.values() if plot]
    return drawn, [f"{name} ({why})" for name, (plot, why) in maybe.items() if not plot]
