"""The cap, the prices, and the worst price of a request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from inspect_ai.model import ChatMessage, GenerateConfig, ModelCost, ModelUsage, compute_model_cost
from inspect_ai.tool import ToolInfo
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_builders.errors import InputError
from data_builders.files import read_yaml
from data_builders.rows import first_problem

MONEY = Path(__file__).with_name("money.yaml")


class Money(BaseModel):
    """A money file; money.yaml says what each key means."""

    model_config = ConfigDict(extra="forbid")

    cap_usd: float = Field(gt=0)
    account: Path
    hidden_tokens_per_message: int = Field(ge=0)
    hidden_tokens_per_request: int = Field(ge=0)
    likely_bytes_per_token: float = Field(gt=0)
    likely_reply_tokens: int = Field(gt=0)
    prices: dict[str, ModelCost]

    def price(self, model: str) -> ModelCost:
        """The price of a model, by its Inspect name without `capped/`.

        Raises:
            InputError: it has none.
        """
        if model not in self.prices:
            known = ", ".join(self.prices) or "none"
            raise InputError(
                "prices", f"{model!r} has no price (known: {known})", "add its price to the money file"
            )
        return self.prices[model]

    def worst_usd(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        config: GenerateConfig,
        tools: Sequence[ToolInfo] = (),
    ) -> float:
        """The most that one request can cost, in dollars: every byte of its prompt a token, and every token of its
        reply used.

        Raises:
            InputError: the model has no price, the request has no token limit, or it holds more than text.
        """
        price = self.price(model)
        if config.max_tokens is None:
            raise InputError(
                "max_tokens", "a request without a token limit has no worst price", "give --max-tokens"
            )
        if any(
            not isinstance(message.content, str) and any(part.type != "text" for part in message.content)
            for message in messages
        ):
            raise InputError("prompt", "only text has a known worst price", "leave out images and files")
        extra = [tool.model_dump_json() for tool in tools]
        if config.response_schema is not None:
            extra.append(config.response_schema.model_dump_json())
        if config.extra_body:
            extra.append(json.dumps(config.extra_body))
        tokens_in = sum(len(text.encode()) for text in [*(message.text for message in messages), *extra])
        tokens_in += self.hidden_tokens_per_message * len(messages) + self.hidden_tokens_per_request
        dearest_input = max(price.input, price.input_cache_write, price.input_cache_read)
        tokens_out = config.max_tokens * (config.num_choices or 1)
        return (tokens_in * dearest_input + tokens_out * price.output) / 1_000_000

    def likely_usd(self, model: str, prompt: str) -> float:
        """What a grader's request will probably cost, in dollars."""
        price = self.price(model)
        tokens_in = len(prompt.encode()) / self.likely_bytes_per_token + self.hidden_tokens_per_message
        return (tokens_in * price.input + self.likely_reply_tokens * price.output) / 1_000_000

    def cost_usd(self, model: str, usage: ModelUsage) -> float:
        """What a reply cost, by its usage, in dollars."""
        return compute_model_cost(self.price(model), usage)


def load_money(path: Path | None = None) -> Money:
    """Read a money file.

    Raises:
        InputError: it is missing, isn't YAML, or a key is missing, unknown or out of range.
    """
    file = path or MONEY
    try:
        return Money.model_validate(read_yaml(file))
    except ValidationError as error:
        raise InputError(file, first_problem(error), f"see {MONEY.name} for the format") from error
