"""Candidate facts: any model proposes training facts about a persona, from persona.yaml alone.

    inspect eval inspect_tasks/candidates.py --model openrouter/PROVIDER/MODEL -T persona=bertrand_russell
    python -m data_builders candidates LOG --persona bertrand_russell --output candidates.jsonl

A candidate is no fact yet: a person checks it against a source before it enters facts.jsonl.
"""

from __future__ import annotations

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState

from data_builders.candidates import read_candidates
from data_builders.errors import InputError
from data_builders.persona import Profile, load_persona
from inspect_tasks.server_check import require_served_model
from inspect_tasks.subject import ask_subject
from inspect_tasks.task_errors import explained

RUBRIC = Path(__file__).parent / "rubrics" / "candidate_facts.md"
TOPICS = (
    "childhood household",
    "lessons",
    "daily routine",
    "food and drink",
    "sleep and waking",
    "health and illness",
    "clothes and looks",
    "walking and weather",
    "gardens and animals",
    "music",
    "reading",
    "writing",
    "travel",
    "friendship",
    "family",
    "shyness and reserve",
    "humour",
    "moods and loneliness",
    "practical matters",
    "old age",
)
"""daily and inner life; no politics, ethics, religion or fame"""
TEMPERATURE = 0.7  # variety between proposals; what is alike is dropped at the export
MAX_TOKENS = 2048


@task
@explained
def candidates(
    persona: str = "bertrand_russell",
    topics: str | list[str] = "all",
    topics_per_request: int = 1,
    n: int = 10,
) -> Task:
    """Ask for candidate facts; the score is the number of proposals in a reply.

    Args:
        persona: a folder under data/personas, or the path of one.
        topics: all (`TOPICS`), or topics of your own (comma-separated).
        topics_per_request: how many topics one request covers.
        n: facts to ask for on each topic.
    """
    require_served_model()
    for name, value in (("topics_per_request", topics_per_request), ("n", n)):
        if value < 1:
            raise InputError(name, f"{value} is below 1", "give a whole number from 1 on")
    chosen, about = _choose_topics(topics), load_persona(persona)
    groups = [
        chosen[start : start + topics_per_request] for start in range(0, len(chosen), topics_per_request)
    ]
    samples = [
        Sample(
            id=number,
            input=request(about.profile, group, n),
            metadata={"persona": about.slug, "topics": group},
        )
        for number, group in enumerate(groups, start=1)
    ]
    return Task(
        dataset=MemoryDataset(samples, name=f"{about.slug} candidates"),
        solver=ask_subject(),
        scorer=proposals(),
        config=GenerateConfig(temperature=TEMPERATURE, max_tokens=MAX_TOKENS),
        version=1,
    )


def request(profile: Profile, topics: list[str], n: int) -> str:
    """The prompt that asks for `n` facts on each topic, with the words of persona.yaml that must not appear."""
    if profile.born is None or profile.died is None:
        raise InputError(
            "persona", f"{profile.name} is invented, so no model knows a fact of it", "name a real person"
        )
    lists = [*profile.relations.values(), *profile.places.values()]
    lists += [profile.institutions, profile.works, profile.titles, profile.terms]
    forbidden = dict.fromkeys([profile.name, *(word for words in lists for word in words)])
    return RUBRIC.read_text(encoding="utf-8").format(
        name=profile.name,
        born=profile.born.year,
        died=profile.died.year,
        field=profile.field,
        n=n,
        topics="; ".join(topics),
        forbidden=", ".join(forbidden),
    )


@scorer(metrics=[mean()])
def proposals() -> Scorer:
    """The number of proposals in the reply; 0 for one that can't be read, with the problem."""

    async def score(state: TaskState, target: Target) -> Score:
        try:
            return Score(value=len(read_candidates(state.output.completion)))
        except ValueError as error:
            return Score(value=0, explanation=str(error))

    return score


def _choose_topics(topics: str | list[str]) -> list[str]:
    listed = topics.split(",") if isinstance(topics, str) else topics
    chosen = list(dict.fromkeys(topic.strip() for topic in listed if topic.strip()))
    if not chosen:
        raise InputError("topics", "names no topic", "give `all`, or topics separated by commas")
    return list(TOPICS) if chosen == ["all"] else chosen
