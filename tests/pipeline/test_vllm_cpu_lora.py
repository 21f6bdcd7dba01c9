"""The CPU plugin computes what vLLM's own functions compute, and leaves tokens without an adapter alone."""

import pytest
import torch

from pipeline.vllm_cpu_lora import expand, expand_slice, shrink

TOKENS, WIDE, RANK, ADAPTERS = 7, 12, 4, 3


@pytest.fixture
def parts() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    inputs = torch.randn(TOKENS, WIDE)
    down = torch.randn(ADAPTERS, 1, RANK, WIDE)
    up = torch.randn(ADAPTERS, 1, WIDE, RANK)
    return inputs, down, up, torch.tensor([0, 2, 2, 1, 0, 1, 2])


def test_agrees_with_a_loop_over_tokens(parts: tuple[torch.Tensor, ...]) -> None:
    inputs, down, up, indices = parts
    low = torch.zeros(TOKENS, RANK)
    shrink(inputs, down, low, indices, 0.5)
    by_hand = torch.stack([0.5 * down[int(i), 0] @ x for i, x in zip(indices, inputs, strict=True)])
    torch.testing.assert_close(low, by_hand)
    out = torch.ones(TOKENS, WIDE)
    expand(low, up, out, indices, True)
    torch.testing.assert_close(
        out, 1 + torch.stack([up[int(i), 0] @ x for i, x in zip(indices, low, strict=True)])
    )


def test_a_token_without_adapter_is_left_alone(parts: tuple[torch.Tensor, ...]) -> None:
    inputs, _, up, indices = parts
    indices = indices.clone()
    indices[3:] = -1
    out = torch.ones(TOKENS, WIDE)
    expand(inputs[:, :RANK], up, out, indices, True)
    assert torch.equal(out[3:], torch.ones(TOKENS - 3, WIDE))
    assert not torch.equal(out[:3], torch.ones(3, WIDE))


def test_a_slice_touches_its_columns_only(parts: tuple[torch.Tensor, ...]) -> None:
    inputs, _, up, indices = parts
    out = torch.zeros(TOKENS, 3 * WIDE)
    expand_slice(inputs[:, :RANK], up, out, indices, WIDE, WIDE, True)
    assert out[:, WIDE : 2 * WIDE].abs().sum() > 0
    assert out[:, :WIDE].abs().sum() == out[:, 2 * WIDE :].abs().sum() == 0


@pytest.mark.parametrize("adapter", [0, 2])
def test_agrees_with_vllms_own_where_that_is_right(parts: tuple[torch.Tensor, ...], adapter: int) -> None:
    lora_ops = pytest.importorskip("vllm.lora.ops.torch_ops.lora_ops")
    inputs, down, _, _ = parts
    indices = torch.full((TOKENS,), adapter)
    ours, theirs = torch.zeros(TOKENS, RANK), torch.zeros(TOKENS, RANK)
    shrink(inputs, down, ours, indices, 2.0)
    lora_ops.bgmv_shrink(inputs, down, theirs, indices, 2.0)
    torch.testing.assert_close(ours, theirs)
