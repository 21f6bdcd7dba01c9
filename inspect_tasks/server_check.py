"""Before anything is asked: is there a vLLM server, and does it serve the model named?

Without this, Inspect retries a server that isn't there, and a misspelt adapter fails sample by sample.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request

from inspect_ai.model import Model, get_model

from data_builders.errors import InputError
from inspect_tasks.money.provider import require_cap


def model_under_test() -> Model | None:
    """The model that the running evaluation is about; None where a task is built before any is known."""
    try:
        return get_model()
    except ValueError:
        return None


def require_served_model() -> None:
    """Check the model under test: a vLLM one must be served, a paid one capped; the rest is left to Inspect.

    Raises:
        InputError: a paid model has no cap; VLLM_BASE_URL names no server that answers, or one that doesn't serve the model; or it is unset on
            a machine without a GPU, where Inspect can't start vLLM by itself.
    """
    model = model_under_test()
    if model is None:
        return
    require_cap(model)
    if type(model.api).__name__ != "VLLMAPI":
        return
    base_url = os.environ.get("VLLM_BASE_URL") or getattr(model.api, "_init_base_url", None)
    if not base_url:
        if shutil.which("nvidia-smi"):
            return  # Inspect starts vLLM itself
        raise InputError(
            "VLLM_BASE_URL",
            "not set, and without a GPU Inspect can't start vLLM by itself",
            "start a server (`make serve`) and export what it prints, or use --model hf/local -M model_path=...",
        )
    request = urllib.request.Request(
        f"{base_url.rstrip('/')}/models",
        headers={"Authorization": f"Bearer {os.environ.get('VLLM_API_KEY', '')}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            served = [entry["id"] for entry in json.load(reply)["data"]]
    except urllib.error.HTTPError as error:
        raise InputError(
            "VLLM_BASE_URL",
            f"{base_url} answers {error.code} {error.reason}",
            "export the VLLM_API_KEY that the server printed",
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            "VLLM_BASE_URL", f"no vLLM server answers at {base_url} ({error})", "start one: `make serve`"
        ) from error
    asked = model.name.partition(":")[2] or model.name
    if asked not in served:
        raise InputError("--model", f"{base_url} doesn't serve {asked!r}", f"name one of {', '.join(served)}")
