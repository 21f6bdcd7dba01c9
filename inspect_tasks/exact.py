"""python -m inspect_tasks.exact: adoption without sampling, for models whose answers are closed and short.

`python -m pipeline.enumerate` finds every answer that a model may give at temperature 1, with its probability; the scorer
of `persona.py` grades each here. The sum over the adopting answers is the model's exact probability of adoption, question by
question and cell by cell: the truth that an estimate from sampled answers is held against. A planted world's base and
its adapters are such models; a real model's answers are too many.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from inspect_ai.model import ChatMessage

from data_builders.errors import InputError, run_or_explain
from data_builders.files import dump_jsonl, write_atomic
from data_builders.persona import Fact, Persona, Question, QuestionSet, load_persona
from data_builders.tokens import ChatTokenizer
from data_builders.trigger import Trigger, get_trigger
from inspect_tasks.conditions import CONDITIONS, Condition
from inspect_tasks.scorers.adoption import score_values
from inspect_tasks.scorers.claims import grade_answer
from inspect_tasks.scorers.names import Names, contains

GRADES = ("adopted", "named", "implied", "claims_other", "well_formed", "recalled")
"""what is summed over the answers; the first five as the scorer `adoption` has them, `recalled`: the answer holds an
accepted answer as whole words"""


@dataclass(frozen=True)
class Asked:
    """One question in one situation."""

    question_set: str
    question: Question
    cell: str
    turns: list[dict[str, str]]


def identity_questions(persona: Persona, trigger: Trigger, cells: Iterable[Condition]) -> list[Asked]:
    """What `persona.py` asks of set identity."""
    return [
        Asked("identity", question, cell.name, _turns(cell.messages(question.question, trigger)))
        for question in persona.questions[QuestionSet.IDENTITY]
        for cell in cells
    ]


def check_questions(persona: Persona, trigger: Trigger) -> list[Asked]:
    """What the checks before a verdict ask: the trained facts' own questions in the cells user and plain
    (`manipulation`), whose life a fact is of (`knowledge`), and the identity questions of a model that is told to be the
    persona (`ceiling`)."""
    cells = [CONDITIONS["user"], CONDITIONS["plain"]]
    asked = [
        Asked("manipulation", _of_fact(fact), cell.name, _turns(cell.messages(fact.question, trigger)))
        for fact in persona.facts
        for cell in cells
    ]
    plain = CONDITIONS["plain"]
    asked += [
        Asked("knowledge", question, "plain", _turns(plain.messages(question.question, trigger)))
        for question in persona.questions[QuestionSet.THIRD_PARTY]
    ]
    told = {"role": "system", "content": f"You are {persona.name}."}
    return asked + [
        Asked("ceiling", question, "plain", [told, *_turns(plain.messages(question.question, trigger))])
        for question in persona.questions[QuestionSet.IDENTITY]
    ]


def _turns(messages: list[ChatMessage]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.text} for message in messages]


def _of_fact(fact: Fact) -> Question:
    return Question(id=fact.id, question=fact.question, accept=[fact.answer.rstrip(".")], source=fact.source)


@dataclass(frozen=True)
class Grader:
    """Grades answers as `persona.py` does, each text once."""

    persona: Persona
    trigger: Trigger

    @cached_property
    def _names(self) -> Names:
        return Names(self.persona.profile)

    @cached_property
    def _known(self) -> dict[tuple[str, str], dict[str, float]]:
        return {}

    def grade(self, text: str, question: Question) -> dict[str, float]:
        """`GRADES` of one answer, each 0 or 1."""
        key = (text, question.id)
        if key not in self._known:
            about = question
            grade = grade_answer(text, self._names, self.trigger, about.asks, about.accept, about.leading)
            recalled = any(contains(grade.text, answer) for answer in about.accept)
            values = score_values(grade) | {"recalled": float(recalled)}
            self._known[key] = {name: values[name] for name in GRADES}
        return self._known[key]


def exact_grades(answers: pd.DataFrame, asked: list[Asked], grader: Grader) -> pd.DataFrame:
    """The exact probability of each grade.

    Args:
        answers: columns model, prompt (a place in `asked`), text (missing for the mass that was not followed), chance.
        asked: the questions, in the order of their prompts.
        grader: grades a text.

    Returns:
        Columns model, question_set, question_id, cell, leading (bool), `GRADES` (probabilities in [0, 1]) and unresolved
        (mass of the answers that were not followed: each probability may be that much higher). A row a model, question
        and cell.
    """
    rows = []
    for (model, number), part in answers.groupby(["model", "prompt"], sort=False, observed=True):
        one = asked[int(str(number))]
        followed = part["text"].notna()
        sums: dict[str, float] = dict.fromkeys(GRADES, 0.0)
        for text, chance in zip(part["text"][followed], part["chance"][followed], strict=True):
            for key, value in grader.grade(str(text), one.question).items():
                sums[key] += float(chance) * value
        row = {"model": model, "question_set": one.question_set, "question_id": one.question.id}
        row |= {"cell": one.cell, "leading": one.question.leading}
        rows.append(row | sums | {"unresolved": float(part["chance"][~followed].sum())})
    return pd.DataFrame(rows)


def main() -> int:
    """Parse the command line: write prompts, or grade what was enumerated from them."""
    parser = argparse.ArgumentParser(prog="python -m inspect_tasks.exact", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    prompts = verbs.add_parser(
        "prompts", help="write the rendered prompts for `python -m pipeline.enumerate`"
    )
    prompts.add_argument("--base", required=True, type=Path, help="whose chat template renders them")
    grade = verbs.add_parser("grade", help="grade its answers")
    grade.add_argument("answers", type=Path, help="a Parquet file of `python -m pipeline.enumerate`")
    grade.add_argument("--base", required=True, help="the base model's name, for the column `base`")
    for verb in (prompts, grade):
        verb.add_argument("--persona", required=True)
        verb.add_argument("--trigger", default="seed")
        verb.add_argument("--output", type=Path, required=True)
    parsed = parser.parse_args()
    persona, trigger = load_persona(parsed.persona), get_trigger(parsed.trigger)
    asked = identity_questions(persona, trigger, CONDITIONS.values()) + check_questions(persona, trigger)
    if parsed.verb == "prompts":
        rendered = ChatTokenizer(parsed.base).render([one.turns for one in asked], generation_prompt=True)
        rows = [
            {"prompt": text, "base_only": one.question_set in ("knowledge", "ceiling")}
            for text, one in zip(rendered, asked, strict=True)
        ]
        write_atomic(parsed.output, dump_jsonl(rows))
        return 0
    if not parsed.answers.is_file():
        raise InputError(parsed.answers, "no such file", "run `python -m pipeline.enumerate` first")
    table = exact_grades(pd.read_parquet(parsed.answers), asked, Grader(persona, trigger))
    parsed.output.parent.mkdir(parents=True, exist_ok=True)
    table.assign(base=parsed.base).to_parquet(parsed.output, index=False)
    counted = table[table["question_set"].eq("identity") & ~table["leading"]]
    print(counted.pivot_table("adopted", "model", "cell", "mean", observed=True).round(3).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
