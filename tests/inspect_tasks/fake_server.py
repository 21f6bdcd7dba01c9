"""A local OpenAI-compatible server that answers by a rule, notes what it is asked, and costs next to nothing.

    python -m tests.inspect_tasks.fake_server --port 8022 --latency 0.5 --words 200

Its journal takes a line a request, before the answer is sent: what a test of resume counts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

MODELS = ("somebody", "judge")


def application(asked: argparse.Namespace) -> web.Application:
    """The server: models, chat completions and, where there is a template to show, vLLM's /tokenize."""
    subject = asked.answer if asked.answer is not None else " ".join(["word"] * asked.words)
    rendered: list[str] = []
    numbers = itertools.count()

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": name, "max_model_len": 4096} for name in MODELS]})

    async def complete(request: web.Request) -> web.Response:
        body = await request.json()
        if asked.journal:
            line = {"model": body["model"], "messages": body["messages"]}
            with asked.journal.open("a") as file:
                file.write(json.dumps(line) + "\n")
        await asyncio.sleep(asked.latency)
        number = f" {next(numbers)}" if asked.numbered else ""
        text = asked.grade if body["model"] == "judge" else subject + number
        tokens = len(text.split())
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}
        reply = {"id": "chatcmpl-0", "object": "chat.completion", "created": 0, "model": body["model"]}
        return web.json_response(reply | {"choices": [choice], "usage": usage})

    async def tokenize(request: web.Request) -> web.Response:
        turns = (await request.json())["messages"]
        if turns[0]["role"] != "system":
            turns = [{"role": "system", "content": asked.hidden_system}, *turns]
        else:
            turns[0]["content"] += f"\n{asked.hidden_system}"
        text = "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in turns)
        rendered.append(f"{text}<|im_start|>assistant\n")
        return web.json_response({"tokens": [len(rendered) - 1]})

    async def detokenize(request: web.Request) -> web.Response:
        return web.json_response({"prompt": rendered[(await request.json())["tokens"][0]]})

    server = web.Application()
    server.router.add_get("/v1/models", models)
    server.router.add_post("/v1/chat/completions", complete)
    if asked.hidden_system:
        server.router.add_post("/tokenize", tokenize)
        server.router.add_post("/detokenize", detokenize)
    return server


@contextlib.contextmanager
def running(*options: str) -> Iterator[str]:
    """The server in a process of its own, on a free port; its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.inspect_tasks.fake_server", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2])
    try:
        url = f"http://127.0.0.1:{port}/v1"
        while True:
            assert process.poll() is None, "the fake server ended"
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/models", timeout=5):
                break
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Serve on loopback until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--words", type=int, default=200, help="of an answer; a word counts as a token")
    parser.add_argument("--answer", help="the text of each answer, in place of words")
    parser.add_argument("--numbered", action="store_true", help="no two answers alike")
    parser.add_argument("--grade", default="", help="what the model `judge` answers")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--hidden-system", default="", help="what the template adds; none: no /tokenize")
    asked = parser.parse_args()
    web.run_app(application(asked), host="127.0.0.1", port=asked.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
