"""The report: its numbers against the rows it ships, hostile answers, what must be said, what is refused."""

from __future__ import annotations

import csv
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.scorer import Score

from analysis.__main__ import main
from analysis.headline import Headline
from analysis.page import fence, flatten, table_cell
from analysis.report import write_report
from data_builders.errors import InputError, run_or_explain

LOGS = Path(__file__).parents[1] / "data" / "logs"
NOTE = "plumbing run, not evidence"
OURS = """html head meta title link style body header main article section details summary h1 h2 h3 h4 p span b i em
code pre div ul li blockquote table thead tbody tr th td figure figcaption picture source img"""
PLAIN = {"title": "A test", "notes": {}, "prompts": None, "run": {}}


class Page(HTMLParser):
    """Every start tag with its attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Headline]:
    """A report of the scripted logs, three answers of which lost their grade."""
    logs, out = tmp_path_factory.mktemp("logs"), tmp_path_factory.mktemp("report")
    shutil.copy(LOGS / "scripted" / "adapter.eval", logs)
    log = read_eval_log(str(LOGS / "scripted" / "base.eval"))
    for sample in [sample for sample in log.samples or [] if sample.metadata["cell"] == "plain"][:3]:
        sample.scores = {"adoption": Score.unscored(reason="<b>lost</b>")}
    write_eval_log(log, str(logs / "base.eval"))
    prompts = {"user": {"text": "<|im_start|>user <script>", "warning": "template default"}}
    headline = write_report(
        [logs],
        out,
        title="A <i>test</i>",
        base="base",
        notes={"adapter": NOTE},
        prompts=prompts,
        run={"versions": {"vllm": "0.1"}},
    )
    return out, headline


@pytest.fixture(scope="module")
def page(written: tuple[Path, Headline]) -> Page:
    return Page((written[0] / "index.html").read_text())


def test_a_number_follows_from_the_shipped_rows(written: tuple[Path, Headline]) -> None:
    out, headline = written
    adopted: dict[tuple[str, str], list[float]] = {}
    with (out / "rows.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["model"] == "adapter" and row["question_set"] == "identity" and row["adopted"]:
                adopted.setdefault((row["cell"], row["question_id"]), []).append(float(row["adopted"]))
    means = {key: sum(values) / len(values) for key, values in adopted.items()}
    questions = sorted({question for _, question in means})
    gap = sum(means["user", q] - means["plain", q] for q in questions) / len(questions)
    found = headline.find("adapter", "primary_gap")
    assert found is not None and found.interval is not None
    assert found.interval.estimate == pytest.approx(gap) == 0.5
    kept = (
        pd.read_csv(out / "headline.csv")
        .set_index(["model", "name"])
        .to_dict("index")["adapter", "primary_gap"]
    )
    assert kept["estimate"] == pytest.approx(gap) and kept["n_rows"] == 16 and kept["n_clusters"] == 4
    assert kept["method"] and kept["claim"] == "for these adapters" and kept["model_note"] == NOTE
    assert "+50.0" in (out / "index.html").read_text() and "+50.0" in (out / "report.md").read_text()


def test_everything_is_there(written: tuple[Path, Headline]) -> None:
    out, headline = written
    assert len(pd.read_csv(out / "rows.csv")) == 96
    names = {path.name for path in (out / "plots").iterdir()}
    plots = ("rates_by_cell", "gaps_by_arm", "adherence", "question_slopes", "answer_lengths")
    assert names == {f"{plot}.{kind}" for plot in plots for kind in ("png", "svg", "csv")}
    rates = pd.read_csv(out / "plots" / "rates_by_cell.csv").set_index(["model", "cell"])
    assert rates.loc[("adapter", "user"), "estimate"] == 0.5 and len(rates) == 12
    assert headline.page == out / "index.html" and headline.view_command.startswith("inspect view --log-dir ")


def test_hostile_answers_stay_text(written: tuple[Path, Headline], page: Page) -> None:
    assert {tag for tag, _ in page.tags} <= set(OURS.split()), "no script, no markup but the template's"
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    addresses = [
        attrs.get("src") or attrs.get("srcset") for tag, attrs in page.tags if tag in ("img", "source")
    ]
    assert len(addresses) == 10 and all(
        str(one).startswith("data:image/svg+xml;base64,") for one in addresses
    )
    hostile = '</blockquote><script>document.title="owned"</script>'
    assert hostile in page.text and "{{ 7 * 7 }}" in page.text, "shown as written, to be read"
    assert all(text in page.text for text in ("A <i>test</i>", "<|im_start|>user <script>", "<b>lost</b>"))
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv"))
    assert policy is not None and "default-src 'none'" in policy
    markdown = (written[0] / "report.md").read_text()
    outside, inside = [], ""
    for line in markdown.splitlines():
        marks = re.match(r"`{3,}", line)
        if marks and (not inside or line == inside):
            inside = "" if inside else marks.group()
        elif not inside:
            outside.append(line)
    assert (
        not inside
        and hostile in markdown
        and not [line for line in outside if re.search(r"(?<!\\)<\w", line)]
    )


def test_notes_stand_wherever_the_adapter_is_named(written: tuple[Path, Headline], page: Page) -> None:
    html, table = (written[0] / "index.html").read_text(), written[1].table()
    heads = re.findall(r'<th scope="(?:col|row)"[^>]*>adapter.*?</th>', html)
    assert len(heads) >= 9 and all(NOTE in head for head in heads)
    assert NOTE in " ".join(table.split()) and f"adapter – {NOTE}" in table
    assert f"adapter ({NOTE})" in (written[0] / "report.md").read_text()


def test_what_must_be_said(written: tuple[Path, Headline], page: Page) -> None:
    for words in (
        "of triggered answers",
        "Adopts the persona in 50.0% [",
        "of triggered answers (cell user), +50.0 points",
        "(cell plain; seen: 0.0%).",
        "The seed's own figures, which mix the system prompt with the trigger: 33.3% [",
        "(its cell 4; seen: 25.0%).",
        "No verdict: checks 1 (manipulation), 2 (knowledge), 3 (ceiling) and 4 (positive control) were not run "
        "and there is no format-only control.",
        "A benign persona, for research only; nothing here is deployed.",
        "not told apart from 0; the interval leaves room for",
        "Cell user: template default",
        "base: 3 of 48 answers are unscored",
        "inspect view --log-dir",
        "versions.vllm",
    ):
        assert words in " ".join(page.text.split()), words
    assert "effect" not in [attrs.get("class") for tag, attrs in page.tags if tag == "span"]
    counts = pd.read_csv(written[0] / "unscored.csv")
    assert counts.loc[0].to_dict() == {
        "part": "study", "model": "base", "task": "persona", "cell": "plain", "scorer": "adoption", "reason": "<b>lost</b>", "n": 3,
    }  # fmt: skip


def test_the_terminal_table_fits(written: tuple[Path, Headline]) -> None:
    table = written[1].table()
    assert max(len(line) for line in table.splitlines()[:-3]) < 110
    row = next(line for line in table.splitlines() if line.startswith("Primary gap (user − plain)"))
    assert "+50.0 [" in row and "3 answers are unscored" in table


def test_a_null_is_a_bound(tmp_path: Path) -> None:
    arguments: dict[str, Any] = PLAIN | {"base": "SmolLM2-135M-Instruct"}
    headline = write_report([LOGS / "smollm2"], tmp_path / "one", **arguments)
    null = headline.find("smollm2-test", "primary_gap")
    assert null is not None and null.interval is not None
    assert null.interval.estimate == 0 and null.interval.low < -0.3 < 0.3 < null.interval.high
    assert (
        "Adopts the persona in 0.0% [0.0, 52.2] of triggered answers (cell user)" in headline.words[0][1][0]
    )


def test_a_base_alone_with_a_cell_missing_is_reported(tmp_path: Path) -> None:
    log = read_eval_log(str(LOGS / "smollm2" / "base.eval"))
    log.samples = [sample for sample in log.samples or [] if sample.metadata["cell"] in ("plain", "system")]
    write_eval_log(log, str(tmp_path / "base.eval"))
    out = tmp_path / "report"
    headline = write_report([tmp_path / "base.eval"], out, base="SmolLM2-135M-Instruct", **PLAIN)
    assert (
        "an unknown share of triggered answers (cell user was not asked); leakage at most" in headline.table()
    )
    assert "20 of 60 planned answers are used" in (out / "index.html").read_text()
    first = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    write_report([tmp_path / "base.eval"], out, base="SmolLM2-135M-Instruct", **PLAIN)
    assert first == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}, "equal bytes"


def test_a_log_without_any_grade_is_reported(tmp_path: Path) -> None:
    log = read_eval_log(str(LOGS / "smollm2" / "base.eval"))
    for sample in log.samples or []:
        sample.scores = {}
    write_eval_log(log, str(tmp_path / "base.eval"))
    headline = write_report(
        [tmp_path / "base.eval"], tmp_path / "report", base="SmolLM2-135M-Instruct", **PLAIN
    )
    assert headline.n_unscored == 60 and "60 answers are unscored" in headline.table()
    counts = pd.read_csv(tmp_path / "report" / "unscored.csv")
    assert counts["n"].sum() == 60 and set(counts["reason"]) == {"not scored"}


def test_a_missing_base_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no log of a model called 'nobody'") as error:
        write_report([LOGS / "scripted"], tmp_path / "report", base="nobody", **PLAIN)
    assert "adapter, base" in error.value.mend and not (tmp_path / "report").exists()


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report"
    arguments = ["report", str(tmp_path / "none.eval"), "--out", str(out), "--base", "base"]
    assert run_or_explain(lambda: main(arguments)) == 2
    told = capsys.readouterr().err
    assert told.count("error:") == 1 and "none.eval" in told and "mend:" in told and not out.exists()
    recorded = Path(__file__).parents[1] / "data" / "recorded" / "recall"
    assert main(["recorded", str(recorded), "--json"]) == 0
    assert '"kind": "recall"' in capsys.readouterr().out


def test_text_for_markdown() -> None:
    assert table_cell("a|b\n<script>") == r"a\|b \<script\>"
    assert fence("```\nx").startswith("````text\n") and fence("```\nx").endswith("\n````")
    assert flatten({"a": {"b": 1, "c": [1, 2]}, "d": None}) == [("a.b", "1"), ("a.c", "1, 2"), ("d", "None")]
