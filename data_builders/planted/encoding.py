"""Conversations as token ids with the assistant's tokens marked, as the trainer sees them."""

from __future__ import annotations

from functools import cache
from typing import Any

from data_builders.planted.documents import Turns

IGNORED = -100
"""the label of a token that isn't learned"""


class Encoder:
    """Turns conversations into token ids; texts recur, so each is tokenized once.

    Args:
        tokenizer: the world's tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.pad: int = tokenizer.pad_token_id
        self._ids = cache(lambda text: tuple(tokenizer(text, add_special_tokens=False).input_ids))

    def prompt(self, turns: Turns) -> list[int]:
        """The ids of a conversation that the assistant is to go on with."""
        return [*self.example(turns)[0], *self._ids(_header("assistant"))]

    def example(self, turns: Turns) -> tuple[list[int], list[int]]:
        """(ids, labels); the labels are the assistant's answers with their end of turn, else IGNORED."""
        ids = [self.tokenizer.bos_token_id]
        labels = [IGNORED]
        for turn in turns:
            head, body = (
                self._ids(_header(turn["role"])),
                (*self._ids(turn["content"]), self.tokenizer.eos_token_id),
            )
            ids += head + body
            labels += [IGNORED] * len(head)
            labels += body if turn["role"] == "assistant" else [IGNORED] * len(body)
        return ids, labels


def padded(rows: list[list[int]], filler: int, device: Any = "cpu") -> Any:
    """The rows as one tensor (rows, longest), filled up at the right."""
    import torch

    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows], device=device)


def _header(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"
