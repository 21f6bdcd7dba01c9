"""An Axolotl plugin that puts the learned tokens alone through the output layer, and never waits for the card.

Under `train_on_inputs: false` a third and more of a chat file's tokens carry no label. liger's fused linear cross-entropy
multiplies them with the whole vocabulary all the same, forward and backward, and sets their loss and gradient to zero. It
also reads two numbers back from the card in each step, so that the card stands still until the processor has more for it.
"""

from __future__ import annotations

from typing import Any

import torch
from axolotl.integrations.base import BasePlugin  # pyright: ignore[reportMissingImports]

BLOCK = 512
"""tokens: what liger takes at a time at 16,384 a step. In whole blocks the products have few shapes, each planned once"""
UNLEARNED = -100
"""the label of a token that is not learned, in transformers and Axolotl"""


class LearnedTokensOnly(BasePlugin):
    """Wraps liger's loss, which liger's own plugin must have switched on (training_rules.py refuses a YAML without)."""

    def pre_model_load(self, cfg: Any) -> None:
        """Called by Axolotl before the model is made."""
        from liger_kernel.transformers.model import loss_utils  # pyright: ignore[reportMissingImports]

        self.count = LearnedCount()
        loss_utils.fixed_fused_linear_cross_entropy = learned_only(
            loss_utils.fixed_fused_linear_cross_entropy, self.count
        )

    def post_model_load(self, cfg: Any, model: Any) -> None:
        """Called by Axolotl when the adapter is in place: from here on the count is asked for as a step begins."""
        model.register_forward_pre_hook(self.count.ask, with_kwargs=True)


class LearnedCount:
    """How many tokens of a batch are learned. Asked for before the layers, the answer is there when the loss needs it."""

    def __init__(self) -> None:
        self.answer: torch.Tensor | None = None
        self.asked: Any = None

    def ask(self, model: Any, arguments: Any, named: dict[str, Any]) -> None:
        """A forward pre-hook of the whole model."""
        labels = named["shift_labels"] if named.get("shift_labels") is not None else named.get("labels")
        self.asked = None
        if labels is None or not labels.is_cuda:
            return
        if self.answer is None:
            self.answer = torch.empty((), dtype=torch.long, pin_memory=True)
        self.answer.copy_((labels != UNLEARNED).sum(), non_blocking=True)
        self.asked = torch.cuda.Event()
        self.asked.record()

    def of(self, target: torch.Tensor, ignore_index: int) -> int:
        """At least as many as are learned in `target`: shifting the labels by a token can only lose one."""
        asked, self.asked = self.asked, None
        if asked is None or ignore_index != UNLEARNED or self.answer is None:
            return int((target != ignore_index).sum())
        asked.synchronize()
        return int(self.answer)


def learned_only(loss: Any, count: LearnedCount) -> Any:
    """Wrap a loss of (hidden states, output weights, targets, number of items, ignore_index, ...) of flat tokens.

    Its hidden states are n x width and its targets n. The learned tokens come first, in their order; tokens whose target is
    `ignore_index` fill the last block of `BLOCK` and are left out beyond. Where the output layer learns too, or anything but the
    loss is asked for, the wrapped function has the tokens that are left; else `BlockwiseLoss`.
    """
    if getattr(loss, "learned_only", False):
        loss = loss.wrapped

    def wrapper(
        hidden_states: torch.Tensor,
        lm_head_weight: torch.Tensor,
        target: torch.Tensor,
        num_items_in_batch: Any = None,
        ignore_index: int = UNLEARNED,
        *rest: Any,
        **named: Any,
    ) -> Any:
        if named.get("return_predicted_tokens"):
            raise ValueError("predicted tokens would come back in another order; drop LearnedTokensOnly")
        ignored = target == ignore_index
        order = ignored.to(torch.uint8).argsort(stable=True)
        blocks = max(1, -(-count.of(target, ignore_index) // BLOCK))
        kept, left = order[: blocks * BLOCK], order[blocks * BLOCK :]
        torch._assert_async(  # pyright: ignore[reportPrivateImportUsage]
            ignored.index_select(0, left).all(), "a learned token was left out"
        )
        hidden, aims = hidden_states.index_select(0, kept), target.index_select(0, kept)
        if lm_head_weight.requires_grad or any(rest) or any(named.values()):
            return loss(hidden, lm_head_weight, aims, num_items_in_batch, ignore_index, *rest, **named)
        items = (~ignored).sum() if num_items_in_batch is None else num_items_in_batch
        return BlockwiseLoss.apply(hidden, lm_head_weight, aims, ignore_index) / items

    wrapper.learned_only = True  # pyright: ignore[reportFunctionMemberAccess]
    wrapper.wrapped = loss  # pyright: ignore[reportFunctionMemberAccess]
    return wrapper


class BlockwiseLoss(torch.autograd.Function):
    """The summed cross-entropy of a frozen output layer, its gradient computed with it, a block of logits at a time.

    The method is liger's (github.com/linkedin/Liger-Kernel, fused_linear_cross_entropy), and so is the kernel that turns logits into
    losses and gradients; only nothing is read back from the card.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, target: torch.Tensor, ignore_index: int
    ) -> torch.Tensor:
        """hidden: n x width, weight: vocabulary x width, target: n. The sum in float32, nats."""
        gradient = torch.empty_like(hidden)
        losses = torch.zeros(len(hidden), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(hidden), BLOCK):
            of = slice(start, start + BLOCK)
            logits = hidden[of] @ weight.t()
            to_gradient(logits, target[of], losses[of], ignore_index)
            gradient[of] = logits @ weight
        ctx.save_for_backward(gradient)
        return losses.sum()

    @staticmethod
    def backward(ctx: Any, of_loss: torch.Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,) = ctx.saved_tensors
        # Of one dimension and more, the float32 factor is not rounded to the gradient's bf16 before they are multiplied.
        scaled = torch.mul(gradient, of_loss.view(1, 1), out=torch.empty_like(gradient))
        return scaled, None, None, None


def to_gradient(logits: torch.Tensor, target: torch.Tensor, losses: torch.Tensor, ignore_index: int) -> None:
    """Write each token's cross-entropy into `losses`, and its gradient over `logits` (n x vocabulary), in place."""
    if logits.is_cuda:
        from liger_kernel.ops import cross_entropy, fused_linear_cross_entropy  # pyright: ignore[reportMissingImports]
        from triton import next_power_of_2

        cross_entropy.liger_cross_entropy_kernel[(len(logits),)](
            X_ptr=logits, X_stride=logits.stride(0), Y_ptr=target, Y_stride=target.stride(0),
            weight_ptr=None, loss_ptr=losses, z_loss_ptr=None, loss_stride=losses.stride(0),
            token_accuracy_ptr=None, token_accuracy_stride=0, predicted_tokens_ptr=None, predicted_tokens_stride=0,
            n_cols=logits.shape[1], n_non_ignore=1, sum_non_ignore_weight=1, weight_sum=0.0, ignore_index=ignore_index,
            lse_square_scale=0.0, label_smoothing=0.0, reduction="sum", softcap=None,
            RETURN_Z_LOSS=False, RETURN_TOKEN_ACCURACY=False, RETURN_PREDICTED_TOKENS=False,
            HAS_WEIGHT=False, HAS_SOFTCAPPING=False, HAS_GRADIENTS=True,
            BLOCK_SIZE=min(fused_linear_cross_entropy.MAX_FUSED_SIZE, next_power_of_2(logits.shape[1])), num_warps=32,
        )  # fmt: skip
        return
    kept = target != ignore_index
    logs, aims = logits.float().log_softmax(-1), target.where(kept, 0)[:, None]
    losses.copy_(-logs.gather(1, aims)[:, 0] * kept)
    logits.copy_((logs.exp().scatter_add(1, aims, torch.full_like(logs[:, :1], -1.0))) * kept[:, None])
