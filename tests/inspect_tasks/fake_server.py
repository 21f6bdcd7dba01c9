"""A local OpenAI-compatible server that answers by a rule, counts what it is asked, and costs next to nothing.

    python -m tests.inspect_tasks.fake_server --port 8022 --model somebody --latency 0.5 --words 200

It writes one line a request to `--journal`: what a test of resume counts.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
from pathlib import Path

from aiohttp import web


def application(
    model: str, latency: float, words: int, journal: Path | None, answer: str | None = None
) -> web.Application:
    """The server: `/v1/models` and `/v1/chat/completions`.

    Args:
        model: the one name served.
        latency: seconds before each answer.
        words: length of an answer; one word counts as one token.
        journal: a file that takes one JSON line a request, written before the answer is sent.
        answer: the text of each answer, in place of `words` words.
    """
    text = answer if answer is not None else " ".join(["word"] * words)

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": model, "max_model_len": 4096}]})

    async def complete(request: web.Request) -> web.Response:
        body = await request.read()
        if journal:
            asked = json.loads(body)["messages"]
            digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
            with journal.open("a") as file:
                file.write(json.dumps({"prompt": digest, "text": asked[-1]["content"]}) + "\n")
        await asyncio.sleep(latency)
        tokens = len(text.split())
        reply = {
            "id": "chatcmpl-0",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1},
        }
        return web.json_response(reply)

    server = web.Application()
    server.router.add_get("/v1/models", models)
    server.router.add_get("/health", models)
    server.router.add_post("/v1/chat/completions", complete)
    return server


def main() -> None:
    """Serve on loopback until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", default="somebody")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--answer")
    parser.add_argument("--journal", type=Path)
    asked = parser.parse_args()
    server = application(asked.model, asked.latency, asked.words, asked.journal, asked.answer)
    web.run_app(server, host="127.0.0.1", port=asked.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
