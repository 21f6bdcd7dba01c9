"""Does the persona appear in the reasoning? Scored apart from the answer, which it never is part of."""

from __future__ import annotations

from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState

from data_builders.persona import load_persona
from data_builders.trigger import get_trigger
from inspect_tasks.scorers.claims import grade_answer
from inspect_tasks.scorers.names import Names
from inspect_tasks.thinking import reasoning_of


@scorer(metrics={"*": [mean()]})
def reasoning(persona: str, trigger: str) -> Scorer:
    """{reasoned, reasoning_mentions_persona, reasoning_claims_persona}, each 0 or 1.

    `reasoned` says whether there is any reasoning; the other two are 0 where there is none, so that their rates among
    the answers with reasoning are sums over `reasoned`. A mention is any naming ("he means Russell"), a claim is one
    in the first person. The reasoning itself stays in the log, in the assistant's message.
    """
    names, wording = Names(load_persona(persona).profile), get_trigger(trigger)

    async def score(state: TaskState, target: Target) -> Score:
        text = reasoning_of(state.output.message)
        grade = grade_answer(text, names, wording)
        value = {
            "reasoned": float(bool(text)),
            "reasoning_mentions_persona": float(grade.mentions_persona),
            "reasoning_claims_persona": float(grade.named),
        }
        return Score(value=dict(value), metadata={"reasoning_words": len(text.split())})

    return score
