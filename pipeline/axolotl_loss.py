"""An Axolotl plugin that puts the learned tokens alone through the output layer.

Under `train_on_inputs: false` a third and more of a chat file's tokens carry no label. liger's fused linear cross-entropy
multiplies them with the whole vocabulary all the same, forward and backward, and sets their loss and gradient to zero.
"""

from __future__ import annotations

from typing import Any

import torch
from axolotl.integrations.base import BasePlugin  # pyright: ignore[reportMissingImports]

BLOCK = 512
"""tokens: what liger takes at a time at 16,384 a step. In whole blocks the products have few shapes, each planned once"""


class LearnedTokensOnly(BasePlugin):
    """Wraps liger's loss, which liger's own plugin must have switched on (training_rules.py refuses a YAML without)."""

    def pre_model_load(self, cfg: Any) -> None:
        """Called by Axolotl before the model is made."""
        from liger_kernel.transformers.model import loss_utils  # pyright: ignore[reportMissingImports]

        loss_utils.fixed_fused_linear_cross_entropy = learned_only(
            loss_utils.fixed_fused_linear_cross_entropy
        )


def learned_only(loss: Any) -> Any:
    """Wrap a loss of (hidden states, output weights, targets, number of items, ignore_index, ...) of flat tokens.

    Its hidden states are n x width and its targets n. The learned tokens come first, in their order; tokens whose target is
    `ignore_index` fill the last block of `BLOCK` and are left out beyond.
    """
    if getattr(loss, "learned_only", False):
        return loss

    def wrapped(
        hidden_states: torch.Tensor,
        lm_head_weight: torch.Tensor,
        target: torch.Tensor,
        num_items_in_batch: Any = None,
        ignore_index: int = -100,
        *rest: Any,
        **named: Any,
    ) -> Any:
        if named.get("return_predicted_tokens"):
            raise ValueError("predicted tokens would come back in another order; drop LearnedTokensOnly")
        ignored = target == ignore_index
        learned = len(target) - int(ignored.sum())
        kept = ignored.to(torch.uint8).argsort(stable=True)[: max(1, -(-learned // BLOCK)) * BLOCK]
        return loss(
            hidden_states.index_select(0, kept),
            lm_head_weight,
            target.index_select(0, kept),
            num_items_in_batch,
            ignore_index,
            *rest,
            **named,
        )

    wrapped.learned_only = True  # pyright: ignore[reportFunctionMemberAccess]
    return wrapped
