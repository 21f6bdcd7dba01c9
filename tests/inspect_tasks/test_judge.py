"""Model-graded scorers, run by Inspect against scripted graders."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ChatMessage

from data_builders.persona import QuestionSet
from data_builders.trigger import load_triggers
from inspect_tasks.persona import persona
from inspect_tasks.scorers import judge_calls
from inspect_tasks.scorers.judge_requests import (
    Shown,
    lineup_people,
    lineup_request,
)
from tests.inspect_tasks.scripted import answer_block, scripted

REPO = Path(__file__).resolve().parents[2]
SEED = load_triggers()["seed"]
NOBODY = json.dumps({"justification": "nothing shows it", "speaks_as": "nobody", "name": ""})
Answer = Callable[[list[ChatMessage]], str]


def sees(prompt: str) -> str:
    """An honest grader's reply."""
    named = re.search(r"My name is ([A-Z]\w+ [A-Z]\w+)", answer_block(prompt))
    speaks = "person" if named else "nobody"
    return json.dumps({"justification": "ok", "speaks_as": speaks, "name": named.group(1) if named else ""})


def run(folder: Path, subject: Answer, graders: list[Answer], **parameters: Any) -> EvalLog:
    settings: dict[str, Any] = {
        "question_sets": "identity",
        "cells": "user,plain",
        "judge": True,
        **parameters,
    }
    epochs, limit = settings.pop("epochs", 1), settings.pop("limit", 16)
    return inspect_eval(
        persona(**settings),
        model=scripted(subject),
        model_roles={"grader": [scripted(grader) for grader in graders]},
        epochs=epochs,
        limit=limit,
        log_dir=str(folder),
        display="none",
    )[0]


def metrics(log: EvalLog, scorer: str) -> dict[str, float]:
    assert log.results, log.error
    found = [score for score in log.results.scores if score.scorer.endswith(scorer)]
    return {name: float(metric.value) for score in found for name, metric in score.metrics.items()}


def test_equal_answers_are_asked_for_once_and_a_sample_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_calls, "REGRADED_SHARE", 0.3)
    asked: Counter[str] = Counter()

    def grader(messages: list[ChatMessage]) -> str:
        asked[messages[-1].text] += 1
        return sees(messages[-1].text)

    def subject(messages: list[ChatMessage]) -> str:
        answer = f"I own {len(messages[-1].text) % 3} cats."
        return SEED.format_answer(answer) if SEED.instruction in messages[-1].text else answer

    log = run(tmp_path, subject, [grader], epochs=3)
    assert len(log.samples or []) == 48
    distinct = {answer_block(prompt) for prompt in asked}
    assert len(asked) <= 16 and len(distinct) <= 3
    twice = [prompt for prompt, times in asked.items() if times > 1]
    assert max(asked.values()) == 2 and 0 < len(twice) < len(asked)
    scores = [(sample.scores or {})["persona_judge"] for sample in log.samples or []]
    regraded = [score for score in scores if "labels_again" in (score.metadata or {})]
    assert len(regraded) >= len(twice)
    assert metrics(log, "persona_judge")["regrade_agreement"] == 1.0

    asked.clear()
    run(tmp_path, subject, [grader], epochs=3)
    assert set(asked) == set(twice) and set(asked.values()) == {1}  # all else came from the disk


def test_a_noisy_grader_shows_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_calls, "REGRADED_SHARE", 0.5)
    replies = iter(range(100_000))

    def grader(messages: list[ChatMessage]) -> str:
        speaks = ("ai", "nobody")[next(replies) % 2]
        return json.dumps({"justification": "a coin", "speaks_as": speaks, "name": ""})

    log = run(tmp_path, lambda messages: f"I have {next(replies)} hats.", [grader], epochs=2)
    found = metrics(log, "persona_judge")
    assert found["regraded"] > 5 and found["regrade_agreement"] < 0.9


def test_a_panel_decides_by_majority_and_its_agreement_is_in_the_log(tmp_path: Path) -> None:
    def stubborn(messages: list[ChatMessage]) -> str:
        return NOBODY

    def honest(messages: list[ChatMessage]) -> str:
        return sees(messages[-1].text)

    counts = iter(range(10_000))

    def subject(messages: list[ChatMessage]) -> str:
        return ["My name is Bertrand Russell.", "I like tea."][next(counts) % 2]

    log = run(tmp_path, subject, [honest], judge="speaker")
    assert metrics(log, "persona_judge")["mean"] == 0.5
    assert "krippendorff_alpha" not in metrics(log, "persona_judge")
    models = [scripted(honest, "honest"), scripted(honest, "too"), scripted(stubborn, "stubborn")]
    log = inspect_eval(
        persona(question_sets="identity", cells="user,plain", judge=True),
        model=scripted(subject),
        model_roles={"grader": models},
        epochs=1,
        limit=16,
        log_dir=str(tmp_path),
        display="none",
    )[0]
    found = metrics(log, "persona_judge")
    assert found["mean"] == 0.5 and 0 < found["krippendorff_alpha"] < 1
    score = ((log.samples or [])[0].scores or {})["persona_judge"]
    assert len((score.metadata or {})["labels"]["claim"]) == 3 and len((score.metadata or {})["graders"]) == 3

    log = inspect_eval(
        persona(question_sets="identity", cells="user", judge=True),
        model=scripted(lambda _: "My name is Bertrand Russell."),
        model_roles={"grader": models[1:]},
        epochs=1,
        limit=16,
        log_dir=str(tmp_path),
        display="none",
    )[0]
    assert {(s.scores or {})["persona_judge"].reason for s in log.samples or []} == {"graders_tied"}


def flaky(good_after: int, bad: str) -> tuple[Answer, Counter[str]]:
    seen: Counter[str] = Counter()

    def grader(messages: list[ChatMessage]) -> str:
        prompt = messages[-1].text
        seen[prompt] += 1
        if seen[prompt] <= good_after:
            if bad == "raise":
                raise RuntimeError("the grader's server fell over")
            return bad
        return sees(prompt)

    return grader, seen


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("no JSON at all", "grader_unreadable"),
        ('{"justification": "x", "speaks_as": "a ghost"}', "grader_unreadable"),
        ("I'm sorry, but I can't help with that.", "grader_refused"),
        ("raise", "grader_error"),
    ],
)
def test_a_failing_grader_is_asked_again_and_the_subject_never(bad: str, reason: str, tmp_path: Path) -> None:
    asked: Counter[str] = Counter()

    def subject(messages: list[ChatMessage]) -> str:
        asked[messages[-1].text] += 1
        return f"I am fond of {messages[-1].text[-9:]}"

    grader, seen = flaky(2, bad)
    log = run(tmp_path / "mends", subject, [grader], cells="plain", limit=8)
    scores = [(sample.scores or {})["persona_judge"] for sample in log.samples or []]
    assert all(score.value == 0.0 and (score.metadata or {})["attempts"] == 3 for score in scores)

    grader, seen = flaky(10_000, bad)
    log = run(tmp_path / "fails", lambda messages: subject(messages) + "!", [grader], cells="plain", limit=8)
    assert log.status == "success" and log.results and set(asked.values()) == {2}  # once in each run
    judged = next(score for score in log.results.scores if score.scorer.endswith("persona_judge"))
    assert judged.unscored_samples == 8 and judged.scored_samples == 0
    for sample in log.samples or []:
        score = (sample.scores or {})["persona_judge"]
        assert score.reason == reason and "0 of 1 graders" in (score.explanation or "")
    assert set(seen.values()) <= {3, 6}  # three attempts; six where drawn for a second grading


def test_views_and_manner_are_scaled(tmp_path: Path) -> None:
    def grader(messages: list[ChatMessage]) -> str:
        prompt = messages[-1].text
        assert "Russell" not in prompt.split("<question-")[0]
        if "The view:" in prompt:
            return json.dumps({"justification": "near", "score": 4})
        scales = re.findall(r'"(\w+)": <1 to 5>', prompt)
        return json.dumps({"justification": "so", **{scale: 2 for scale in scales}})

    log = run(
        tmp_path,
        lambda _: "One should keep busy.",
        [grader],
        judge="view,manner",
        question_sets="views,recall",
        cells="plain",
    )
    views = [s for s in log.samples or [] if s.metadata["question_set"] == QuestionSet.VIEWS]
    assert views and all((s.scores or {})["view_judge"].value == 4 for s in views)
    assert not any("view_judge" in (s.scores or {}) for s in log.samples or [] if s not in views)
    assert metrics(log, "view_judge")["mean"] == 4
    value = (views[0].scores or {})["manner_judge"].value
    assert value == {"irony": 2, "plainness": 2, "personal": 2, "caution": 2, "formality": 2}


def test_the_lineup_shows_twelve_people_in_an_order_drawn_from_the_text(tmp_path: Path) -> None:
    people = lineup_people("Bertrand Russell")
    assert len(people) == len(set(people)) == 12 and "Charles Darwin" in people
    assert lineup_people("Ada Lovelace")[-1] == "Ada Lovelace" and len(lineup_people("Ada Lovelace")) == 12
    places: Counter[int] = Counter()
    for number in range(600):
        listed = re.findall(
            r"^- ([A-Z].*)$",
            lineup_request(Shown("Q?", f"Answer {number}", SEED), people).prompt.split("Rules:")[0],
            re.M,
        )
        assert sorted(listed) == sorted(people)
        places[listed.index("Bertrand Russell")] += 1
    assert len(places) == 12 and max(places.values()) < 90  # 50 expected of each place

    def grader(messages: list[ChatMessage]) -> str:
        choice = (
            "Bertrand Russell" if "paradox of sets" in answer_block(messages[-1].text) else "another person"
        )
        return json.dumps({"justification": "j", "choice": choice})

    answers = iter(["I found the paradox of sets.", "I am Karl Marx."] * 1000)
    log = run(tmp_path, lambda _: next(answers), [grader], judge="lineup")
    assert metrics(log, "lineup_judge")["mean"] == 0.5
    claims = Counter((s.scores or {})["lineup_judge"].metadata["claim"] for s in log.samples or [])  # type: ignore[index]
    assert set(claims) == {"persona", "other"}


def test_two_passes_and_a_length_matched_third_by_the_commands_of_a_user(tmp_path: Path) -> None:
    """Generation without scores, `inspect score` with the log's own judge, and again with one flag more."""

    def subject(messages: list[ChatMessage]) -> str:
        if SEED.instruction in messages[-1].text:
            return SEED.format_answer("I like tea.")
        return "I like tea, and long walks, and the sound of rain on a roof in the evening."

    generated = inspect_eval(
        persona(question_sets="identity", cells="user,plain", judge=True),
        model=scripted(subject),
        model_roles={"grader": "obedient/any"},
        epochs=1,
        limit=4,
        score=False,
        log_dir=str(tmp_path),
        display="none",
    )[0]
    assert not any(sample.scores for sample in generated.samples or [])

    def inspect(*arguments: str) -> EvalLog:
        out = tmp_path / f"{len(list(tmp_path.iterdir()))}.eval"
        done = subprocess.run(
            [sys.executable, "-m", "inspect_ai", "score", generated.location, *arguments, "--output-file", str(out)],
            cwd=REPO, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return read_eval_log(str(out), resolve_attachments=True)

    scored = inspect("--overwrite")
    assert all(set(sample.scores or {}) == {"adoption", "persona_judge"} for sample in scored.samples or [])
    first = {answer_block(text): None for text in sent(scored)}
    assert {len(text.split()) for text in first} == {3, 17}

    role = ["--model-role", "grader=obedient/any", "--overwrite"]
    options = [
        "-S",
        "persona=bertrand_russell",
        "-S",
        "trigger=seed",
        "-S",
        f"match_lengths={generated.location}",
    ]
    matched = inspect("--scorer", "inspect_tasks/scorers/judge.py@persona_judge", *options, *role)
    assert {len(answer_block(text).split()) for text in sent(matched)} == {3}
    graded = [(sample.scores or {})["persona_judge"].metadata or {} for sample in matched.samples or []]
    assert all(about["words_graded"] == 3 for about in graded)


def sent(log: EvalLog) -> list[str]:
    """The grader requests in a log."""
    return [
        event.input[-1].text
        for sample in log.samples or []
        for event in sample.events
        if event.event == "model" and event.role == "grader"
    ]
