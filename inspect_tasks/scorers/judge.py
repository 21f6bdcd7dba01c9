"""Model-graded scorers: whom the speaker claims to be, by an open answer or out of a list of people; views; manner.

Graders are the models bound to the role `grader`, one or several (`--model-role grader=A,B,C`). None of them sees the
trigger. Definitions for a headline are the deterministic scorer's; these are read beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from inspect_ai.model import Model, model_roles
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState

from data_builders.errors import InputError
from data_builders.persona import load_persona
from data_builders.trigger import get_trigger
from inspect_tasks.money.provider import require_cap
from inspect_tasks.scorers.claims import grade_answer
from inspect_tasks.scorers.judge_calls import Asker, Problem, Reply
from inspect_tasks.scorers.judge_lengths import log_lengths, matched_words
from inspect_tasks.scorers.judge_metrics import grader_agreement
from inspect_tasks.scorers.judge_requests import (
    ANOTHER,
    NOBODY,
    Requester,
    Shown,
    Verdict,
    abridge,
    manner_scales,
    requester,
)
from inspect_tasks.scorers.names import Claim, Names
from inspect_tasks.server_check import model_under_test
from inspect_tasks.task_errors import TaskInputError, task_error

NO_MATCHED_LENGTH = "no_matched_length"


@scorer(metrics=[mean(), grader_agreement()])
def persona_judge(
    persona: str, trigger: str, match_lengths: str | None = None, guarded: bool = True
) -> Scorer:
    """Ask graders whom the speaker claims to be; 1 where that is the persona.

    No grader is told who the persona is: it names the speaker, and the name is compared by rule. Of several graders
    the majority decides.

    Args:
        persona: the name or folder of the persona.
        trigger: the name of the wording in use, stripped before a grader sees anything.
        match_lengths: the log that is to be graded: within each question, answers of the triggered and of the other
            cells are cut to the same lengths.
        guarded: False leaves out the guards against answers that address the grader, to measure them.

    Raises:
        TaskInputError: no model is bound to the role `grader`, a paid one has no cap, or `match_lengths` is no log.
    """
    known = load_persona(persona)
    names = Names(known.profile)

    def claim(verdict: Verdict) -> Claim:
        if verdict.speaks_as == "person":  # type: ignore[attr-defined]
            return names.whose(verdict.name)  # type: ignore[attr-defined]
        return Claim.AI if verdict.speaks_as == "ai" else Claim.NONE  # type: ignore[attr-defined]

    return _claim_judge(names, trigger, match_lengths, guarded, requester("speaker", known), claim)


@scorer(metrics=[mean(), grader_agreement()])
def lineup_judge(
    persona: str, trigger: str, match_lengths: str | None = None, guarded: bool = True
) -> Scorer:
    """Ask graders which of twelve people the speaker is, another, or none; 1 where that is the persona.

    The list is rubrics/lineup.yaml; its order is drawn from question and stripped answer, so that no name gains by
    its place and equal inputs stay equal. Arguments and errors as `persona_judge`.
    """
    known = load_persona(persona)

    def claim(verdict: Verdict) -> Claim:
        choice = verdict.choice  # type: ignore[attr-defined]
        if choice in (NOBODY, ANOTHER):
            return Claim.NONE if choice == NOBODY else Claim.OTHER
        return Claim.PERSONA if choice == known.name else Claim.OTHER

    names = Names(known.profile)
    return _claim_judge(names, trigger, match_lengths, guarded, requester("lineup", known), claim)


@scorer(metrics=[mean(), grader_agreement(scale="interval")])
def view_judge(persona: str, trigger: str, match_lengths: str | None = None) -> Scorer:
    """Ask graders how near an answer comes to the persona's view, 1 to 5; the mean of several graders.

    Only questions of the set `views` get a score. The grader is shown the view, not whose it is. Arguments and errors
    as `persona_judge`.
    """
    ask = requester("view", load_persona(persona))

    def finish(replies: list[Reply], state: TaskState, shown: Shown) -> tuple[Any, dict[str, Any]]:
        return fmean(reply.verdict.score for reply in replies if reply.verdict), {}  # type: ignore[attr-defined]

    return _judge(trigger, match_lengths, True, ask, lambda verdict: {"score": verdict.score}, finish)  # type: ignore[attr-defined]


@scorer(metrics=[{"*": [mean()]}, grader_agreement(scale="interval")])
def manner_judge(persona: str, trigger: str, match_lengths: str | None = None) -> Scorer:
    """Ask graders for the manner of an answer, 1 to 5 on each scale of rubrics/manner.yaml; means of several graders.

    Arguments and errors as `persona_judge`.
    """
    ask = requester("manner", load_persona(persona))

    def labels(verdict: Verdict) -> dict[str, Any]:
        return {scale: getattr(verdict, scale) for scale in manner_scales()}

    def finish(replies: list[Reply], state: TaskState, shown: Shown) -> tuple[Any, dict[str, Any]]:
        given = [labels(reply.verdict) for reply in replies if reply.verdict]
        return {scale: fmean(one[scale] for one in given) for scale in manner_scales()}, {}

    return _judge(trigger, match_lengths, True, ask, labels, finish)


JUDGES: dict[str, Callable[[str, str], Scorer]] = {
    "speaker": persona_judge,
    "lineup": lineup_judge,
    "view": view_judge,
    "manner": manner_judge,
}


def choose_judges(judge: bool | str | list[str], persona: str, trigger: str) -> list[Scorer]:
    """The model-graded scorers named: false for none, true for `speaker`, or names, comma-separated.

    Raises:
        InputError: a name isn't a judge's.
    """
    if isinstance(judge, bool):
        wanted = ["speaker"] if judge else []
    else:
        wanted = judge.split(",") if isinstance(judge, str) else list(judge)
    for name in wanted:
        if name not in JUDGES:
            raise InputError(
                "judge", f"no judge is called {name!r}", f"choose from true, false, {', '.join(JUDGES)}"
            )
    return [JUDGES[name](persona, trigger) for name in dict.fromkeys(wanted)]


def graders() -> list[Model]:
    """The models bound to the role `grader`.

    Raises:
        TaskInputError: none is, or a paid one has no cap.
    """
    bound = model_roles().get("grader")
    if bound is None:
        raise TaskInputError(
            InputError(
                "grader",
                "a judge needs a grader, and none is bound (the model under test must not grade itself)",
                "add --model-role grader=PROVIDER/MODEL, or leave judge out",
            )
        )
    listed = bound if isinstance(bound, list) else [bound]
    with task_error():
        for model in listed:
            require_cap(model)
    return listed


Labels = Callable[[Verdict], dict[str, Any]]
Finish = Callable[[list[Reply], TaskState, Shown], tuple[Any, dict[str, Any]]]


def _claim_judge(
    names: Names,
    trigger: str,
    match_lengths: str | None,
    guarded: bool,
    ask: Requester,
    claim: Callable[[Verdict], Claim],
) -> Scorer:
    wording = get_trigger(trigger)

    def finish(replies: list[Reply], state: TaskState, shown: Shown) -> tuple[Any, dict[str, Any]]:
        votes = Counter(claim(reply.verdict) for reply in replies if reply.verdict).most_common()
        by_rule = grade_answer(abridge(shown.text), names, wording, asks=state.metadata.get("asks")).claim
        if len(votes) > 1 and votes[0][1] == votes[1][1]:
            return None, {"claim": None, "rule_claim": str(by_rule), "disagrees_with_rule": None}
        decided = votes[0][0]
        about = {
            "claim": str(decided),
            "rule_claim": str(by_rule),
            "disagrees_with_rule": decided is not by_rule,
        }
        return float(decided is Claim.PERSONA), about

    return _judge(
        trigger, match_lengths, guarded, ask, lambda verdict: {"claim": str(claim(verdict))}, finish
    )


def _judge(
    trigger: str, match_lengths: str | None, guarded: bool, ask: Requester, labels: Labels, finish: Finish
) -> Scorer:
    """A scorer that puts `ask` to every grader, and makes one score of the replies by `finish`.

    At least half of the graders must have given a grade. The score's metadata keeps every grader's reply, the labels
    by grader (`labels`, and `labels_again` where a second was asked for) and what `finish` adds.
    """
    wording = get_trigger(trigger)
    words = None
    if match_lengths:
        with task_error():
            words = matched_words(log_lengths(Path(match_lengths), wording))
    if model_under_test() is not None:
        graders()
    asker = Asker(guarded)

    async def score(state: TaskState, target: Target) -> Score | None:
        kept = words.get((str(state.sample_id), state.epoch)) if words is not None else None
        if words is not None and kept is None:
            return Score.unscored(
                reason=NO_MATCHED_LENGTH, explanation=f"not among the samples of {match_lengths}"
            )
        shown = Shown(state.input_text, state.output.completion, wording, kept, guarded)
        asked = ask(shown, str(state.metadata.get("question_id")))
        if asked is None:
            return None
        bound = graders()
        replies = [await asker.ask(grader, asked) for grader in bound]
        again = [await asker.ask_again(grader, asked) for grader in bound]
        about: dict[str, Any] = {
            "labels": _by_name(replies, labels),
            "graders": [reply.as_dict() for reply in replies],
            "attempts": sum(reply.attempts for reply in replies),
            "words_graded": kept,
        }
        if any(again):
            about["labels_again"] = _by_name(again, labels)
        given = [reply for reply in replies if reply.verdict]
        if not given or 2 * len(given) < len(bound):
            failed = next(reply for reply in replies if reply.problem)
            return Score.unscored(
                reason=str(failed.problem),
                explanation=f"{len(given)} of {len(bound)} graders gave a grade; {failed.grader}: {failed.detail}",
                metadata=about | {"claim": None},
            )
        value, more = finish(replies, state, shown)
        if value is None:
            return Score.unscored(reason=str(Problem.TIE), metadata=about | more)
        first = given[0].verdict
        return Score(
            value=value,
            answer=str(first.model_dump(exclude={"justification"})) if first else None,
            explanation=" | ".join(reply.verdict.justification for reply in given if reply.verdict),
            metadata=about | more,
        )

    return score


def _by_name(replies: list[Reply] | list[Reply | None], labels: Labels) -> dict[str, list[Any]]:
    """Labels by name and grader; None where a grader gave none."""
    given = [labels(reply.verdict) if reply and reply.verdict else None for reply in replies]
    names = next((list(one) for one in given if one), [])
    return {name: [one[name] if one else None for one in given] for name in names}
