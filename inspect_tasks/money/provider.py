"""`capped/PROVIDER/MODEL`: an OpenAI-compatible model whose requests are paid for out of a capped account.

    inspect score LOG --model-role grader=capped/openrouter/openai/gpt-4o-mini

A provider and not a hook, because Inspect asks a provider only when its cache has no reply, and once an attempt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelCall,
    ModelOutput,
    get_model,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from inspect_ai.util import display_counter
from openai import AsyncOpenAI

from data_builders.errors import InputError
from inspect_tasks.money.account import Account
from inspect_tasks.money.settings import load_money

CAPPED = "capped"
FREE = ("vllm", "sglang", "hf", "mockllm", "none", "ollama", "llama-cpp-python", "obedient")
"""Providers that run on the user's own machines."""
REFUSED = (400, 401, 402, 403, 404, 413, 422, 429)
"""HTTP codes by which a server says that it made no token, so that there is nothing to pay."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_accounts: dict[Path, Account] = {}


@modelapi(name=CAPPED)
class CappedAPI(ModelAPI):
    """Wraps a provider of Inspect's that speaks OpenAI's protocol; each request reserves its worst price first.

    Model args: `money` (a money file; inspect_tasks/money/money.yaml by default); others go to the wrapped provider.

    Raises:
        InputError: the model has no price, or the provider isn't OpenAI-compatible.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        money: str | None = None,
        **model_args: Any,
    ) -> None:
        config = config or GenerateConfig()
        super().__init__(model_name, base_url, api_key, [], config)
        self.money = load_money(Path(money) if money else None)
        self.money.price(model_name)
        # The client's own retries would be requests that nobody reserved for; Inspect's come through here again.
        model_args = model_args | {"max_retries": 0}
        wrapped = get_model(
            model_name, config=config, base_url=base_url, api_key=api_key, memoize=False, **model_args
        )
        self.wrapped = wrapped.api
        client = getattr(self.wrapped, "client", None)
        if not isinstance(client, AsyncOpenAI) or client.max_retries:
            raise InputError(
                f"{CAPPED}/{model_name}",
                "only OpenAI-compatible providers can be capped",
                "use openrouter/..., openai/... or openai-api/...",
            )
        self.base_url, self.api_key = self.wrapped.base_url, self.wrapped.api_key
        file = self.money.account.absolute()
        if file not in _accounts or not file.is_file():
            _accounts[file] = Account(file)
        self.account = _accounts[file]  # shared: waiting for a process's own requests needs to know them all

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput | tuple[ModelOutput | Exception, ModelCall]:
        worst = self.money.worst_usd(self.model_name, input, config, tools)
        number = await self.account.reserve(self.model_name, worst, self.money.cap_usd)
        spent: float | None = None  # a request that ends without a reply may have been paid for
        try:
            result = await self.wrapped.generate(input, tools, tool_choice, config)
            output, call = result if isinstance(result, tuple) else (result, None)
            if isinstance(output, Exception):
                spent = 0.0 if getattr(output, "status_code", None) in REFUSED else None
            elif output.usage:
                spent = self.money.cost_usd(self.model_name, output.usage)
                spent = max(spent, _reported(call))
            return result
        except Exception as error:
            spent = 0.0 if getattr(error, "status_code", None) in REFUSED else None
            raise
        finally:
            self.account.settle(number, spent)
            display_counter("spent", f"${self.account.committed():.4f} of ${self.money.cap_usd:.2f}")

    # What Inspect asks a provider about itself is the wrapped one's to answer.

    async def aclose(self) -> None:
        await self.wrapped.aclose()

    def close(self) -> None:
        self.wrapped.close()

    def canonical_name(self) -> str:
        return self.wrapped.canonical_name()

    def max_tokens(self) -> int | None:
        return self.wrapped.max_tokens()

    def max_tokens_for_config(self, config: GenerateConfig) -> int | None:
        return self.wrapped.max_tokens_for_config(config)

    def max_connections(self) -> int:
        return self.wrapped.max_connections()

    def connection_key(self) -> str:
        return self.wrapped.connection_key()

    def should_retry(self, ex: Exception) -> Any:
        return self.wrapped.should_retry(ex)

    def is_auth_failure(self, ex: Exception) -> bool:
        return self.wrapped.is_auth_failure(ex)

    def collapse_user_messages(self) -> bool:
        return self.wrapped.collapse_user_messages()

    def collapse_assistant_messages(self) -> bool:
        return self.wrapped.collapse_assistant_messages()

    def collapse_system_messages(self) -> bool:
        return self.wrapped.collapse_system_messages()


def require_cap(model: Model) -> None:
    """Refuse an OpenAI-compatible model that somebody charges for, unless it is capped.

    Providers of other protocols can't be capped here; they are left to their own limits, or go by OpenRouter.

    Raises:
        InputError: it is neither capped, nor a provider's that runs locally, nor served on loopback.
    """
    provider = str(model).partition("/")[0]
    if provider in (CAPPED, *FREE):
        return
    if not isinstance(getattr(model.api, "client", None), AsyncOpenAI):
        return
    if urlsplit(str(model.api.base_url or "")).hostname in _LOOPBACK:
        return
    raise InputError(
        str(model),
        "a paid model needs a cap on what it may cost",
        f"name it {CAPPED}/{model}; cap and prices: inspect_tasks/money/money.yaml",
    )


def _reported(call: ModelCall | None) -> float:
    """The price that the server itself puts on a reply (OpenRouter: `usage.cost`), 0 where it says none."""
    response = call.response if call and isinstance(call.response, dict) else {}
    usage = response.get("usage")
    cost = usage.get("cost") if isinstance(usage, dict) else None
    return float(cost) if isinstance(cost, int | float) else 0.0
