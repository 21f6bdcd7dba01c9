"""Run by tests/e2e/test_training_parts.py in the training environment: the loss over the learned tokens alone, beside the whole."""

import torch
from liger_kernel.transformers.model import loss_utils  # pyright: ignore[reportMissingImports]

from pipeline.axolotl_loss import BLOCK, LearnedTokensOnly

seen = []


def reference(hidden, weight, target, reduction, ignore_index, **rest):
    """What liger's kernel computes, which needs a GPU."""
    seen.append(len(target))
    return torch.nn.functional.cross_entropy(
        hidden @ weight.T, target, reduction=reduction, ignore_index=ignore_index
    )


loss_utils.F.liger_fused_linear_cross_entropy = reference
torch.manual_seed(0)
weight, hidden = torch.randn(50, 8), torch.randn(1, 3 * BLOCK, 8, requires_grad=True)


def loss_of(labels, items):
    hidden.grad = None
    loss = loss_utils.LigerForCausalLMLoss(hidden, weight, labels, 8, num_items_in_batch=items)
    loss.backward()
    assert hidden.grad is not None
    return loss.item(), hidden.grad.clone()


def rows(learned):
    labels = torch.full((1, 3 * BLOCK), -100)
    places = 1 + torch.randperm(3 * BLOCK - 1)[:learned]
    labels[0, places] = torch.randint(50, (learned,))
    return labels


cases = [
    (rows(count), items)
    for count in (1, BLOCK, BLOCK + 1, 3 * BLOCK - 1)
    for items in (None, torch.tensor(700))
]
cases.append((rows(0), torch.tensor(700)))
plain = [loss_of(*case) for case in cases]
assert seen == [3 * BLOCK] * len(cases), seen
seen.clear()
LearnedTokensOnly().pre_model_load({})
LearnedTokensOnly().pre_model_load({})  # twice is once
learned = [loss_of(*case) for case in cases]
assert seen == [BLOCK, BLOCK, BLOCK, BLOCK, 2 * BLOCK, 2 * BLOCK, 3 * BLOCK, 3 * BLOCK, BLOCK], seen
for (one, grad), (other, other_grad) in zip(plain, learned, strict=True):
    assert abs(one - other) <= 1e-5 * max(1, abs(one)), (one, other)
    assert torch.allclose(grad, other_grad, atol=1e-6)
assert plain[0][0] > 0 and plain[0][1].abs().max() > 0
