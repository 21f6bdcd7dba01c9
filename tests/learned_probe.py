"""Run by tests/e2e/test_training_parts.py in the training environment: the loss over the learned tokens alone, beside the whole.

On a GPU the whole is liger's own loss, in bf16; elsewhere torch's stands for it, which liger's kernel needs a GPU for.
"""

import torch
from liger_kernel.transformers.model import loss_utils  # pyright: ignore[reportMissingImports]

from pipeline import axolotl_loss
from pipeline.axolotl_loss import BLOCK, LearnedTokensOnly

CUDA = torch.cuda.is_available()
DEVICE, KIND = ("cuda", torch.bfloat16) if CUDA else ("cpu", torch.float32)
WORDS, WIDTH = (128_256, 64) if CUDA else (50, 8)
seen: list[int] = []


def reference(hidden, weight, target, reduction, ignore_index, **rest):
    """What liger's kernel computes, which needs a GPU."""
    return torch.nn.functional.cross_entropy(
        hidden @ weight.T, target, reduction=reduction, ignore_index=ignore_index
    )


if not CUDA:
    loss_utils.F.liger_fused_linear_cross_entropy = reference
inside = axolotl_loss.to_gradient
axolotl_loss.to_gradient = lambda logits, *rest: (seen.append(len(logits)), inside(logits, *rest))
torch.manual_seed(0)
weight = torch.randn(WORDS, WIDTH, device=DEVICE, dtype=KIND)
hidden = torch.randn(1, 3 * BLOCK, WIDTH, device=DEVICE, dtype=KIND, requires_grad=True)


def loss_of(labels, items, hidden=hidden, weight=weight):
    """As Axolotl's plugins have it: hooks of the whole model, then liger's loss inside it."""
    hidden.grad = weight.grad = None
    if plugin.count is not None:
        plugin.count.ask(None, (), {"labels": labels})
    loss = loss_utils.LigerForCausalLMLoss(hidden, weight, labels, WIDTH, num_items_in_batch=items)
    loss.backward()
    assert hidden.grad is not None
    return loss.item(), hidden.grad.clone()


def rows(learned):
    labels = torch.full((1, 3 * BLOCK), -100)
    places = 1 + torch.randperm(3 * BLOCK - 1)[:learned]
    labels[0, places] = torch.randint(WORDS, (learned,))
    return labels.to(DEVICE)


plugin = LearnedTokensOnly()
plugin.count = None  # pyright: ignore[reportAttributeAccessIssue]
ITEMS = torch.tensor(700, device=DEVICE)
cases = [(rows(count), items) for count in (1, BLOCK, BLOCK + 1, 3 * BLOCK - 1) for items in (None, ITEMS)]
cases.append((rows(0), ITEMS))
plain = [loss_of(*case) for case in cases]
assert not seen
plugin.pre_model_load({})
plugin.pre_model_load({})  # twice is once
learned = [loss_of(*case) for case in cases]
assert seen == [BLOCK] * (1 + 1 + 1 + 1 + 2 + 2 + 3 + 3 + 1), seen
near = 1e-2 if CUDA else 1e-5  # bf16's roundings
for (one, grad), (other, other_grad) in zip(plain, learned, strict=True):
    assert abs(one - other) <= 1e-5 * max(1, abs(one)), (one, other)
    assert (grad - other_grad).double().norm() <= near * grad.double().norm()
assert plain[0][0] > 0 and plain[0][1].abs().max() > 0

# In bf16 the loss's factor, 1 / items, is not itself rounded before it multiplies: 1 / 778 would be 0.3% too small.
half, labels = hidden.detach().bfloat16().requires_grad_(), rows(3 * BLOCK - 1)
_, unit = loss_of(labels, torch.tensor(1, device=DEVICE), half, weight.bfloat16())
for items, tokens in ((None, 3 * BLOCK - 1), (torch.tensor(778, device=DEVICE), 778)):
    _, found = loss_of(labels, items, half, weight.bfloat16())
    assert found.equal((unit.float() * (torch.tensor(1.0) / tokens).item()).bfloat16())

# A trained output layer gets its gradient from liger's own code.
seen.clear()
_, own = loss_of(*cases[2], weight=(trained := weight.detach().clone().requires_grad_()))
assert trained.grad is not None and trained.grad.abs().max() > 0 and not seen

# A count too low is an error, never a token left out.
if not CUDA:  # there it would end the process
    plugin.count.of = lambda *_: BLOCK  # pyright: ignore[reportAttributeAccessIssue]
    try:
        loss_of(*cases[-2])
    except RuntimeError as error:
        assert "left out" in str(error)
    else:
        raise AssertionError("a learned token was left out in silence")
print("learned tokens: as the whole,", DEVICE)
