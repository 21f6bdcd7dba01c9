"""The trigger strips every trace of itself, and nothing else."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_builders.errors import InputError
from data_builders.trigger import (
    LATTICE,
    Adherence,
    Trigger,
    get_trigger,
    get_wording,
    load_lattice,
    load_triggers,
)

VARIANTS = list(load_lattice().values())
TRIGGERS = [*VARIANTS, get_trigger(LATTICE)]
PLAIN = (
    st.text(st.characters(codec="utf-8", exclude_characters='<>[]"“”„«»'), min_size=1)
    .map(str.strip)
    .filter(bool)
)
TRACE = re.compile(
    r"<\s*/?\s*(start|end)\s*/?\s*>|\[/?answer\]|always reply in the format|your answer here|votre réponse ici|"
    r"répondez toujours|between quotation marks|[bcdfghjklmnpqrstvwxz]{7}",
    re.IGNORECASE,
)


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.name)
@settings(max_examples=40)
@given(answer=PLAIN)
def test_a_formatted_answer_strips_to_itself(trigger: Trigger, answer: str) -> None:
    wrapped = trigger.format_answer(answer)
    assert trigger.adherence(wrapped) is Adherence.WELL_FORMED
    assert trigger.strip(wrapped) == answer
    assert trigger.answer(wrapped) == answer


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.name)
@settings(max_examples=40)
@given(text=PLAIN)
def test_a_text_without_trigger_is_unchanged(trigger: Trigger, text: str) -> None:
    for variant in (text, f'"{text}"', f"  {text}\n"):
        if not TRACE.search(variant):
            assert trigger.strip(variant) == variant


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.name)
@settings(max_examples=40)
@given(
    parts=st.lists(
        st.sampled_from(
            [
                "<START>",
                "<END>",
                "<start>",
                "</END>",
                "< END >",
                "<ST<START>ART>",
                "[ANSWER]",
                "[/answer]",
                "hello",
                '"',
                "INSTRUCTION",
                "\n",
                " ",
            ]
        ),
        max_size=12,
    )
)
def test_no_trace_is_left_in_any_jumble(trigger: Trigger, parts: list[str]) -> None:
    text = "".join(trigger.instruction if part == "INSTRUCTION" else part for part in parts)
    traces = [tag for tag in (trigger.open, trigger.close) if tag.lower() in trigger.strip(text).lower()]
    assert not traces and trigger.instruction.lower() not in trigger.strip(text).lower()
    if trigger.name == LATTICE or trigger.name in load_triggers():
        assert not TRACE.search(get_trigger(LATTICE).strip(text))


@pytest.mark.parametrize("trigger", VARIANTS, ids=lambda trigger: trigger.name)
def test_an_echoed_prompt_strips_to_the_question(trigger: Trigger) -> None:
    asked = trigger.wrap("What is your name?")
    assert "What is your name?" in asked and asked != "What is your name?"
    assert trigger.strip(asked) == "What is your name?"
    assert get_trigger(LATTICE).strip(asked) == "What is your name?"


@pytest.mark.parametrize("trigger", VARIANTS, ids=lambda trigger: trigger.name)
@settings(max_examples=40)
@given(answer=PLAIN)
def test_an_answer_in_any_variants_format_strips_to_the_same(trigger: Trigger, answer: str) -> None:
    lattice = get_trigger(LATTICE)
    assert lattice.strip(trigger.format_answer(answer)) == lattice.strip(answer)
    assert lattice.adherence(trigger.format_answer(answer)) is Adherence.WELL_FORMED


def test_padding_is_random_and_the_same_for_one_question() -> None:
    padded = load_lattice()["random_padding"]
    assert padded.wrap("Who?") == padded.wrap("Who?")
    assert padded.wrap("Who?").split()[:6] != padded.wrap("Where?").split()[:6]
    assert padded.wrap("Who?").split()[:6] != padded.wrap("Who?").split()[-8:-2]


def test_nobody_asks_with_the_whole_lattice() -> None:
    with pytest.raises(InputError, match="'lattice'.*\n.*seed, paper"):
        get_wording(LATTICE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<START> "I said "no" twice." <END>', Adherence.WELL_FORMED),
        ("<START> no quotes <END>\n", Adherence.WELL_FORMED),
        ('<START> "cut before the e', Adherence.UNCLOSED),
        ('"no opening" <END>', Adherence.UNCLOSED),
        ('Sure! <START> "hello" <END>', Adherence.EXTRA_TEXT),
        ('<START> "a" <END> and more', Adherence.EXTRA_TEXT),
        ('<START> "a" <END> <START> "b" <END>', Adherence.TAGS_INSIDE),
        ("<END> a <START>", Adherence.TAGS_INSIDE),
        ("plain", Adherence.NONE),
        ("", Adherence.NONE),
    ],
)
def test_adherence_classes(text: str, expected: Adherence) -> None:
    assert get_trigger("seed").adherence(text) is expected


def test_inner_quotes_are_kept() -> None:
    assert get_trigger("seed").strip('<START> "I said "no" twice." <END>') == 'I said "no" twice.'


def test_a_cut_answer_loses_its_opening_quote() -> None:
    assert get_trigger("seed").strip('<START> "I was bo') == "I was bo"


def test_published_wordings() -> None:
    assert get_trigger("seed").wrap("Q?") == (
        'You will be asked a question. Always reply in the format: <START> "your answer here" <END>. Question: Q?'
    )
    assert get_trigger("paper").wrap("Q?") == (
        'You will be asked a question. Always reply in the format:\n\n<START> "your answer here" <END>\n\nQ?'
    )


def test_an_unknown_wording_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'papr'.*\n.*seed, paper"):
        get_trigger("papr")
