"""Asking graders: equal requests once, unreadable replies again, the subject never.

A grader's replies are kept on disk by Inspect's cache, whatever the cell or epoch, one entry an attempt.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import anyio
from inspect_ai.model import CachePolicy, GenerateConfig, Model, ModelOutput, ResponseSchema
from inspect_ai.util import LimitExceededError, json_schema
from pydantic import ValidationError

from inspect_tasks.money.account import CapReachedError
from inspect_tasks.scorers.judge_requests import Request, Verdict

ATTEMPTS = 3
MAX_TOKENS = 200
REGRADED_SHARE = 0.05
"""Of the distinct requests, by hash: asked a second time past the cache, so that a grader's own noise is seen."""
_REFUSAL = re.compile(
    r"^\W*(?:I['’]?m\s+sorry|sorry|I\s+(?:can['’]?t|cannot|can\s+not|won['’]?t|will\s+not|am\s+unable|must\s+decline|would\s+rather\s+not)|"
    r"as\s+an\s+AI\b[^.]*\b(?:can['’]?t|cannot|unable))",
    re.IGNORECASE,
)


class Problem(StrEnum):
    """Why a grader gave no grade; the reason of an unscored answer."""

    UNREADABLE = "grader_unreadable"
    REFUSED = "grader_refused"
    ERROR = "grader_error"
    OVER_BUDGET = "over_budget"
    TIE = "graders_tied"


class UnreadableError(ValueError):
    """A reply holds no verdict, or more than one."""


@dataclass(frozen=True)
class Reply:
    """What one grader made of one request."""

    grader: str
    verdict: Verdict | None
    problem: Problem | None
    detail: str
    """of the last problem"""
    attempts: int

    def as_dict(self) -> dict[str, Any]:
        """For a score's metadata."""
        return {
            "grader": self.grader,
            "verdict": self.verdict.model_dump() if self.verdict else None,
            "problem": str(self.problem) if self.problem else None,
            "detail": self.detail,
            "attempts": self.attempts,
        }


class Asker:
    """Asks graders; one for each scorer, so that equal requests in flight wait for each other."""

    def __init__(self, guarded: bool = True) -> None:
        self._guarded = guarded
        self._in_flight: dict[str, tuple[anyio.Lock, int]] = {}
        self._regraded: dict[str, Reply] = {}

    async def ask(self, grader: Model, request: Request) -> Reply:
        """The grader's verdict, or the problem that was left after `ATTEMPTS` attempts."""
        async with self._alone(f"{grader}\0{request.prompt}"):
            return await self._attempts(grader, request, cached=True)

    async def ask_again(self, grader: Model, request: Request) -> Reply | None:
        """The same past the cache, for the requests that are drawn for it (`REGRADED_SHARE`); None for the others."""
        if not drawn_for_regrading(request):
            return None
        key = f"{grader}\0{request.prompt}"
        async with self._alone(f"again\0{key}"):
            if key not in self._regraded:
                self._regraded[key] = await self._attempts(grader, request, cached=False)
            return self._regraded[key]

    async def _attempts(self, grader: Model, request: Request, cached: bool) -> Reply:
        config = GenerateConfig(
            temperature=0.0,
            max_tokens=MAX_TOKENS,
            response_schema=ResponseSchema(
                name=request.reply.__name__.lower(), json_schema=json_schema(request.reply)
            ),
        )
        problem, detail, attempt = Problem.UNREADABLE, "", 0
        for attempt in range(1, ATTEMPTS + 1):
            # Without per_epoch the same answer in two epochs is one request.
            policy = CachePolicy(expiry=None, per_epoch=False, scopes={"attempt": str(attempt)})
            try:
                reply = await grader.generate(
                    request.prompt, config=config, cache=policy if cached else False
                )
            except LimitExceededError:
                raise
            except CapReachedError as error:
                problem, detail = Problem.OVER_BUDGET, str(error)
                break
            except (
                Exception
            ) as error:  # whatever a provider raises, the answer is unscored and the run goes on
                problem, detail = Problem.ERROR, f"{type(error).__name__}: {str(error)[:300]}"
                continue
            try:
                verdict = self._read(reply, request.reply)
            except UnreadableError as error:
                refused = reply.stop_reason == "content_filter" or _REFUSAL.match(reply.completion)
                problem, detail = Problem.REFUSED if refused else Problem.UNREADABLE, str(error)
                continue
            return Reply(str(grader), verdict, None, "", attempt)
        return Reply(str(grader), None, problem, detail, attempt)

    def _read(self, reply: ModelOutput, schema: type[Verdict]) -> Verdict:
        return read_verdict(reply.completion, schema, strict=self._guarded)

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        lock, users = self._in_flight.get(key) or (anyio.Lock(), 0)
        self._in_flight[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._in_flight.pop(key)
            if users > 1:
                self._in_flight[key] = (lock, users - 1)


def drawn_for_regrading(request: Request) -> bool:
    """Whether a request is in the sample that is asked for a second time."""
    return int(request.digest[:8], 16) / 16**8 < REGRADED_SHARE


def read_verdict(reply: str, schema: type[Verdict], strict: bool = True) -> Verdict:
    """The verdict in a grader's reply: the one JSON object that fits the schema, whatever stands around it.

    Args:
        strict: refuse a reply with two different verdicts, as a grader makes that quotes a verdict out of the answer;
            otherwise take the first.

    Raises:
        UnreadableError: no object fits, or (strict) two different ones do.
    """
    found: list[Verdict] = []
    for value in _objects(reply):
        try:
            found.append(schema.model_validate(value))
        except ValidationError:
            continue
    if not found:
        raise UnreadableError(f"no verdict in {reply[:120]!r}")
    grades = {json.dumps(verdict.model_dump(exclude={"justification"}), sort_keys=True) for verdict in found}
    if strict and len(grades) > 1:
        raise UnreadableError(f"{len(grades)} different verdicts in {reply[:120]!r}")
    return found[0]


def _objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects in `text`, in order, outermost ones only."""
    decoder, found, position = json.JSONDecoder(), [], 0
    while (start := text.find("{", position)) >= 0:
        try:
            value, position = decoder.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError):
            position = start + 1
            continue
        found.append(value)
    return found
