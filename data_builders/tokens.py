"""The model's own tokenizer and chat template: how a row looks to the trainer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_builders.errors import InputError

Turns = list[dict[str, str]]
_IMPORT = threading.Lock()
"""transformers imports its parts when they are asked for; of several threads that ask at once, some find it half made"""


class ChatTokenizer:
    """A model's fast tokenizer with its chat template.

    Args:
        model: a model's folder, or its name on the hub.

    Raises:
        InputError: there is no tokenizer, or it has no chat template.
    """

    def __init__(self, model: str | Path) -> None:
        # Not AutoTokenizer: importing that pulls in torch and takes 15 seconds; tokenizer.json says it all.
        with _IMPORT:
            from transformers import PreTrainedTokenizerFast

        folder = Path(model)
        if folder.exists() and not (folder / "tokenizer.json").is_file():
            raise InputError(folder, "no tokenizer.json here", "run `make model`, or check the path")
        try:
            self.tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(str(model))
        except Exception as error:  # the hub client raises a dozen kinds
            raise InputError(
                f"--model {model}",
                f"no such folder, and not to be had from the hub ({type(error).__name__})",
                "run `make model`, or check the name",
            ) from error
        self.where = f"{model}/tokenizer_config.json"
        if not self.tokenizer.chat_template:
            raise InputError(
                self.where, "no chat template", "use an instruct model, or add chat_template.jinja"
            )

    @property
    def special_tokens(self) -> list[str]:
        """Every special token's text."""
        return sorted(
            token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special
        )

    def render(self, conversations: Sequence[Turns], generation_prompt: bool = False) -> list[str]:
        """The conversations as text. Thinking is off where a template knows it, as in serving."""
        return self.tokenizer.apply_chat_template(
            list(conversations),
            tokenize=False,
            add_generation_prompt=generation_prompt,
            enable_thinking=False,
        )

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of rendered texts; the template has put in all special tokens already."""
        encoded = self.tokenizer.backend_tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [one.ids for one in encoded]
