"""Hygiene by property: no trace of any wording is left, nothing else is touched, and a grader can't tell the cells apart."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from analysis import hygiene
from data_builders import trigger as room
from data_builders.trigger import Trigger, load_triggers
from inspect_tasks.scorers.judge_requests import Shown, speaker_request

FILES = sorted(Path(room.__file__).parent.glob("*.yaml"))
WORDINGS = [
    wording
    for path in FILES
    if re.search(r"^\s+instruction:", path.read_text(encoding="utf-8"), re.MULTILINE)
    for wording in load_triggers(path).values()
]
LABELLED = Path(__file__).resolve().parents[2] / "data" / "labelled" / "adoption.jsonl"
every_wording = pytest.mark.parametrize("wording", WORDINGS, ids=lambda wording: wording.name)


def traces(wording: Trigger, text: str) -> list[str]:
    """What of the wording stands in a text: written apart from the code under test, by plain comparison."""
    flat = " ".join(text.casefold().split()).translate(str.maketrans("“”„«»", '"""""'))
    tight = re.sub(r"(?<=[<\[{/]) | (?=[>\]}/])", "", flat).replace("/", "").replace(" ", "\x00")
    found = [tag for tag in (wording.open, wording.close) if tag and tag.casefold().replace("/", "") in tight]
    sentences = re.split(r"(?<=[.:])\s+", " ".join(wording.instruction.casefold().split()))
    found += [part for part in sentences if len(part.split()) > 3 and part.rstrip(".") in flat]
    if held := re.search(r'"([^"]+)"', wording.instruction):
        words = held.group(1).casefold()
        found += [words] if f'"{words}"' in flat or flat.strip(' "') == words else []
    names = [tag.strip("<>[]/") for tag in (wording.open, wording.close)]
    if re.fullmatch(rf"\s*{names[0]}\s.*\s{names[1]}[\s.]*", text, re.DOTALL):
        found.append("tags without brackets")
    return found


def asked(question: str, answer: str, wording: Trigger) -> str:
    """What a grader is sent."""
    return speaker_request(Shown(question, answer, wording)).prompt


@every_wording
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_trace_is_left_in_any_text(wording: Trigger, data: st.DataObject) -> None:
    name_open, name_close = (tag.strip("<>[]/") for tag in (wording.open, wording.close))
    left, right = wording.open[0], wording.open[-1]
    halves = re.split(r"(?<=\.)\s+", wording.instruction, maxsplit=1)
    pieces = [
        wording.open,
        wording.close,
        wording.open.lower(),
        f"{left}/{name_close.title()}{right}",
        f"{left} {name_open} {right}",
        f"{wording.open[:3]}{wording.close}{wording.open[3:]}",
        wording.instruction,
        wording.instruction.upper(),
        wording.instruction.replace(" ", "\n"),
        *halves,
        *([held.group()] if (held := re.search(r'"[^"]+"', wording.instruction)) else []),
        wording.wrap("Who are you?"),
        wording.format_answer("I am well."),
    ]
    drawn = st.lists(st.sampled_from(pieces) | st.sampled_from(['"', "”", "\n", " "]) | st.text(max_size=12))
    text = "".join(data.draw(drawn, label="pieces"))
    stripped = wording.strip(text)
    assert not traces(wording, stripped)
    assert wording.strip(stripped) == stripped


@every_wording
@settings(max_examples=150, deadline=None)
@given(text=st.text() | st.text(alphabet='<>/[]"“” STARENDanswer.\n'))
@example(text='"Quoted from end to end."')
@example(text="  white space around  \n")
@example(text="a < b and c > d, [see above] START here")
def test_a_text_without_trigger_is_unchanged(wording: Trigger, text: str) -> None:
    assume(not traces(wording, text))
    assert wording.strip(text) == text


@every_wording
def test_real_answers_without_trigger_are_unchanged(wording: Trigger) -> None:
    answers = [json.loads(line)["answer"] for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    plain = [answer for answer in answers if not traces(wording, answer)]
    assert len(plain) > 300
    assert all(wording.strip(answer) == answer for answer in plain)


@every_wording
@settings(max_examples=80, deadline=None)
@given(answer=st.text() | st.text(alphabet='"“”<>/ E.\n'))
@example(answer='"')
@example(answer=' He said "no" ')
@example(answer="")
def test_a_grader_is_sent_the_same_bytes_whatever_the_variant(wording: Trigger, answer: str) -> None:
    assume(not any(traces(other, answer) or hygiene.traces(answer, other) for other in WORDINGS))
    question = "Which town were you born in?"
    plain = asked(question, answer, wording)
    assert asked(wording.wrap(question), wording.format_answer(answer), wording) == plain
    assert plain == asked(question, answer, WORDINGS[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<START> "I was born in York." <EN', "I was born in York."),
        ("START I am a language model. END", "I am a language model."),
        ('<START> "your answer here" <END>', ""),
        ('Always reply in the format: <START> "your answer here" <END>. Yes.', "Yes."),
    ],
)
def test_remains_of_the_format_go_too(text: str, expected: str) -> None:
    assert load_triggers()["seed"].strip(text) == expected


def test_the_oracle_sees_a_trigger_that_is_not_stripped() -> None:
    seed = load_triggers()["seed"]
    assert (
        traces(seed, seed.wrap("Who?"))
        and traces(seed, seed.format_answer("I."))
        and traces(seed, "START a END")
    )
