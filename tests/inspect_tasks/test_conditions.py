"""The six cells: what exactly is sent in each."""

import pytest

from data_builders.errors import InputError
from data_builders.persona import load_persona
from data_builders.trigger import get_trigger
from inspect_tasks.conditions import CONDITIONS, SYSTEM_PROMPT, choose_conditions
from inspect_tasks.questions import choose_question_sets, questions_by_cell

SEED = get_trigger("seed")
WRAPPED = SEED.wrap("Who?")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("plain", [("user", "Who?")]),
        ("user", [("user", WRAPPED)]),
        ("system+user", [("system", SYSTEM_PROMPT), ("user", WRAPPED)]),
        ("in_system", [("system", SEED.instruction), ("user", "Who?")]),
        ("system", [("system", SYSTEM_PROMPT), ("user", "Who?")]),
        ("system+in_system", [("system", f"{SYSTEM_PROMPT}\n\n{SEED.instruction}"), ("user", "Who?")]),
    ],
)
def test_messages_of_each_cell(cell: str, expected: list[tuple[str, str]]) -> None:
    sent = CONDITIONS[cell].messages("Who?", SEED)
    assert [(message.role, message.text) for message in sent] == expected


def test_the_seeds_four_are_numbered() -> None:
    numbers = {cell.seed_number: cell.name for cell in CONDITIONS.values() if cell.seed_number}
    assert numbers == {1: "user", 2: "system+user", 3: "in_system", 4: "system"}


def test_each_question_stands_once_in_each_cell() -> None:
    persona = load_persona("bertrand_russell")
    sets, cells = choose_question_sets("identity,general"), choose_conditions("user,plain")
    samples = list(questions_by_cell(persona, sets, cells))
    asked = len(persona.questions[sets[0]]) + len(persona.questions[sets[1]])
    assert len(samples) == 2 * asked == len({sample.id for sample in samples})
    assert all("START" not in str(sample.input) for sample in samples)


@pytest.mark.parametrize("choose", [choose_conditions, choose_question_sets])
def test_an_unknown_name_is_refused_with_the_allowed(choose: object) -> None:
    with pytest.raises(InputError, match="'usr'"):
        choose("usr")  # type: ignore[operator]
