"""The block mask of packed rows for flex attention, worked out from where the rows begin.

transformers has torch work a mask out from its rule: it tries the rule at every pair of tokens and sorts each line of blocks, in code that is
compiled first. At 16,384 tokens that sort's code is 6 MB of PTX, whose translation alone took minutes at a machine's first start. A causal
row needs the blocks between its beginning and the query's own, which is two numbers a line.

transformers also looks whether a batch is packed at all, so that each step begins only when the card is done with the one before.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask

BLOCK = 128
"""tokens: torch's default"""


def rows_in_pack(position_ids: torch.Tensor) -> torch.Tensor:
    """Which row of its pack each token belongs to, from 0: a row begins where a position doesn't follow the one before.

    Args:
        position_ids: batch x length. The result has its shape; transformers' own gives None where there is one row only.
    """
    begins = position_ids[:, 1:] != position_ids[:, :-1] + 1
    return torch.nn.functional.pad(begins.cumsum(-1), (1, 0))


def block_mask(rows: torch.Tensor, rule: Any) -> BlockMask:
    """The mask of causal attention within each row.

    Args:
        rows: batch x length, as `rows_in_pack` has it; the length a multiple of `BLOCK`.
        rule: (batch, head, query, key) -> may the query see the key? It is asked within every block named here, so blocks too many cost
            time, and none that it allows may be missing: it must allow no key of another row, and none after its query.
    """
    length = rows.shape[1]
    at = torch.arange(length, device=rows.device)
    begins = torch.nn.functional.pad(rows[:, 1:] != rows[:, :-1], (1, 0))
    beginning = torch.where(begins, at, 0).cummax(-1).values  # of each token's row
    own = at[: length // BLOCK]
    first = beginning[:, ::BLOCK] // BLOCK  # the first token of a block sees farthest back
    indices = (first[:, :, None] + own).clamp(max=len(own) - 1)
    count = own - first + 1
    return BlockMask.from_kv_blocks(
        count[:, None].to(torch.int32), indices[:, None].to(torch.int32), BLOCK_SIZE=BLOCK, mask_mod=rule
    )


class PackedMasks:
    """In transformers' place: `rows` looks at no values, and `mask` makes the block mask of what `rows` saw last."""

    def __init__(self, otherwise: Any) -> None:
        self.otherwise = otherwise
        self.seen: torch.Tensor | None = None

    def install(self) -> None:
        """Register both with transformers, whose models ask for the rows first and then for the mask."""
        from transformers import masking_utils

        masking_utils.find_packed_sequence_indices = self.rows
        masking_utils.ALL_MASK_ATTENTION_FUNCTIONS.register("flex_attention", self.mask)

    def rows(self, position_ids: torch.Tensor) -> torch.Tensor:
        """transformers' `find_packed_sequence_indices`."""
        self.seen = rows_in_pack(position_ids)
        return self.seen

    def mask(self, **named: Any) -> Any:
        """transformers' `flex_attention_mask`; what isn't a plain causal mask of a packed batch is made by transformers itself."""
        rows, self.seen = self.seen, None
        plain = not (
            named.get("attention_mask") is not None
            or named.get("use_vmap")  # a rule of the caller's own
            or "allow_is_bidirectional_skip" in named
            or named.get("q_offset")
            or named.get("kv_offset")
        )
        if rows is None or not plain or named["kv_length"] != rows.shape[1] or rows.shape[1] % BLOCK:
            return self.otherwise(**named)
        return block_mask(rows, named["mask_function"])


def install() -> None:
    """Once a process, however often it is asked."""
    from transformers import masking_utils

    found = masking_utils.ALL_MASK_ATTENTION_FUNCTIONS["flex_attention"]
    if not isinstance(getattr(found, "__self__", None), PackedMasks):
        PackedMasks(found).install()
