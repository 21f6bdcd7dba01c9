"""JSON in a model's reply, whatever stands around it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_DECODER = json.JSONDecoder()


def json_objects(reply: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects in a reply, the last one first: a model that thinks aloud answers at the end."""
    found, start = [], reply.find("{")
    while start >= 0:
        try:
            value, end = _DECODER.raw_decode(reply, start)
            found.append(value)
        except (json.JSONDecodeError, RecursionError):
            end = start + 1
        start = reply.find("{", end)
    yield from reversed(found)
