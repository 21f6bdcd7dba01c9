"""Exact doubles among very many texts, at 16 bytes a text."""

from __future__ import annotations

import hashlib
from array import array

import numpy as np


class Digests:
    """Remembers the texts that it was given by their 128-bit digests; the texts themselves are not kept."""

    def __init__(self) -> None:
        self._high, self._low = array("Q"), array("Q")

    def __len__(self) -> int:
        return len(self._high)

    def add(self, *parts: str) -> None:
        """Remember one text. Its parts are kept apart, so ("ab", "c") and ("a", "bc") differ."""
        digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        self._high.append(int.from_bytes(digest[:8], "little"))
        self._low.append(int.from_bytes(digest[8:], "little"))

    def doubles(self) -> list[tuple[int, int]]:
        """(place of the first, place of a later equal text) for each text that was there before, by later
        place.

        Places count from 0 in the order of `add`.
        """
        if not self:
            return []
        high, low = np.frombuffer(self._high, np.uint64), np.frombuffer(self._low, np.uint64)
        order = np.lexsort((low, high))  # stable: equal texts stay in the order of `add`
        same = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
        starts = np.flatnonzero(np.concatenate([[True], ~same]))
        group = np.cumsum(np.concatenate([[0], ~same]))
        places = np.flatnonzero(np.concatenate([[False], same]))
        found = [(int(order[starts[group[place]]]), int(order[place])) for place in places]
        return sorted(found, key=lambda pair: pair[1])
