"""A local server that speaks OpenAI's protocol and charges for every reply, as a hosted one would."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

INPUT_USD, OUTPUT_USD = 10.0, 30.0
"""Prices for a million tokens."""


@dataclass
class Till:
    """What the server has seen and charged."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    charged: float = 0.0
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def charging_server(
    reply: Callable[[dict[str, Any], int], tuple[int, str]], seconds: float = 0.0
) -> Iterator[Till]:
    """Serve on a free port of loopback.

    Args:
        reply: from the request's body and its number (from 1) to HTTP status and text; a status other than 200 costs
            nothing under 500, and the whole prompt from 500 on.
        seconds: how long each reply takes.
    """
    till = Till()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with till.lock:
                till.requests.append(body)
                number = len(till.requests)
                till.at_once += 1
                till.most_at_once = max(till.most_at_once, till.at_once)
            time.sleep(seconds)
            status, text = reply(body, number)
            prompt = sum(len(message["content"].encode()) for message in body["messages"]) // 3 + 50
            completion = min(len(text.encode()), body["max_tokens"]) if status == 200 else 0
            cost = (prompt * INPUT_USD + completion * OUTPUT_USD) / 1e6 if status in (200, 500) else 0.0
            with till.lock:
                till.charged += cost
                till.at_once -= 1
            self._send(status, _completion(text, prompt, completion, number))

        def _send(self, status: int, value: dict[str, Any]) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    till.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield till
    finally:
        server.shutdown()
        server.server_close()


def _completion(text: str, prompt: int, completion: int, number: int) -> dict[str, Any]:
    return {
        "id": f"c{number}",
        "object": "chat.completion",
        "created": 0,
        "model": "grader",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
    }
