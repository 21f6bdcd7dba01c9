"""One vLLM process that serves a base model and its adapters on loopback, and never outlives us."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_builders.errors import InputError
from pipeline.study import ServeSettings

HOST = "127.0.0.1"
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""what vLLM's --max-lora-rank takes"""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Server:
    """A healthy server: where it listens, and the key that it asks for."""

    base_url: str
    api_key: str

    @property
    def environment(self) -> dict[str, str]:
        """What Inspect's vLLM provider reads to reach this server."""
        return {"VLLM_BASE_URL": self.base_url, "VLLM_API_KEY": self.api_key}


def template_arguments(axolotl: dict[str, Any]) -> dict[str, Any]:
    """The chat template's arguments that a configuration trains with, such as Qwen3's thinking mode or Llama's date:
    the server is given the same."""
    return axolotl.get("chat_template_kwargs") or {}


def server_command(
    base: Path, base_name: str, adapters: dict[str, Path], settings: ServeSettings
) -> list[str]:
    """The command line that serves `base` as `base_name` and each adapter by its name.

    Raises:
        InputError: an adapter's folder holds no adapter.
    """
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(base), "--served-model-name", base_name]
    command += ["--host", HOST, "--port", str(settings.port)]
    command += ["--max-model-len", str(settings.max_model_len), "--max-num-seqs", str(settings.max_num_seqs)]
    command += ["--gpu-memory-utilization", str(settings.gpu_memory_utilization)]
    command += ["--dtype", settings.dtype]
    command += ["--enforce-eager"] if settings.enforce_eager else []
    if settings.chat_template_kwargs:
        command += ["--default-chat-template-kwargs", json.dumps(settings.chat_template_kwargs)]
    if adapters:
        modules, ranks = [], []
        for name, folder in adapters.items():
            if not (folder / "adapter_config.json").is_file():
                raise InputError(
                    folder, f"no adapter_config.json, so {name} can't be served", "train it: `make train`"
                )
            ranks.append(json.loads((folder / "adapter_config.json").read_text(encoding="utf-8")).get("r", 8))
            modules.append(f"{name}={folder}")
        rank = next((size for size in LORA_RANKS if size >= max(ranks)), LORA_RANKS[-1])
        command += ["--enable-lora", "--max-lora-rank", str(rank), "--max-loras", str(len(adapters))]
        command += ["--lora-modules", *modules]
    return command


@contextmanager
def serve(
    base: Path, base_name: str, adapters: dict[str, Path], settings: ServeSettings, log: Path
) -> Iterator[Server]:
    """Start vLLM, wait until it is healthy, yield it, and stop it whatever happens.

    Args:
        base: the base model's folder.
        base_name: the name that requests use for the base.
        adapters: request name -> adapter folder.
        settings: port, memory, start-up limit.
        log: the file that takes the server's output.

    Raises:
        InputError: the base is missing, the port is taken, vLLM isn't installed, or the server ends or hangs before
            it is healthy; the message quotes the end of its log.
    """
    if not (base / "config.json").is_file():
        raise InputError(
            base, "no base model here", "run `make model`, or check base_model in the Axolotl YAML"
        )
    require_free_port(settings.port)
    command = server_command(base, base_name, adapters, settings)
    key = os.environ.get("VLLM_API_KEY") or secrets.token_hex(16)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | settings.environment | {"VLLM_API_KEY": key, "HF_HUB_OFFLINE": "1"}
    environment |= {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop the whole group
            preexec_fn=die_with_parent,
        )
        try:
            _wait_until_healthy(process, settings, log)
            yield Server(f"http://{HOST}:{settings.port}/v1", key)
        finally:
            _stop(process)


def require_free_port(port: int) -> None:
    """Raises:
    InputError: somebody listens on the port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise InputError(
                "serve.port",
                f"port {port} on {HOST} is taken",
                "stop what listens there, or set another with PORT=...",
            ) from error


def _wait_until_healthy(process: subprocess.Popen[bytes], settings: ServeSettings, log: Path) -> None:
    started, told = time.monotonic(), 0.0
    while True:
        waited = time.monotonic() - started
        if process.poll() is not None:
            raise InputError(
                log,
                f"vLLM ended with code {process.returncode} before it was healthy{_tail(log)}",
                "see the log",
            )
        if waited > settings.start_seconds:
            raise InputError(
                log, f"vLLM is not healthy after {waited:.0f} s{_tail(log)}", "raise serve.start_seconds"
            )
        try:
            urllib.request.urlopen(f"http://{HOST}:{settings.port}/health", timeout=2)
        except (urllib.error.URLError, OSError):
            if waited - told >= 10:
                told = waited
                print(f"  waiting for vLLM: {waited:.0f} s", flush=True)
            time.sleep(0.5)
        else:
            print(f"  vLLM is healthy after {waited:.0f} s", flush=True)
            return


def _tail(log: Path, lines: int = 6) -> str:
    text = log.read_text(errors="replace").splitlines()
    telling = [line for line in text if "Error" in line or "error" in line] or text
    return "".join(f"\n    {line[-300:]}" for line in telling[-lines:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server's whole process group: politely, then after 15 s for good."""
    for sign, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def die_with_parent() -> None:
    """Linux: have the kernel end the server when we are killed and can't."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
