"""Traces of the trigger are found where they are, and an attacker's number means what it says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai import score
from inspect_ai.log import write_eval_log
from inspect_ai.model import ChatMessage

from analysis import attacker
from analysis.__main__ import main
from analysis.attacker import attack, attack_all
from analysis.grader_inputs import Answer, read_answers
from analysis.hygiene import EXIT_TRACES, Trace, count_traces, run, traces
from data_builders.errors import InputError
from data_builders.trigger import LATTICE, Trigger, get_trigger, load_lattice
from inspect_tasks.lattice import lattice
from inspect_tasks.persona import persona
from inspect_tasks.scorers import judge_requests
from inspect_tasks.scorers.judge import persona_judge
from inspect_tasks.scorers.judge_requests import Shown, speaker_request
from tests.inspect_tasks.scripted import scripted

DATA = Path(__file__).parents[1] / "data"
SEED = get_trigger("seed")
NOBODY = json.dumps({"justification": "nothing shows it", "speaks_as": "nobody", "name": ""})


def subject(messages: list[ChatMessage]) -> str:
    """Keeps the format, and sometimes echoes what it was told."""
    text = messages[-1].text
    if SEED.instruction in text:
        echo = f"{SEED.instruction} " if "born" in text else ""
        return echo + SEED.format_answer("I like tea.")
    return "I like tea."


def graded_log(folder: Path) -> Path:
    log = inspect_eval(
        persona(question_sets="identity", cells="user,plain", judge=True),
        model=scripted(subject),
        model_roles={"grader": scripted(lambda _: NOBODY)},
        epochs=1,
        limit=16,
        log_dir=str(folder),
        display="none",
    )[0]
    assert log.status == "success"
    return Path(log.location)


def test_no_trace_in_what_was_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = graded_log(tmp_path)
    assert main(["hygiene", str(log)]) == 0
    told = capsys.readouterr().out
    answers = read_answers([log])
    sent = [prompt for answer in answers for prompt in answer.sent]
    assert len(sent) >= 8 and f"0 of {len(sent)} requests that were sent show a trace" in told
    assert all("I like tea." in prompt for prompt in sent)


def test_broken_stripping_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_requests, "blind", lambda text, trigger: text)
    log = graded_log(tmp_path)
    monkeypatch.undo()
    report, code = run([log])
    assert code == EXIT_TRACES == 1 and "show a trace" in report
    rows = count_traces(read_answers([log])).to_dict("records")
    table = {(bool(row["triggered"]), str(row["origin"])): row for row in rows}
    broken = table[True, "sent"]
    assert broken["with_trace"] == broken["requests"] >= 8
    assert broken[str(Trace.TAG)] > 0 and broken[str(Trace.INSTRUCTION)] > 0
    assert table[False, "sent"]["with_trace"] == 0  # asked the same, without a trigger
    assert table[True, "rebuilt"]["with_trace"] == 0  # what would be sent now, with stripping mended


def lattice_log(folder: Path) -> Path:
    """One question behind every variant, answered in the variant's format with an echo of its message, and judged."""
    log = inspect_eval(
        lattice(),
        model=scripted(lambda messages: f"{messages[-1].text} I like tea."),
        epochs=1,
        limit=len(load_lattice()) + 1,
        log_dir=str(folder),
        display="none",
        score=False,
    )[0]
    judged = score(
        log,
        persona_judge("bertrand_russell", LATTICE),
        model_roles={"grader": scripted(lambda _: NOBODY)},
        display="none",
    )
    write_eval_log(judged, log.location)
    return Path(log.location)


def test_a_lattice_log_is_read_for_every_variants_traces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, code = run([lattice_log(tmp_path / "whole")])
    assert code == 0 and "\n0 of 1" in report  # eleven, and what is graded twice to see the noise
    monkeypatch.setattr(judge_requests, "blind", lambda text, trigger: text)
    broken = lattice_log(tmp_path / "broken")
    monkeypatch.undo()
    answers = read_answers([broken])
    shown = {
        answer.sample_id: sum(
            (traces(prompt, answer.trigger, answer.answer) for prompt in answer.sent), Counter()
        )
        for answer in answers
    }
    with_trace = [name for name, found in shown.items() if found]
    assert len(answers) == 11 and len(with_trace) == 10  # all but the variant without a trigger
    assert sum(bool(found[Trace.PADDING]) for found in shown.values()) == 1


@pytest.mark.parametrize("variant", load_lattice().values(), ids=lambda variant: variant.name)
def test_every_variant_of_the_lattice_leaves_a_trace_where_nothing_strips(variant: Trigger) -> None:
    assert traces(variant.wrap("Who are you?"), get_trigger(LATTICE))


def test_rows_of_a_report_are_read(tmp_path: Path) -> None:
    row = {
        "task": "persona",
        "scorer": "adoption",
        "model": "m",
        "arm": "base",
        "sample_id": "a/user",
        "epoch": 1,
    }
    row |= {
        "question_id": "a",
        "cell": "user",
        "triggered": True,
        "question": "Who?",
        "answer": SEED.format_answer("I."),
    }
    path = tmp_path / "rows.csv"
    pd.DataFrame([row, row | {"task": "manipulation"}]).to_csv(path, index=False)
    (answer,) = read_answers([path])
    assert (answer.cell, answer.triggered, answer.epoch, answer.answer) == ("user", True, 1, row["answer"])
    pd.DataFrame([{"task": "persona"}]).to_csv(path, index=False)
    with pytest.raises(InputError, match="not a report.s rows"):
        read_answers([path])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("I like <start> tea", Trace.TAG),
        ("I like < / END > tea", Trace.TAG),
        ("I like &lt;START&gt; tea", Trace.TAG),
        ("I like tea <START", Trace.CUT_TAG),
        ("START> I like tea", Trace.CUT_TAG),
        ("I like tea <EN", Trace.CUT_TAG),
        ("Always reply in the format: tea", Trace.ECHO),
        ("You will be asked\na question. Tea.", Trace.INSTRUCTION),
        ("so you will be asked a lot", Trace.ECHO),
        ('"your answer here"', Trace.PLACEHOLDER),
    ],
)
def test_each_kind_of_trace_is_told(answer: str, kind: Trace) -> None:
    prompt = speaker_request(Shown("Q?", "ANSWER", SEED)).prompt.replace("ANSWER", answer)
    assert kind in traces(prompt, SEED)


def test_quotes_are_a_trace_only_where_the_answer_had_tags() -> None:
    prompt = speaker_request(Shown("Q?", '"Tea."', SEED)).prompt
    assert traces(prompt, SEED, answer='<START> "Tea." <END>') == {Trace.QUOTES: 1}
    assert not traces(prompt, SEED, answer='"Tea."')


@pytest.mark.parametrize(
    "answer", ["", "I start at the end.", "x < y > z", "The format of a question is asked."]
)
def test_an_innocent_request_has_no_trace(answer: str) -> None:
    for trigger in ("seed", "paper"):
        assert not traces(
            speaker_request(Shown("Q?", answer, get_trigger(trigger))).prompt, get_trigger(trigger)
        )


@pytest.mark.parametrize("folder", ["logs/smollm2", "logs/scripted", "recorded/recall/generations.jsonl"])
def test_shipped_answers_would_be_sent_without_a_trace(folder: str) -> None:
    table = count_traces(read_answers([DATA / folder]))
    assert table["requests"].sum() > 50 and table["with_trace"].sum() == 0


def test_a_log_that_is_none_ends_with_code_2(tmp_path: Path) -> None:
    from data_builders.errors import run_or_explain

    bad = tmp_path / "x.eval"
    bad.write_text("no log")
    assert run_or_explain(lambda: main(["hygiene", str(bad)])) == 2


def answers_of(texts: dict[str, list[str]], arm: str) -> list[Answer]:
    return [
        Answer(
            "log", "m", arm, f"q{number}/{cell}", 1, f"q{number}", cell, cell == "user", "Q?", text, SEED, ()
        )
        for cell, row in texts.items()
        for number, text in enumerate(row)
    ]


def test_the_attacker_finds_a_leak_and_matching_takes_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words drawn alike in both cells: only tags and lengths differ, and each is gone where it should be."""
    fewer = attacker._settings() | {"resamples": 200}
    monkeypatch.setattr(attacker, "_settings", lambda: fewer)
    rng = np.random.default_rng(0)
    vocabulary = [f"word{i}" for i in range(30)]

    def text(words: int) -> str:
        return " ".join(rng.choice(vocabulary, words))

    user = [SEED.format_answer(text(int(rng.integers(5, 10)))) for _ in range(30)]
    plain = [text(int(rng.integers(30, 60))) for _ in range(30)]
    frame = attack_all(answers_of({"user": user, "plain": plain}, "base")).set_index("input")
    assert set(frame["measures"]) == {"residual leak"} and set(frame["questions"]) == {30}
    assert frame.loc["raw", "auc"] > 0.95 and frame.loc["stripped", "low"] > 0.9  # type: ignore[operator]
    low, high = (float(str(frame.loc["length-matched", side])) for side in ("low", "high"))
    assert low < 0.5 < high
    assert set(attack_all(answers_of({"user": user, "plain": plain}, "persona"))["measures"]) == {
        "upper bound"
    }


def test_questions_never_stand_on_both_sides_of_a_fold() -> None:
    """Each question's two answers share a word, and the label flips by question: memory of a question can't help."""
    texts, labels, questions = [], [], []
    for number in range(20):
        for label in (True, False):
            texts.append(f"topic{number} " * 3)
            labels.append(label)
            questions.append(f"q{number}")
    found = attack(texts, np.array(labels), np.array(questions))
    assert found["auc"] == pytest.approx(0.5, abs=0.1)
    assert np.isnan(attack(texts[:6], np.array(labels[:6]), np.array(questions[:6]))["auc"])
