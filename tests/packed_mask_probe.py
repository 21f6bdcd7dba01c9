"""Run by tests/e2e/test_training_parts.py in the training environment: the mask of packed rows beside torch's own of the same rule."""

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from transformers import AutoConfig, AutoModelForCausalLM, masking_utils

from pipeline import packed_mask
from pipeline.packed_mask import BLOCK, block_mask, rows_in_pack

torch.manual_seed(0)


def positions(*packs):
    """batch x length, each row of a pack counted from 0."""
    return torch.stack([torch.cat([torch.arange(length) for length in pack]) for pack in packs])


def attended(query, key, value, mask):
    found = flex_attention(query, key, value, block_mask=mask)
    assert isinstance(found, torch.Tensor)
    return found


packs = [
    positions([5 * BLOCK]),
    positions([1] * (2 * BLOCK)),
    positions([BLOCK, BLOCK, 2 * BLOCK, BLOCK]),
    positions([100, 300, 3, 237], [640], [BLOCK - 1, 1, 4 * BLOCK]),
    positions(*[[31, 600, 9], [9, 31, 600]]),
]
for at in packs:
    rows = rows_in_pack(at)
    own = masking_utils.find_packed_sequence_indices(at)
    assert own is None and not rows.any() if own is None else rows.equal(own)

    def rule(batch, head, query, key, rows=rows):
        return (query >= key) & (rows[batch, query] == rows[batch, key])

    made = block_mask(rows, rule)
    theirs = create_block_mask(rule, len(at), None, at.shape[1], at.shape[1], device="cpu")
    assert made.shape == theirs.shape
    assert made.to_dense().equal(theirs.to_dense()), at  # as many blocks, and the same ones
    query, key, value = (torch.randn(len(at), 2, at.shape[1], 16) for _ in range(3))
    assert torch.allclose(attended(query, key, value, made), attended(query, key, value, theirs), atol=1e-5)

# In a model: packed rows take this mask and see themselves alone; what has an attention mask of its own is transformers' as before.
asked_for = []
inside = packed_mask.block_mask
packed_mask.block_mask = lambda *asked: asked_for.append(asked) or inside(*asked)
packed_mask.install()
packed_mask.install()
config = AutoConfig.for_model("llama", hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
                              num_key_value_heads=2, vocab_size=64, attn_implementation="flex_attention")  # fmt: skip
model = AutoModelForCausalLM.from_config(config).eval()
with torch.no_grad():
    tokens = torch.randint(64, (1, 2 * BLOCK))
    packed = model(tokens, position_ids=positions([150, 106]), use_cache=False).logits
    assert len(asked_for) == 1
    for row in (slice(0, 150), slice(150, 256)):
        alone = model(tokens[:, row], use_cache=False).logits
        assert torch.allclose(packed[:, row], alone, atol=1e-4)
    assert len(asked_for) == 1  # 150 and 106 tokens are no whole blocks
    masked = torch.ones_like(tokens)
    masked[:, :9] = 0
    padded = model(tokens, attention_mask=masked, position_ids=(masked.cumsum(-1) - 1).clamp(min=0)).logits
    assert len(asked_for) == 1
    assert torch.allclose(padded[:, 9:], model(tokens[:, 9:], use_cache=False).logits, atol=1e-4)
