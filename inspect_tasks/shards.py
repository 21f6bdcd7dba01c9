"""Shards: one evaluation in several processes, when Inspect's own CPU time is slower than the server.

Nothing here is new to Inspect: a shard is its `--sample-shuffle SEED --limit FIRST-LAST`, each shard writes a log of its
own, is retried by itself (`inspect eval-retry`), and the analysis takes the logs together.
"""

from __future__ import annotations

from itertools import pairwise

from data_builders.errors import InputError

SHUFFLE_SEED = 2
"""The same in every shard, so that the shards are parts of one order; not 1, which Inspect's command line reads as
`true`: another order in every process. Shuffled, because question sets stand one after the other and differ in the
length of their answers."""


def shard_options(samples: int, shards: int, in_flight: int) -> list[list[str]]:
    """The options that make one `inspect eval` into `shards` of them.

    Args:
        samples: in the task's dataset, epochs not counted.
        shards: processes to share them.
        in_flight: requests at once, over all shards; the server's `max_num_seqs`.

    Returns:
        For each shard, options of `inspect eval`. Together they cover each sample once.

    Raises:
        InputError: a number is below 1, or there are more shards than samples.
    """
    if shards < 1 or in_flight < 1:
        raise InputError("shards", f"{shards} shards with {in_flight} in flight", "give numbers from 1 on")
    if shards > samples:
        raise InputError("shards", f"{shards} shards of {samples} samples", f"give at most {samples}")
    bounds = [samples * part // shards for part in range(shards + 1)]
    connections = str(-(-in_flight // shards))
    return [
        [
            *("--sample-shuffle", str(SHUFFLE_SEED), "--limit", f"{first + 1}-{last}"),
            *("--max-connections", connections, "--max-samples", connections),
        ]
        for first, last in pairwise(bounds)
    ]
