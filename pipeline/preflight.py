"""Before hours of training: are the tokens that will be trained those that will be served?

    python -m pipeline.preflight axolotl_configs/llama31_8b_lora.yaml

Axolotl tokenises the configuration's own data file, and every row is checked: one beginning of sequence, the end of
turn learned, the prompt masked, nothing cut or dropped, no empty thought learned. Then vLLM tokenises the same
messages, and each prompt must equal the trained row's beginning, token for token. The server asked is the one at
VLLM_BASE_URL (with VLLM_API_KEY), else vLLM's own renderer is started, which needs no GPU. Exit code 2 on a mismatch.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_builders.errors import InputError, run_or_explain
from data_builders.files import read_jsonl, read_yaml
from data_builders.manifest import REPO
from data_builders.tokens import ChatTokenizer
from pipeline.environments import TRAIN_PYTHON, train_environment
from pipeline.server import HOST, template_arguments
from pipeline.token_truth import TokenRow, prefix_problem, row_problem

Served = Callable[[list[dict[str, str]]], list[int]]
START_SECONDS = 300


def preflight(config: Path, served: Served, tokens: Path) -> dict[str, int]:
    """Compare every row's trained tokens with the served ones.

    Args:
        config: the Axolotl YAML.
        served: messages -> the prompt's token ids, as the server makes them.
        tokens: what token_rows.py wrote for the configuration.

    Returns:
        counts: rows, learned tokens, the longest row's tokens.

    Raises:
        InputError: naming the data file's line, for the first row that differs.
    """
    settings = read_yaml(config)
    data = REPO / settings["datasets"][0]["path"]
    chat = ChatTokenizer(REPO / settings["base_model"])
    tokenizer = chat.tokenizer
    thinking = bool(template_arguments(settings).get("enable_thinking"))
    rows = list(read_jsonl(data))
    trained = [TokenRow(row["ids"], row["labels"]) for _, row in read_jsonl(tokens)]
    if len(trained) != len(rows):
        rule = f"{len(rows)} rows, Axolotl kept {len(trained)}: the others would never be trained on"
        raise InputError(data, rule, "raise sequence_len, or delete the rows that are too long")
    for (number, row), one in zip(rows, trained, strict=True):
        answer = row["messages"][-1]["content"]
        if problem := row_problem(one, answer, tokenizer, settings["sequence_len"], thinking):
            raise InputError(f"{data}:{number}", problem, "mend chat_template, special_tokens or the row")
        if problem := prefix_problem(one, served(row["messages"][:-1]), tokenizer.decode, thinking):
            mend = "serve with the trained template and the YAML's chat_template_kwargs (`make serve` does)"
            raise InputError(f"{data}:{number}", f"trained and served prompts differ at {problem}", mend)
    learned = sum(label != -100 for one in trained for label in one.labels)
    return {"rows": len(rows), "learned": learned, "longest": max(len(one.ids) for one in trained)}


def trained_tokens(configs: list[Path], folder: Path) -> dict[Path, Path]:
    """Have Axolotl tokenise each configuration's data; returns configuration -> file of tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "preprocess.log"
    command = [str(TRAIN_PYTHON), "-m", "pipeline.token_rows", str(folder), *map(str, configs)]
    with log.open("wb") as output:
        code = subprocess.run(
            command, cwd=REPO, env=train_environment(), stdout=output, stderr=output
        ).returncode
    if code:
        from pipeline.training import refusal

        tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise refusal(log) or InputError(
            str(configs[0]), f"axolotl can't tokenise it:\n{tail}", "mend the YAML"
        )
    return {config: folder / f"{config.stem}.jsonl" for config in configs}


def tokenize_at(base_url: str, api_key: str, model: str, arguments: dict[str, Any] | None = None) -> Served:
    """The prompt tokens by a vLLM server's own /tokenize; template `arguments` of a request override the server's."""
    url = base_url.rstrip("/").removesuffix("/v1") + "/tokenize"
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {api_key}"}

    def served(messages: list[dict[str, str]]) -> list[int]:
        asked = {"model": model, "messages": messages, "add_generation_prompt": True}
        body = json.dumps(asked | ({"chat_template_kwargs": arguments} if arguments else {})).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
                return json.load(answer)["tokens"]
        except (urllib.error.URLError, OSError, KeyError) as error:
            raise InputError(
                url, f"no tokens from the server ({error})", "is it up, and serving this base?"
            ) from error

    return served


@contextmanager
def renderer(base: Path, arguments: dict[str, Any], log: Path, port: int) -> Iterator[str]:
    """vLLM's rendering server, which tokenises as the full one does and loads no weights; yields its address."""
    command = [
        sys.executable,
        "-m",
        "vllm.entrypoints.launchers.render.entry",
        "--model",
        str(base),
        "--host",
        HOST,
    ]
    command += ["--port", str(port), "--served-model-name", base.name]
    command += ["--default-chat-template-kwargs", json.dumps(arguments)] if arguments else []
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    environment.pop("VLLM_API_KEY", None)
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _healthy(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
                    raise InputError(
                        base, f"vLLM's renderer didn't start:\n{tail}", "set VLLM_BASE_URL to a server"
                    )
                time.sleep(0.5)
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            process.wait()


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    config = parser.parse_args(arguments).config
    settings = read_yaml(config)
    base = REPO / settings["base_model"]
    with tempfile.TemporaryDirectory() as name:
        tokens = trained_tokens([config], Path(name))[config]
        if url := os.environ.get("VLLM_BASE_URL"):
            served = tokenize_at(url, os.environ.get("VLLM_API_KEY", ""), base.name)
            counts = preflight(config, served, tokens)
        else:
            with renderer(base, template_arguments(settings), Path(name) / "render.log", free_port()) as url:
                counts = preflight(config, tokenize_at(url, "", base.name), tokens)
    print(
        f"{config}: {counts['rows']:,} rows, {counts['learned']:,} learned tokens, longest row {counts['longest']:,}"
    )
    print(
        "each row: one beginning, prompt masked, end of turn learned; each served prompt is the trained beginning"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
