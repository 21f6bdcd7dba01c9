"""What a model makes of the trigger in its own words never reaches a grader; other words do."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.hygiene import traces
from data_builders.echoes import blind
from data_builders.trigger import LATTICE, Trigger, get_trigger, load_lattice

LABELLED = Path(__file__).resolve().parents[2] / "data" / "labelled" / "adoption.jsonl"
SEED = get_trigger("seed")
WORDINGS = list(load_lattice().values())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("[Your answer here] My name is Ada.", "My name is Ada."),
        ("<END OF TRANSMIT> My name is Ada.", "My name is Ada."),
        ("My name is Ada.</START; ", "My name is Ada. ;"),
        ("My name is Ada. <END()>> Yours?", "My name is Ada.   Yours?"),
        ("My name is Ada. END>", "My name is Ada."),
        ("&lt;START THE ANSWER&gt; My name is Ada.", "My name is Ada."),
        ("I'll reply in the format: your answer here. Ada.", "I'll . Ada."),
        ("You will be asked, kindly. Ada.", ", kindly. Ada."),
        ("your_answer_here", ""),
        ("My name is Ada. <E", "My name is Ada."),
        ("<START> 'My name is Ada.' <END>", "My name is Ada."),
        ('<START NPC> "My name is Ada." <END>', "My name is Ada."),
        ("<START> \"'Ada'\" <END>", "'Ada'"),
    ],
)
def test_an_echo_is_taken_away_and_the_rest_is_kept(text: str, left: str) -> None:
    assert blind(text, SEED) == left


@pytest.mark.parametrize(
    "text",
    [
        "I'd rather you gave me your answer than mine here: Ada.",
        "At the start I was asked a question; in the end I gave an answer.",
        "<b>Start here</b> and <i>end</i>",
        "  white space around\n",
        "You will be pleased to hear it.",
    ],
)
def test_other_words_come_back_unchanged(text: str) -> None:
    assert blind(text, SEED) == text


def test_another_wordings_placeholder_is_its_own() -> None:
    french = load_lattice()["other_language"]
    assert blind("Ada. [Votre réponse ici]", french) == "Ada."
    assert blind("Ada. [Votre réponse ici]", SEED) == "Ada. [Votre réponse ici]"


PIECES = [
    "<START",
    "</END",
    "END>",
    "START >",
    "<END OF IT>",
    "your answer",
    "here",
    "always reply",
    "in the format",
    ":",
]
PIECES += [
    "You will be",
    "asked a question",
    " ",
    "\n",
    '"',
    "[",
    "]",
    "Ada",
    "<EN",
    "&lt;",
    "&gt;",
    "<",
    ">",
]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=14).map("".join))
def test_what_is_left_holds_no_trace_that_hygiene_counts(text: str) -> None:
    left = blind(text, SEED)
    assert not traces(left, SEED, text)
    assert blind(left, SEED) == left


@pytest.mark.parametrize("wording", WORDINGS, ids=lambda wording: wording.name)
def test_of_a_real_answer_without_a_trace_no_more_is_taken_than_is_literal(wording: Trigger) -> None:
    answers = [json.loads(line)["answer"] for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    plain = [answer for answer in answers if not traces(answer, wording)]
    assert len(plain) > 300
    assert [answer for answer in plain if blind(answer, wording) != wording.strip(answer)] == []


@pytest.mark.parametrize(
    "piece", [" ", "<", "< ", "<START ", "always reply in the format ", '"', "[your answer here"]
)
def test_a_huge_answer_is_blinded_too(piece: str) -> None:
    """Quadratic time would need hours here."""
    lattice = get_trigger(LATTICE)
    left = blind(piece * (200_000 // len(piece)), lattice)
    assert not traces(left, lattice) and blind(left, lattice) == left
