"""python -m inspect_tasks.exact: adoption without sampling, for models whose answers are closed and short.

Every answer that a model may give at temperature 1 is enumerated, token by token, with its probability; the scorer of
`persona.py` grades each. The sum over the adopting answers is the model's exact probability of adoption, question by
question and cell by cell: the truth that an estimate from sampled answers is held against. A planted world's base and
its adapters are such models; a real model's answers are too many.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from inspect_ai.model import ChatMessage

from data_builders.errors import InputError, run_or_explain
from data_builders.persona import Fact, Persona, Question, QuestionSet, load_persona
from data_builders.trigger import Trigger, get_trigger
from inspect_tasks.conditions import CONDITIONS, Condition, choose_conditions
from inspect_tasks.scorers.adoption import score_values
from inspect_tasks.scorers.claims import grade_answer
from inspect_tasks.scorers.names import Names, contains

FLOOR = 1e-5
"""an answer's beginning that is less likely than this is followed no further; its mass is told as `unresolved`"""
MAX_TOKENS = 16
_AT_ONCE = 2048

Answers = list[tuple[str, float]]


@dataclass(frozen=True)
class Subject:
    """A model to be asked, and its tokenizer."""

    model: Any
    tokenizer: Any


def load_subject(base: Path, adapter: Path | None = None) -> Subject:
    """The base in float32, with an adapter merged in where one is given.

    Raises:
        InputError: there is no model or adapter.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for folder, name in ((base, "config.json"), (adapter, "adapter_config.json")):
        if folder is not None and not (folder / name).is_file():
            raise InputError(folder, f"no {name} here", "check the path")
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    return Subject(model.eval(), AutoTokenizer.from_pretrained(base))


def all_answers(subject: Subject, prompts: list[str]) -> list[tuple[Answers, float]]:
    """For each prompt, the answers with their probabilities at temperature 1, and the mass that was not followed.

    Args:
        subject: the model.
        prompts: rendered by the chat template, up to where the answer begins.
    """
    import torch

    tokenizer = subject.tokenizer
    heads = [tuple(tokenizer(text, add_special_tokens=False).input_ids) for text in prompts]
    ended: list[dict[tuple[int, ...], float]] = [{} for _ in prompts]
    live: list[tuple[int, tuple[int, ...], float]] = [(place, (), 1.0) for place in range(len(prompts))]
    for _ in range(MAX_TOKENS):
        grown = []
        for start in range(0, len(live), _AT_ONCE):
            part = live[start : start + _AT_ONCE]
            chances = _next_token(subject, [heads[place] + said for place, said, _ in part])
            chances = chances * torch.tensor([chance for _, _, chance in part], dtype=chances.dtype)[:, None]
            for row, token in (chances >= FLOOR).nonzero().tolist():
                place, said, _ = part[row]
                chance = float(chances[row, token])
                if token == tokenizer.eos_token_id:
                    ended[place][said] = chance
                else:
                    grown.append((place, (*said, token), chance))
        live = grown
    found = []
    for answers in ended:
        texts = [
            (tokenizer.decode(said, skip_special_tokens=True), chance) for said, chance in answers.items()
        ]
        found.append((texts, max(0.0, 1.0 - sum(answers.values()))))
    return found


def _next_token(subject: Subject, rows: list[tuple[int, ...]]) -> Any:
    """Probabilities of the next token: shape (rows, vocabulary), float64."""
    import torch

    longest = max(map(len, rows))
    pad = subject.tokenizer.pad_token_id
    ids = torch.tensor(
        [[*row, *[pad] * (longest - len(row))] for row in rows]
    )  # causal: what follows isn't seen
    last = torch.tensor([len(row) - 1 for row in rows])
    with torch.inference_mode():
        states = subject.model.model(input_ids=ids).last_hidden_state[torch.arange(len(rows)), last]
        return subject.model.lm_head(states).double().softmax(-1)


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


def exact_grades(subject: Subject, persona: Persona, trigger: Trigger, asked: list[Asked]) -> pd.DataFrame:
    """The exact probability of each grade.

    Returns:
        Columns question_set, question_id, cell, leading (bool), `GRADES` (probabilities in [0, 1]) and unresolved (mass
        of the answers that were not followed: each probability may be that much higher). A row a question and cell.
    """
    names = Names(persona.profile)
    prompts = [
        subject.tokenizer.apply_chat_template(one.turns, tokenize=False, add_generation_prompt=True)
        for one in asked
    ]

    @cache
    def graded(text: str, asks: str | None, accept: tuple[str, ...], leading: bool) -> tuple[float, ...]:
        grade = grade_answer(text, names, trigger, asks, list(accept), leading)
        recalled = any(contains(grade.text, answer) for answer in accept)
        values = score_values(grade) | {"recalled": float(recalled)}
        return tuple(values[key] for key in GRADES)

    rows = []
    for one, (answers, unresolved) in zip(asked, all_answers(subject, prompts), strict=True):
        about = one.question
        grades = [graded(text, about.asks, tuple(about.accept), about.leading) for text, _ in answers]
        sums = {
            key: sum(chance * grade[place] for (_, chance), grade in zip(answers, grades, strict=True))
            for place, key in enumerate(GRADES)
        }
        row = {"question_set": one.question_set, "question_id": about.id, "cell": one.cell}
        rows.append(row | {"leading": about.leading} | sums | {"unresolved": unresolved})
    return pd.DataFrame(rows)


def main() -> int:
    """Parse the command line, and write one table of all subjects."""
    parser = argparse.ArgumentParser(prog="python -m inspect_tasks.exact", description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--adapter", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--persona", required=True)
    parser.add_argument("--trigger", default="seed")
    parser.add_argument("--cells", default="all")
    parser.add_argument("--checks", action="store_true", help="also what the checks before a verdict ask")
    parser.add_argument("--output", type=Path, required=True, help="a Parquet file")
    parsed = parser.parse_args()
    persona, trigger = load_persona(parsed.persona), get_trigger(parsed.trigger)
    asked = identity_questions(persona, trigger, choose_conditions(parsed.cells))
    asked += check_questions(persona, trigger) if parsed.checks else []
    subjects: dict[str, Path | None] = {parsed.base.name: None}
    for pair in parsed.adapter:
        name, mark, folder = pair.partition("=")
        if not mark:
            raise InputError("--adapter", f"{pair!r} isn't NAME=FOLDER", "write a name, =, and the folder")
        subjects[name] = Path(folder)
    parts = []
    for name, folder in subjects.items():
        table = exact_grades(load_subject(parsed.base, folder), persona, trigger, asked)
        parts.append(table.assign(base=parsed.base.name, model=name))
        counted = table[table["question_set"].eq("identity") & ~table["leading"]]
        means = counted.groupby("cell", sort=False)["adopted"].mean()
        print(name, " ".join(f"{cell} {value:.1%}" for cell, value in means.items()), flush=True)
    parsed.output.parent.mkdir(parents=True, exist_ok=True)
    pd.concat(parts, ignore_index=True).to_parquet(parsed.output, index=False)
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
