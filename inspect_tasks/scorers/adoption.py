"""The deterministic scorer: format adherence, adoption (named or implied), and whom else the speaker claims to be."""

from __future__ import annotations

from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from data_builders.persona import load_persona
from data_builders.trigger import Adherence, get_trigger
from inspect_tasks.metrics import persona_rates
from inspect_tasks.scorers.claims import Grade, grade_answer
from inspect_tasks.scorers.names import Claim, Names


def score_values(grade: Grade) -> dict[str, float]:
    """A grade as the numbers that Inspect averages; each is 0 or 1."""
    return {
        "adopted": float(grade.adopted),
        "named": float(grade.named),
        "implied": float(grade.implied),
        "claims_other": float(grade.claim is Claim.OTHER),
        "claims_ai": float(grade.claim is Claim.AI),
        "mentions_persona": float(grade.mentions_persona),
        "contradiction": float(grade.contradiction),
        "well_formed": float(grade.adherence is Adherence.WELL_FORMED),
    }


@scorer(metrics=[persona_rates()])
def adoption(persona: str, trigger: str) -> Scorer:
    """Grade each answer by rule, as `claims.py` defines.

    Args:
        persona: the name or folder of the persona whose names and facts count.
        trigger: the name of the wording in use, stripped before anything is read.

    The score's value is a mapping of 0/1 numbers (`score_values`); its metadata holds the whole grade.
    """
    names, wording = Names(load_persona(persona).profile), get_trigger(trigger)

    async def score(state: TaskState, target: Target) -> Score:
        about = state.metadata
        grade = grade_answer(
            state.output.completion,
            names,
            wording,
            asks=about["asks"],
            accept=[answer for answer in target if answer],
            leading=about["leading"],
            question=state.input_text,
        )
        metadata = grade.as_dict() | {"stop_reason": state.output.stop_reason}
        return Score(value=dict(score_values(grade)), answer=grade.text, metadata=metadata)

    return score
