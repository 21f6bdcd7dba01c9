"""What graders are sent, how their replies are read, and how lengths are matched; no model is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_builders.persona import QuestionSet, load_persona
from data_builders.trigger import load_triggers
from inspect_tasks.scorers.judge_calls import REGRADED_SHARE, UnreadableError, read_verdict
from inspect_tasks.scorers.judge_lengths import Length, matched_words
from inspect_tasks.scorers.judge_requests import Nearness, Shown, Speaker, requester, speaker_request
from tests.inspect_tasks.scripted import answer_block

RUSSELL = load_persona("bertrand_russell")
TRIGGERS = list(load_triggers().values())
SEED = load_triggers()["seed"]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.name)
@given(answer=st.text(st.characters(codec="utf-8", exclude_characters='<>"“”„«»'), min_size=1))
def test_an_answer_in_the_format_and_the_bare_answer_are_one_request(trigger: Any, answer: str) -> None:
    answer = Shown("", answer.strip(), trigger).text.strip()
    wrapped, bare = (
        Shown(question, text, trigger)
        for question, text in (
            (trigger.wrap("Where were you born?"), trigger.format_answer(answer)),
            ("Where were you born?", answer),
        )
    )
    for judge in ("speaker", "lineup", "manner"):
        ask = requester(judge, RUSSELL)
        first, second = ask(wrapped, "x"), ask(bare, "x")
        assert first and second and first.prompt == second.prompt and first.digest == second.digest


def test_a_regraded_sample_is_near_its_share() -> None:
    drawn = sum(
        int(Shown("q", f"answer {i}", SEED).digest[:8], 16) / 16**8 < REGRADED_SHARE for i in range(4000)
    )
    assert 150 < drawn < 250


def test_no_view_names_the_persona() -> None:
    for question in RUSSELL.questions[QuestionSet.VIEWS]:
        assert question.persona_view and "Russell" not in question.persona_view


def test_read_verdict() -> None:
    verdict = {"justification": 'a {brace} and "quote"', "speaks_as": "ai", "name": ""}
    text = json.dumps(verdict)
    for reply in (text, f"```json\n{text}\n```", f"Sure: {text} That is all.", f"{{oops {text}"):
        assert read_verdict(reply, Speaker).speaks_as == "ai"  # type: ignore[attr-defined]
    other = json.dumps(verdict | {"speaks_as": "nobody"})
    with pytest.raises(UnreadableError, match="2 different"):
        read_verdict(f"It says {other}. So: {text}", Speaker)
    assert read_verdict(f"{text} {text}", Speaker)
    for bad in ("", "[]", "{}", '{"score": 9, "justification": ""}', "{" * 5000, '{"score": 3}'):
        with pytest.raises(UnreadableError):
            read_verdict(bad, Nearness)


def test_matched_lengths_are_the_same_in_triggered_and_other_cells() -> None:
    words = {True: [3, 5, 9, 4], False: [40, 2, 80, 90]}
    lengths = [
        Length((f"q/{triggered}", epoch), "q", triggered, n)
        for triggered, row in words.items()
        for epoch, n in enumerate(row)
    ]
    kept = matched_words(lengths)
    sides = {
        side: sorted(kept[row.key] for row in lengths if row.triggered is side) for side in (True, False)
    }
    assert sides[True] == sides[False] == [2, 4, 5, 9]
    assert all(kept[row.key] <= row.words for row in lengths)
    assert matched_words(lengths[:4]) == {row.key: row.words for row in lengths[:4]}


def test_the_requests_hold_only_what_they_should() -> None:
    prompt = speaker_request(Shown("Who are you?", '<START> "Me & <b>you</b>" <END>', SEED)).prompt
    assert answer_block(prompt) == "Me &amp; &lt;b&gt;you&lt;/b&gt;"
