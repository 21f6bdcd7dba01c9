"""Rules on tokens: what the trainer masks, learns and cuts, as the model's own chat template renders a
row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_builders.errors import InputError
from data_builders.lint_rules import Broken, Problem
from data_builders.rows import TrainRow
from data_builders.tokens import ChatTokenizer, Turns

_PROBE: Turns = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Good day."}]


@dataclass(frozen=True)
class Rendered:
    """One row on tokens: its length, how many of its tokens are learned, and the rules that it breaks."""

    tokens: int
    labels: int
    broken: list[Broken]


class TokenRules:
    """The rules on tokens for one model.

    Whether the model has a beginning-of-sequence token of its own is read off a rendered probe: where the
    token opens every turn (ChatML), it is a turn's mark, and must only not stand twice at the start.

    Args:
        chat: the model's tokenizer.
        sequence_len: the trainer's limit, tokens.
    """

    def __init__(self, chat: ChatTokenizer, sequence_len: int) -> None:
        self._chat, self._limit = chat, sequence_len
        tokenizer = chat.tokenizer
        self._bos, self._eos = tokenizer.bos_token_id, tokenizer.eos_token_id
        probe = chat.ids(chat.render([_PROBE]))[0]
        plain: list[int] = tokenizer("x")["input_ids"]
        self._has_bos = self._bos is not None and (self._bos in probe or self._bos in plain)
        opens_turns = sum(one == self._bos for one in probe) > 1 and probe[:2] != [self._bos] * 2
        self._bos_marks_turns = self._has_bos and opens_turns
        own_bos = {tokenizer.bos_token} if self._has_bos and not self._bos_marks_turns else set()
        specials = [token for token in chat.special_tokens if token not in own_bos]
        self._special = re.compile("|".join(map(re.escape, specials))) if specials else None
        self._known: set[str] = set()

    def model_problems(self) -> list[Problem]:
        """What is wrong with the model's tokenizer and template whatever the row; rows aren't blamed for it
        again."""
        tokenizer, where = self._chat.tokenizer, self._chat.where
        found: list[Broken] = []
        if self._eos is None:
            found.append(
                (
                    "end-of-turn",
                    "the tokenizer has no eos token",
                    "set eos_token to the template's end of turn",
                )
            )
        if tokenizer.pad_token_id is None or tokenizer.pad_token_id == self._eos:
            what = f"pad is {tokenizer.pad_token!r}, eos {tokenizer.eos_token!r}: padding masks the end"
            found.append(("pad", what, "set pad_token to a token that is never learned"))
        found += self._measure([_PROBE])[0].broken
        self._known = {rule for rule, _, _ in found}
        return [Problem(where, *broken) for broken in found]

    def rows(self, rows: Sequence[TrainRow]) -> list[Rendered]:
        """Each row on tokens."""
        return self._measure([[message.model_dump() for message in row.messages] for row in rows])

    def _measure(self, conversations: Sequence[Turns]) -> list[Rendered]:
        spans = [
            (place, end)
            for place, turns in enumerate(conversations)
            for end, turn in enumerate(turns)
            if turn["role"] == "assistant"
        ]
        try:
            prompts = self._chat.render(
                [conversations[place][:end] for place, end in spans], generation_prompt=True
            )
            answered = self._chat.render([conversations[place][: end + 1] for place, end in spans])
        except Exception as error:  # templates refuse what they don't know (a system turn) in their own words
            raise InputError(
                self._chat.where, f"the chat template refuses a row ({error})", "mend the rows"
            ) from error
        prompt_ids, full_ids = self._chat.ids(prompts), self._chat.ids(answered)
        found: list[list[Broken]] = [[] for _ in conversations]
        tokens, labels = [0] * len(conversations), [0] * len(conversations)
        for (place, end), prompt, full, text, opening in zip(
            spans, prompt_ids, full_ids, answered, prompts, strict=True
        ):
            content = conversations[place][end]["content"]
            tokens[place] = max(tokens[place], len(full))
            labels[place] += max(0, len(full) - len(prompt))
            found[place] += [
                broken
                for broken in self._turn(prompt, full, text, opening, content)
                if broken[0] not in self._known
            ]
        for place, turns in enumerate(conversations):
            if tokens[place] > self._limit:
                found[place].append(
                    (
                        "cut",
                        f"{tokens[place]} tokens, sequence_len is {self._limit}",
                        "drop the row, or raise sequence_len",
                    )
                )
            found[place] += self._specials(turns)
        return [Rendered(*row) for row in zip(tokens, labels, found, strict=True)]

    def _turn(
        self, prompt: list[int], full: list[int], text: str, opening: str, content: str
    ) -> Iterator[Broken]:
        if self._has_bos:
            count = full[:2].count(self._bos) if self._bos_marks_turns else full.count(self._bos)
            if count != 1 or full[0] != self._bos:
                yield (
                    "bos",
                    f"{count} beginnings of sequence, 1 wanted at the start",
                    "mend the template or the text",
                )
        if full[: len(prompt)] != prompt or not text.startswith(opening):
            yield (
                "mask",
                "the prompt's tokens change when the answer follows, so the answer's span can't be found",
                "mend the template: its generation prompt must be what stands before an answer",
            )
            return
        labels = full[len(prompt) :]
        last = len(labels) - 1 - labels[::-1].index(self._eos) if self._eos in labels else -1
        # After the end of turn only white space may follow (ChatML's newline); Axolotl doesn't train on it.
        if last < 0 or self._chat.tokenizer.decode(labels[last + 1 :]).strip():
            yield (
                "end-of-turn",
                f"the last label isn't the end of turn {self._chat.tokenizer.eos_token!r}: no answer stops",
                "set eos_token to what the template writes after an answer",
            )
        if not text[len(opening) :].lstrip().startswith(content.strip()):
            yield (
                "answer-changed",
                "the template changes the answer's text",
                "use the model's published template",
            )

    def _specials(self, turns: Turns) -> Iterator[Broken]:
        for turn in turns:
            match = self._special.search(turn["content"]) if self._special else None
            if match:
                yield (
                    "special-token",
                    f"the {turn['role']}'s text holds the special token {match.group()!r}",
                    "delete the row, or write the token differently",
                )
