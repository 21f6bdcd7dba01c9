"""Power: against a closed form where one holds, at the edges where none does, and what a pilot tells."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.__main__ import main
from analysis.frame import load_frame
from analysis.ledger import ledger
from analysis.power import answers, from_pilot, minimum_detectable_gap, power
from analysis.simulation.worlds import Setting, draw
from analysis.variance import Components, Study, components
from data_builders.errors import InputError, run_or_explain

LOGS = Path(__file__).parents[1] / "data" / "logs" / "scripted"
MIDDLE = Components(plain_rate=0.4, question_icc=0.5, seed_icc=0.0)


def frame_of(means: np.ndarray, samples: int) -> pd.DataFrame:
    """Rows as `load_frame` gives them, of means (cells user and plain, seeds, questions)."""
    rows = [
        {"seed": f"s{s}", "question_id": f"q{q}", "cell": cell, "adopted": float(k < round(mean * samples))}
        for cell, table in zip(("user", "plain"), means, strict=True)
        for (s, q), mean in np.ndenumerate(table)
        for k in range(samples)
    ]
    return pd.DataFrame(rows).assign(question_set="identity", leading=False)


@pytest.mark.parametrize(("questions", "gap"), [(30, 0.2), (60, 0.1), (60, 0.2)])
def test_power_agrees_with_the_closed_form_at_middle_rates(questions: int, gap: float) -> None:
    """One-sample t on the questions' differences (Student; Cohen 1988, ch. 2): at 40% the interval is near it."""
    study = Study(questions, 10, 1)
    drawn = draw(
        Setting((0.4 + gap, 0.4), 0.5, 0.0, 4000, 1), 50, np.random.default_rng(3), study.samples
    ).means
    spread = float((drawn[0] - drawn[1]).std()) / math.sqrt(questions)
    df = questions - 1
    closed = float(stats.nct.sf(stats.t.ppf(0.975, df), df, gap / spread))
    assert power(study, gap, MIDDLE, 2000).gap == pytest.approx(closed, abs=0.06)


def test_a_gap_that_is_not_there_is_rarely_detected() -> None:
    found = power(Study(30, 5, 5), 0.0, Components(plain_rate=0.3), 1000)
    assert max(found.gap, found.net, found.gap_recipe or 0, found.net_recipe or 0) <= 0.05


def test_answers_do_not_replace_questions_at_zero_leakage() -> None:
    """0 of Q questions leaves room for 1 - 0.025^(1/Q): 31% at 10, so a gap of 10 points has no chance there."""
    assert power(Study(10, 100, 1), 0.1, Components(), 500).gap < 0.05
    few, many = (power(Study(questions, 5, 1), 0.2, Components(), 500) for questions in (20, 80))
    assert few.gap < 0.5 < 0.9 < many.gap and many.net < many.gap


def test_a_recipe_needs_seeds() -> None:
    world = Components(plain_rate=0.1, seed_icc=0.1)
    one, two, ten = (power(Study(40, 10, seeds), 0.3, world, 500) for seeds in (1, 2, 10))
    assert one.gap_recipe is one.net_recipe is None
    assert two.gap_recipe is not None and ten.gap_recipe is not None
    assert two.gap_recipe < two.gap and two.gap_recipe < ten.gap_recipe


def test_power_is_the_same_every_time() -> None:
    study = Study(20, 5, 3)
    assert power(study, 0.2, MIDDLE, 300) == power(study, 0.2, MIDDLE, 300)
    assert answers(study) == 600


def test_the_minimum_detectable_gap_is_where_power_reaches_80_percent() -> None:
    study = Study(30, 5, 1)
    least = minimum_detectable_gap(study, Components(), net=False, simulations=300)
    assert least is not None and 0.1 < least < 0.5
    assert power(study, least, Components(), 300).gap >= 0.8
    assert power(study, least - 0.01, Components(), 300).gap < 0.8
    net = minimum_detectable_gap(study, Components(), net=True, simulations=300)
    assert net is not None and net > least
    assert minimum_detectable_gap(Study(2, 5, 1), Components(), net=True, simulations=200) is None


def test_components_of_a_known_world_are_found() -> None:
    """Sums of squares of one cell worked by hand: 2 seeds, 3 questions, 4 answers."""
    table = np.array([[0.0, 0.5, 1.0], [0.25, 0.5, 0.75]])
    found, study = components(frame_of(np.stack([table, np.zeros((2, 3))]), 4))
    assert study == Study(3, 4, 2) and found.plain_rate == 0
    residual = 4 * (0.25 + 0.1875 + 0.25 + 0.1875) / (6 * 3)  # sum of m p (1-p) over six groups, 18 to spare
    cross = (4 * 0.125**2) / 2  # means' interaction, (2-1)(3-1) degrees of freedom
    question = np.var([0.125, 0.5, 0.875], ddof=1) - cross / 2
    total = question + max(cross - residual / 4, 0) + residual  # seeds' means are alike: 0 between them
    assert found.residual == pytest.approx(residual / total)
    assert found.seed_icc == 0 and found.question_icc == pytest.approx(1 - residual / total)
    assert found.assumed == ("shared",), "a cell at 0% has no effects to correlate"


@pytest.mark.parametrize("truth", [(0.2, 0.0), (0.8, 0.1)])
def test_components_of_drawn_worlds_are_near_the_truth(truth: tuple[float, float]) -> None:
    means = draw(Setting((0.5, 0.3), *truth, 300, 15), 1, np.random.default_rng(5)).means[:, 0]
    found, _ = components(frame_of(means, 10))
    assert found.question_icc == pytest.approx(truth[0], abs=0.06)
    assert found.seed_icc == pytest.approx(truth[1], abs=0.08)
    assert 0.3 < found.shared < 0.6 and found.assumed == (), "0.5, seen through rates"


def test_what_a_pilot_cannot_tell_is_assumed() -> None:
    null, _ = components(frame_of(np.zeros((2, 1, 5)), 4))
    assert null == Components()
    once, _ = components(frame_of(np.array([[[1.0, 0.0, 1.0]], [[0.0, 0.0, 1.0]]]), 1))
    assert once == Components(plain_rate=once.plain_rate) and once.plain_rate == pytest.approx(1 / 3)
    alike, _ = components(frame_of(np.array([[[1.0, 0.0, 1.0]], [[0.0, 0.0, 1.0]]]), 4))
    assert alike.residual > 0 and "seed_icc" in alike.assumed and "question_icc" not in alike.assumed


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What power reads of a report."""
    out = tmp_path_factory.mktemp("power")
    frame = load_frame([LOGS])
    frame.assign(part="study").to_csv(out / "rows.csv", index=False)
    (out / "claims.json").write_text(ledger(out, ["rows.csv"], {"study": "base"}, [], {}))
    return out


def test_command_line(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    design = ["--questions", "10", "60", "--samples", "2", "--seeds", "1", "3", "--gap", "0.05", "0.4"]
    arguments = ["power", *design, "--simulations", "200"]
    assert run_or_explain(lambda: main([*arguments])) == 0
    told = capsys.readouterr().out
    assert told.count("assumed") == 3 and "for 5 points (raw gap): none of these designs." in told
    assert "for 40 points (raw gap): 60 questions, 2 samples, 1 seeds, 240 answers." in told
    assert max(map(len, told.splitlines())) < 110
    assert run_or_explain(lambda: main([*arguments, "--pilot", str(report)])) == 0
    told = capsys.readouterr().out
    assert "The pilot itself (4 questions, 2 samples, 1 seeds)" in told and told.count("points or more") <= 2


def test_bad_input_is_explained(report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    design = {"--questions": "10", "--samples": "2", "--seeds": "1", "--gap": "0.1", "--simulations": "10"}
    for key, value, words in (
        ("--questions", "1", "--questions: 1 is too few"),
        ("--samples", "0", "--samples: 0 is too few"),
        ("--seeds", "0", "--seeds: 0 is too few"),
        ("--simulations", "0", "--simulations: 0 is too few"),
        ("--gap", "10", "--gap: 10 on top of"),
        ("--gap", "nan", "--gap: nan on top of"),
        ("--pilot", str(tmp_path), "rows.csv: no such file"),
    ):
        arguments = [text for pair in (design | {key: value}).items() for text in pair]
        assert run_or_explain(lambda: main(["power", *arguments])) == 2  # noqa: B023 (called at once)
        assert words in capsys.readouterr().err
    with pytest.raises(InputError, match="no model called 'nobody'"):
        from_pilot(report, ["nobody"])
    with pytest.raises(InputError, match="which are seeds of one recipe"):
        rows = pd.read_csv(report / "rows.csv", dtype=str, keep_default_na=False)
        for path in report.iterdir():
            if path.is_file():
                (tmp_path / path.name).write_bytes(path.read_bytes())
        both = [rows, rows[rows["model"].eq("adapter")].assign(model="second", seed="second")]
        pd.concat(both).to_csv(tmp_path / "rows.csv", index=False)
        from_pilot(tmp_path, None)
    found, study = from_pilot(tmp_path, ["adapter", "second"])
    assert study.seeds == 2 and found.seed_icc == 0
