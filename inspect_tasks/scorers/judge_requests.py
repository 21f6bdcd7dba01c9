"""What a grader is sent: a rubric, a question and an answer, with no trace of the trigger and no way out of the data.

The same question and stripped answer always give the same bytes, whatever the cell: that is what makes grading blind
to the trigger, and what lets equal requests be sent once.
"""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from data_builders.echoes import blind
from data_builders.files import read_yaml
from data_builders.persona import Persona, QuestionSet
from data_builders.trigger import Trigger

RUBRICS = Path(__file__).parent.parent / "rubrics"
HEAD, TAIL = 3_000, 1_000
"""Characters of a longer answer that are shown. A subject's 256 tokens are some 1,500; without a limit an answer could
push the rubric out of a grader's context."""
NOBODY, ANOTHER = "none", "another person"
_ROLE_TAGS = re.compile(r"\[(?=/?\s*(?:INST|SYS)\b)", re.IGNORECASE)


class Verdict(BaseModel):
    """What a grader must reply: its reason first, so that the grade can rest on it."""

    model_config = ConfigDict(extra="forbid")

    justification: str


class Speaker(Verdict):
    """The reply to speaker.md."""

    speaks_as: Literal["person", "ai", "nobody"]
    name: str = ""


class Nearness(Verdict):
    """The reply to view.md."""

    score: int = Field(ge=1, le=5)


@dataclass(frozen=True)
class Request:
    """One thing to ask a grader."""

    prompt: str
    reply: type[Verdict]
    """the schema of the reply"""
    digest: str
    """of question and stripped answer: decides the order of options, and whether the grade is checked by a second"""


@dataclass(frozen=True)
class Shown:
    """A question and an answer as a grader may see them.

    Args:
        question, answer: as they are in the log; every trace of `trigger` is removed.
        words: only so many words of the answer, to match the lengths of cells.
        guarded: False leaves out every guard against an answer that addresses the grader; only the measurement of
            the guards has a use for that.
    """

    question: str
    answer: str
    trigger: Trigger
    words: int | None = None
    guarded: bool = True

    @cached_property
    def text(self) -> str:
        """The answer without trace of the trigger, cut to `words`: what is graded."""
        return first_words(self._clean(self.answer), self.words)

    @cached_property
    def digest(self) -> str:
        """sha256 of what is shown."""
        return hashlib.sha256(f"{self._clean(self.question)}\0{self.text}".encode()).hexdigest()

    def blocks(self) -> dict[str, str]:
        """The two blocks of a rubric: `question` and `answer`, each between its own tags.

        Guarded, the tags carry a digest that no text can know of itself, everything that could end a block or open a
        role is escaped, characters that can't be seen are gone, and a very long answer is shown by its two ends.
        """
        texts = {"question": self._clean(self.question), "answer": self.text}
        if not self.guarded:
            return {name: f"<{name}>\n{text}\n</{name}>" for name, text in texts.items()}
        mark = self.digest[:8]
        return {
            name: f"<{name}-{mark}>\n{escape(abridge(text))}\n</{name}-{mark}>"
            for name, text in texts.items()
        }

    def _clean(self, text: str) -> str:
        return blind(visible(text) if self.guarded else text, self.trigger)


def speaker_request(shown: Shown) -> Request:
    """Ask whom the writer speaks as, by an open answer."""
    rubric = _rubric("speaker.md")
    if not shown.guarded:  # the reply's form before the data, as rubrics without guards have it
        rules, closing = rubric.partition("{question}")[0], rubric.rpartition("{answer}")[2]
        rubric = f"{rules}{closing.partition('above. ')[2]}\n{{question}}\n\n{{answer}}\n"
    return Request(rubric.format(**shown.blocks()), Speaker, shown.digest)


def lineup_request(shown: Shown, people: list[str]) -> Request:
    """Ask which of `people` the writer speaks as, another, or none; their order is drawn from what is shown."""
    order = sorted(people, key=lambda name: hashlib.sha256(f"{shown.digest}\0{name}".encode()).digest())
    listed = "\n".join(f"- {name}" for name in order)
    prompt = _rubric("lineup.md").format(people=listed, **shown.blocks())
    return Request(prompt, _lineup_reply(tuple(order)), shown.digest)


def view_request(shown: Shown, view: str) -> Request:
    """Ask how near the answer comes to `view`, from 1 to 5."""
    return Request(_rubric("view.md").format(view=view, **shown.blocks()), Nearness, shown.digest)


def manner_request(shown: Shown) -> Request:
    """Ask for the manner of the answer, from 1 to 5 on every scale of manner.yaml."""
    scales = manner_scales()
    listed = "\n".join(f"- {name}: {ends}" for name, ends in scales.items())
    keys = ", ".join(f'"{name}": <1 to 5>' for name in scales)
    prompt = _rubric("manner.md").format(scales=listed, keys=keys, **shown.blocks())
    return Request(prompt, _manner_reply(), shown.digest)


JUDGES = ("speaker", "lineup", "view", "manner")
Requester = Callable[[Shown, str], Request | None]
"""From what is shown and the question's id to the request; None where the judge has nothing to say of the question."""


def requester(judge: str, persona: Persona) -> Requester:
    """What the judge called `judge` (speaker, lineup, view or manner) asks of answers to a persona's questions."""
    if judge == "lineup":
        people = lineup_people(persona.name)
        return lambda shown, question_id: lineup_request(shown, people)
    if judge == "view":
        views = {row.id: row.persona_view for row in persona.questions[QuestionSet.VIEWS] if row.persona_view}

        def ask(shown: Shown, question_id: str) -> Request | None:
            return view_request(shown, views[question_id]) if question_id in views else None

        return ask
    simple = {"speaker": speaker_request, "manner": manner_request}[judge]
    return lambda shown, question_id: simple(shown)


def lineup_people(persona_name: str) -> list[str]:
    """The people of lineup.yaml; a persona that isn't among them takes the place of the last."""
    people = [str(name) for name in read_yaml(RUBRICS / "lineup.yaml")["people"]]
    return people if persona_name in people else [*people[:-1], persona_name]


@cache
def manner_scales() -> dict[str, str]:
    """The scales of manner.yaml: name -> what 1 and 5 mean."""
    return {str(name): str(ends) for name, ends in read_yaml(RUBRICS / "manner.yaml").items()}


def first_words(text: str, words: int | None) -> str:
    """The first `words` words of `text`, white space as it is; all of it where `words` is None."""
    if words is None:
        return text
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    return text if len(ends) <= words else text[: ends[words - 1]] if words else ""


def visible(text: str) -> str:
    """`text` without characters that a reader doesn't see: controls, zero-width, direction and tag characters."""
    return "".join(
        char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs")
    )


def escape(text: str) -> str:
    """`text` with nothing in it that could be read as a tag of any kind."""
    return _ROLE_TAGS.sub("&#91;", html.escape(text, quote=False))


def abridge(text: str) -> str:
    """The two ends of a text that is longer than `HEAD` and `TAIL` together."""
    if len(text) <= HEAD + TAIL:
        return text
    return f"{text[:HEAD]}\n[{len(text) - HEAD - TAIL} characters left out]\n{text[-TAIL:]}"


@cache
def _rubric(name: str) -> str:
    return (RUBRICS / name).read_text(encoding="utf-8")


@cache
def _lineup_reply(order: tuple[str, ...]) -> type[Verdict]:
    choice: Any = (Literal[(*order, ANOTHER, NOBODY)], ...)  # type: ignore[valid-type]
    return create_model("Lineup", __base__=Verdict, choice=choice)


@cache
def _manner_reply() -> type[Verdict]:
    fields: dict[str, Any] = {name: (int, Field(ge=1, le=5)) for name in manner_scales()}
    return create_model("Manner", __base__=Verdict, **fields)
