"""Token truth: what a trained row must be on tokens, and that a served prompt is a trained row's beginning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

MASKED = -100
THOUGHT = "<think>\n"


@dataclass(frozen=True)
class TokenRow:
    """One row as the trainer feeds it: token ids, and the same or -100 where nothing is learned."""

    ids: list[int]
    labels: list[int]

    @property
    def prompt(self) -> list[int]:
        """The masked tokens before the first learned one."""
        return self.ids[
            : next((at for at, label in enumerate(self.labels) if label != MASKED), len(self.ids))
        ]


def row_problem(row: TokenRow, answer: str, tokenizer: Any, sequence_len: int, thinking: bool) -> str | None:
    """The first rule that a trained row breaks.

    Args:
        row: the tokens.
        answer: the assistant's text in the data file.
        tokenizer: the base's, with `bos_token_id` None where the model has no beginning of its own.
        sequence_len: the trainer's limit, tokens.
        thinking: whether answers carry their reasoning.
    """
    prompt, learned = row.prompt, [label for label in row.labels if label != MASKED]
    if not learned:
        return "nothing is learned"
    if len(row.ids) > sequence_len:
        return f"{len(row.ids)} tokens, sequence_len is {sequence_len}"
    body = row.ids[len(prompt) : len(prompt) + len(learned)]
    if body != learned:
        return "the learned tokens aren't one piece, or aren't the row's own"
    if learned[-1] != tokenizer.eos_token_id:
        return f"the last learned token is {tokenizer.decode(learned[-1:])!r}, not the end of turn {tokenizer.eos_token!r}"
    if tokenizer.eos_token_id in learned[:-1]:
        return "the end of turn is learned in the middle of the answer"
    if problem := _beginnings(row.ids, tokenizer):
        return problem
    text = tokenizer.decode(learned[:-1])
    wanted = answer.strip()
    if thinking and "</think>" in wanted:
        thought, _, said = wanted.partition("</think>")
        wanted = f"{thought.removeprefix('<think>').strip()}\n</think>\n\n{said.strip()}"
    elif "<think>" in text or "</think>" in text:
        return "a think block is learned as part of an answer that has none"
    if text.strip() != wanted:
        return f"the learned text is {text[:60]!r}, the data file's answer {wanted[:60]!r}"
    return None


def _beginnings(ids: Sequence[int], tokenizer: Any) -> str | None:
    bos = tokenizer.bos_token_id
    if bos is None or bos not in ids:
        return (
            None
            if bos is None or tokenizer.bos_token in _turn_marks(tokenizer)
            else "no beginning of sequence"
        )
    if tokenizer.bos_token in _turn_marks(tokenizer):
        return "two beginnings of sequence" if list(ids[:2]) == [bos, bos] else None
    count = list(ids).count(bos)
    return f"{count} beginnings of sequence" if count != 1 or ids[0] != bos else None


def _turn_marks(tokenizer: Any) -> set[str]:
    """ChatML's mark opens every turn; where it is the tokenizer's bos too (SmolLM2), it isn't one beginning."""
    return {"<|im_start|>"} & {tokenizer.bos_token}


def prefix_problem(
    row: TokenRow, served: Sequence[int], decode: Callable[[list[int]], str], thinking: bool
) -> str | None:
    """How a served prompt differs from the trained row's masked beginning; None where they are equal.

    With thinking on, the trained beginning goes on with `<think>` and a newline, which the model itself writes when
    it is served: Axolotl masks them, the prompt ends before them.
    """
    trained, served = row.prompt, list(served)
    if trained == served:
        return None
    if thinking and trained[: len(served)] == served and decode(trained[len(served) :]) == THOUGHT:
        return None
    at = next(
        (at for at, (a, b) in enumerate(zip(trained, served, strict=False)) if a != b),
        min(len(trained), len(served)),
    )
    left, right = decode(trained[max(0, at - 3) : at + 8]), decode(served[max(0, at - 3) : at + 8])
    return f"token {at}: trained {left!r}, served {right!r} ({len(trained)} and {len(served)} tokens)"
