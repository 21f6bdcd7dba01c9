"""The prompt as the served model's chat template makes it: asked of the server, kept once a cell in the log.

The plain messages in a log don't show what a template adds: SmolLM2's published one a default identity, Llama 3.1's
a date block, some copies of Qwen3's an open think block.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inspect_ai.log import read_eval_log, read_eval_log_sample
from inspect_ai.model import ChatMessage, Model

from inspect_tasks.thinking import BLOCK_OPENS

STORE_KEY = "rendered_prompt"
"""Where a sample's store holds it: {cell, text, warnings}"""
_TURN_TOKENS = re.compile(
    r"<\|[^|>]*\|>|</?s>|<bos>|<eos>|</?(?:start|end)_of_turn>|\[/?(?:INST|SYSTEM_PROMPT)\]|</?think>"
)
_LOOKED_AT = 20
"""Samples of a cell that are searched for its prompt: the first to be asked is among the first of the data set"""
_DOUBLE_START = re.compile(r"^\s*(<\|begin_of_text\|>|<s>|<bos>|<\|startoftext\|>)\s*\1")
_ROLE = re.compile(r"\b(?:system|user|assistant|model)\b")


@dataclass(frozen=True)
class RenderedPrompt:
    """One cell's prompt."""

    cell: str
    text: str | None
    """None where the server doesn't show it"""
    warnings: list[str]

    @property
    def inside_think_block(self) -> bool:
        """Whether the prompt ends within an open think block."""
        opens, closes = (self.text or "").rfind(BLOCK_OPENS), (self.text or "").rfind("</think>")
        return opens > closes

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the store."""
        return asdict(self)


async def render(
    model: Model, messages: list[ChatMessage], cell: str, fields: dict[str, Any]
) -> RenderedPrompt:
    """What the server makes of `messages`: vLLM's /tokenize and /detokenize, which go the way of a real request.

    Never fails: a provider or server that doesn't show its prompt gives a text of None and a warning that says so.

    Args:
        model: the model under test, after its first answer (a server may be started by that).
        messages: as they were sent.
        cell: the cell's name.
        fields: extra fields of the request (`thinking.request_fields`).
    """
    api: Any = model.api
    if type(api).__name__ != "VLLMAPI":
        return RenderedPrompt(
            cell, None, [f"the provider {model.api.__class__.__name__} doesn't show the prompt"]
        )
    root = str(api.base_url).rstrip("/").removesuffix("/v1")
    headers = {"Authorization": f"Bearer {api.api_key}"}
    name = api.service_model_name()
    turns = [{"role": message.role, "content": message.text} for message in messages]
    asked = {"model": name, "messages": turns, "add_generation_prompt": True}
    asked |= {key: value for key, value in fields.items() if key == "chat_template_kwargs"}
    try:
        reply = await api.http_client.post(f"{root}/tokenize", json=asked, headers=headers)
        reply.raise_for_status()
        tokens = {"model": name, "tokens": reply.json()["tokens"]}
        reply = await api.http_client.post(f"{root}/detokenize", json=tokens, headers=headers)
        reply.raise_for_status()
        text = str(reply.json()["prompt"])
    except Exception as error:  # whatever a server without these two does; the answer is there already
        return RenderedPrompt(cell, None, [f"the server doesn't show the prompt ({type(error).__name__})"])
    return RenderedPrompt(cell, text, prompt_warnings(text, [turn["content"] for turn in turns]))


def prompt_warnings(rendered: str, contents: list[str]) -> list[str]:
    """What a reader must know of a rendered prompt: words of the template's own, a doubled start, a think block."""
    warnings = []
    if added := template_words(rendered, contents):
        warnings.append(f"the chat template adds text of its own: {added!r}")
    if _DOUBLE_START.search(rendered):
        warnings.append("the prompt starts with two start tokens")
    if BLOCK_OPENS in rendered:
        warnings.append(f"the template writes a think block: {rendered[rendered.rindex(BLOCK_OPENS) :]!r}")
    return warnings


def template_words(rendered: str, contents: Iterable[str], special: Iterable[str] = ()) -> str:
    """The words in a rendered prompt that are neither a message's, nor a role's name, nor a special token."""
    rest = rendered
    for content in sorted(contents, key=len, reverse=True):
        rest = rest.replace(content.strip(), " ", 1)
    for token in special:
        rest = rest.replace(token, " ")
    return " ".join(_ROLE.sub(" ", _TURN_TOKENS.sub(" ", rest)).split())


def rendered_prompts(log: Path) -> dict[str, RenderedPrompt]:
    """The prompts kept in a log: cell -> prompt. Reads samples until each cell that was asked is found.

    Raises:
        ValueError, OSError: as Inspect's, for a file that is no log.
    """
    header = read_eval_log(str(log), header_only=True)
    # A log in JSON can only be read whole: once, then, and not once a sample.
    whole = {
        str(sample.id): sample
        for sample in (read_eval_log(str(log)).samples or [] if log.suffix == ".json" else [])
        if sample.epoch == 1
    }
    found: dict[str, RenderedPrompt] = {}
    done, tries = set(), Counter[str]()
    for sample_id in header.eval.dataset.sample_ids or []:
        _, _, asked = str(sample_id).partition("/")  # cell, and whatever else the task varies
        if asked in done or tries[asked] >= _LOOKED_AT:
            continue
        tries[asked] += 1
        try:
            sample = (
                whole[str(sample_id)]
                if whole
                else read_eval_log_sample(str(log), sample_id, 1, exclude_fields={"events", "attachments"})
            )
        except (IndexError, KeyError):  # not run yet
            continue
        if STORE_KEY in sample.store:
            prompt = RenderedPrompt(**sample.store[STORE_KEY])
            found[prompt.cell] = prompt
            done.add(asked)
    return found
