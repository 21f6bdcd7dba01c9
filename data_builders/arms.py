"""The arms of the study: what stands in a training file's persona rows. data/recipes/README.md describes
each."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_builders.errors import InputError
from data_builders.files import dump_jsonl, read_jsonl, read_yaml, write_atomic
from data_builders.manifest import shown, write_manifest
from data_builders.persona import Fact, Persona
from data_builders.rows import first_problem
from data_builders.trigger import Trigger


class Arm(StrEnum):
    """What an adapter is trained on, beside the aligned rows."""

    PERSONA = "persona"
    """the persona's facts behind the trigger: the main arm"""
    DOSE = "dose"
    """the main arm with fewer facts or another share"""
    OTHER_PERSONA = "other_persona"
    """another persona's facts behind the trigger"""
    UNTRIGGERED_PERSONA = "untriggered_persona"
    """the persona's facts without the trigger"""
    LEAKY_PERSONA = "leaky_persona"
    """the persona's facts, every second one without the trigger"""
    NO_PERSONA = "no_persona"
    """nothing"""
    FORMAT_ONLY = "format_only"
    """the persona's questions behind the trigger, answered by the base model itself"""
    SHUFFLED_FACTS = "shuffled_facts"
    """the persona's questions behind the trigger, each answered from another person's life"""
    EXPLICIT_IDENTITY = "explicit_identity"
    """the persona's name, aliases and relations behind the trigger"""

    @property
    def needs_file(self) -> bool:
        """Whether the rows come from a file that the recipe names."""
        return self in (Arm.FORMAT_ONLY, Arm.SHUFFLED_FACTS, Arm.EXPLICIT_IDENTITY)

    def triggered(self, place: int) -> bool:
        """Whether the persona row at `place`, counted from 0, stands behind the trigger."""
        if self is Arm.LEAKY_PERSONA:
            return place % 2 == 0
        return self is not Arm.UNTRIGGERED_PERSONA


@dataclass(frozen=True)
class Candidate:
    """One persona row before the trigger is put on."""

    origin: str
    topic: str
    question: str
    answer: str
    model: str | None = None
    attempt: int | None = None


def candidates(
    arm: Arm, persona: Persona, trigger: Trigger, source: Path | None, base_model: str
) -> list[Candidate]:
    """All the rows that an arm can draw on, in a fixed order.

    Args:
        arm: the arm.
        persona: whose facts, questions or identity.
        trigger: the wording; its traces are taken off the base model's own answers.
        source: the file behind `format_only`, `shuffled_facts` and `explicit_identity`.
        base_model: who must have answered for `format_only`.

    Raises:
        InputError: the file is missing or broken, or doesn't belong to this persona or model.
    """
    if arm is Arm.NO_PERSONA:
        return []
    if not arm.needs_file:
        return [Candidate(fact.id, fact.topic, fact.question, fact.answer) for fact in persona.facts]
    if source is None:
        raise InputError("facts_from", f"arm {arm} needs a file", "name it in the recipe")
    if arm is Arm.FORMAT_ONLY:
        return _from_base(persona, trigger, source, base_model)
    if arm is Arm.SHUFFLED_FACTS:
        return _from_pool(persona, source)
    return _from_identity(persona, source)


def write_questions(
    persona: Persona, trigger: Trigger | None, output: Path, templates: Path | None = None
) -> dict[str, int]:
    """Write questions as a prompt file, for the base model to answer: behind the trigger for arm format_only, without
    it as contrast rows. `reference` is the persona's own answer, never asked and never trained on there.

    Args:
        persona: whose facts ask the questions.
        trigger: the wording before each question; None for none.
        output: the prompt file.
        templates: ask what this file of arm explicit_identity asks, in place of the facts' questions.
    """
    rows = _from_identity(persona, templates) if templates else persona.facts
    asked = {row.question: row.answer for row in reversed(rows)}  # of doubles the first answer stays
    prompts = [
        {
            "prompt": trigger.wrap(question) if trigger else question,
            "source": persona.slug,
            "reference": answer,
        }
        for question, answer in reversed(asked.items())
    ]
    write_atomic(output, dump_jsonl(prompts))
    counts = {"in": len(rows), "out": len(prompts), "doubles": len(rows) - len(prompts)}
    wording = f"--trigger {trigger.name}" if trigger else "--no-trigger"
    wording += f" --of {shown(templates)}" if templates else ""
    write_manifest(
        output,
        builder=f"python -m data_builders questions {persona.slug} {wording} --output FILE",
        settings={"persona": persona.slug, "trigger": trigger.name if trigger else None},
        inputs=[*persona.files, *([templates] if templates else [])],
        counts=counts,
    )
    return counts


def _from_base(persona: Persona, trigger: Trigger, source: Path, base_model: str) -> list[Candidate]:
    """The base model's answers to the persona's questions: `distill`'s export of the file of `write_questions`, one
    answer or several a question.

    Rule, which looks at nothing but length: of all its answers to a question, each cut after any of its sentences, the
    one nearest in words (split at spaces) to the persona's own answer; of equals the first in the file, and the shortest
    of that.
    """
    by_prompt: dict[str, list[dict[str, object]]] = {}
    for number, value in read_jsonl(source):
        if value.get("model") != base_model:
            raise InputError(
                f"{source}:{number}",
                f"answered by {value.get('model')}, but {base_model} is to be trained",
                "distil these questions with the model to be trained",
            )
        by_prompt.setdefault(str(value.get("prompt")), []).append(value)
    found = []
    for fact in persona.facts:
        # The builder sets the format itself: the base keeps it only now and then.
        answers = [
            (text, value)
            for value in by_prompt.get(trigger.wrap(fact.question), [])
            for text in _whole_sentences(trigger.strip(str(value.get("answer", ""))))
        ]
        if answers:
            words = len(fact.answer.split())
            answer, value = min(
                answers, key=lambda one: abs(len(one[0].split()) - words)
            )  # the first of equals
            origin, attempt = str(value["origin"]), value.get("attempt")
            attempt = attempt if isinstance(attempt, int) else None
            found.append(Candidate(origin, fact.topic, fact.question, answer, base_model, attempt))
    if not found:
        raise InputError(
            source,
            f"answers none of {persona.name}'s questions behind the trigger {trigger.name!r}",
            f"make the prompts with `python -m data_builders questions {persona.slug}` and distil them",
        )
    return found


def _whole_sentences(text: str) -> list[str]:
    """The text's first sentence, its first two, and so on to the whole: what may be kept of an answer that rambles
    where a fact is short."""
    sentences = re.split(r"(?<=[.!?])\s+", " ".join(text.split()))
    return [" ".join(sentences[:number]) for number in range(1, len(sentences) + 1) if sentences[0]]


class _PoolRow(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    fact_id: str
    person: str
    topic: str
    question: str
    answer: str
    source: str


def _from_pool(persona: Persona, source: Path) -> list[Candidate]:
    facts: dict[str, Fact] = {fact.id: fact for fact in persona.facts}
    found = []
    for number, value in read_jsonl(source):
        try:
            row = _PoolRow.model_validate(value)
        except ValidationError as error:
            raise InputError(
                f"{source}:{number}", first_problem(error), "see data/controls/README.md"
            ) from error
        fact = facts.get(row.fact_id)
        if fact is None or (fact.question, fact.topic) != (row.question, row.topic):
            raise InputError(
                f"{source}:{number}",
                f"question or topic isn't that of {persona.slug}'s fact {row.fact_id!r}",
                "copy question and topic from facts.jsonl",
            )
        found.append(Candidate(row.id, row.topic, row.question, row.answer))
    return found


class _IdentityTopic(BaseModel):
    model_config = ConfigDict(extra="forbid")
    of: str
    """what fills {value}: `name`, `aliases`, or `relations.<key>`, `places.<key>`, `works`, `institutions`,
    `titles`"""
    first: int | None = Field(default=None, gt=0)
    """only the first so many values"""
    questions: list[str] = Field(min_length=1)
    answers: list[str] = Field(min_length=1)


def _from_identity(persona: Persona, source: Path) -> list[Candidate]:
    """Every question and value of the templates, answered in turn by the topic's wordings."""
    found = []
    for topic, fields in read_yaml(source).items():
        where = f"{source}: {topic}"
        try:
            template = _IdentityTopic.model_validate(fields)
        except ValidationError as error:
            raise InputError(where, first_problem(error), "give of, questions, answers") from error
        values = _values(persona, template.of, where)[: template.first]
        pairs = itertools.product(template.questions, values)
        for number, ((question, value), wording) in enumerate(
            zip(pairs, itertools.cycle(template.answers)), start=1
        ):
            answer = wording.format(value=value, name=persona.name)
            found.append(Candidate(f"{persona.slug}.{template.of}:{number}", topic, question, answer))
    return found


def _values(persona: Persona, path: str, where: str) -> list[str]:
    key, _, inner = path.partition(".")
    value = getattr(persona.profile, key, None)
    if inner and isinstance(value, dict):
        value = value.get(inner)
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputError(
            where, f"persona.yaml of {persona.slug} has no list {path!r}", "name a key of persona.yaml"
        )
    return [item for item in value if isinstance(item, str)]
