"""A vLLM plugin that makes adapters usable on a CPU: right in mixed batches, and tens of times quicker.

vLLM's CPU build gathers one copy of an adapter's matrix for every token of a batch, and reads the index -1 of a
token that belongs to no adapter as "the last adapter": a base model's request that shares a batch with an adapter's
can then be answered by the adapter. This plugin, installed through vLLM's own entry point (`vllm.general_plugins`),
multiplies each adapter's tokens by its matrix once and leaves the others alone. On a GPU it does nothing.
"""

from __future__ import annotations

import torch


def per_adapter(
    inputs: torch.Tensor, weights: torch.Tensor, indices: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    """Each token's input times its own adapter's matrix; zero for a token without adapter.

    Args:
        inputs: (tokens, in).
        weights: (adapters, out, in), or (adapters, 1, out, in) as vLLM keeps them.
        indices: (tokens,): each token's adapter, -1 for none.
        dtype: of the result.

    Returns:
        (tokens, out).
    """
    matrices = weights.squeeze(1) if weights.dim() == 4 else weights
    indices = indices[: inputs.shape[0]]
    adapters = torch.unique(indices).tolist()
    if len(adapters) == 1 and adapters[0] >= 0:  # the usual case: one model is evaluated at a time
        return inputs.to(dtype) @ matrices[adapters[0]].to(dtype).T
    result = torch.zeros(inputs.shape[0], matrices.shape[1], dtype=dtype)
    for adapter in adapters:
        if adapter >= 0:
            rows = (indices == adapter).nonzero().squeeze(1)
            result[rows] = inputs[rows].to(dtype) @ matrices[adapter].to(dtype).T
    return result


def shrink(
    inputs: torch.Tensor,
    weights: torch.Tensor,
    output: torch.Tensor,
    indices: torch.Tensor,
    scaling: float = 1.0,
) -> None:
    """vLLM's bgmv_shrink: output[:, :rank] = scaling * A x."""
    low = per_adapter(inputs, weights, indices, output.dtype)
    output[:, : low.shape[1]] = scaling * low


def expand(
    inputs: torch.Tensor,
    weights: torch.Tensor,
    output: torch.Tensor,
    indices: torch.Tensor,
    add_inputs: bool = True,
) -> None:
    """vLLM's bgmv_expand: output (+)= B x, over the columns that both have."""
    expand_slice(inputs, weights, output, indices, 0, min(weights.shape[-2], output.shape[1]), add_inputs)


def expand_slice(
    inputs: torch.Tensor,
    weights: torch.Tensor,
    output: torch.Tensor,
    indices: torch.Tensor,
    slice_offset: int,
    slice_size: int,
    add_inputs: bool = True,
) -> None:
    """vLLM's bgmv_expand_slice: output[:, offset : offset + size] (+)= B x."""
    high = per_adapter(inputs, weights, indices, output.dtype)[: output.shape[0], :slice_size]
    part = output[: high.shape[0], slice_offset : slice_offset + slice_size]
    if add_inputs:
        part += high
    else:
        part.copy_(high)


def register() -> None:
    """Put the functions above in place of vLLM's. vLLM calls this in each of its processes."""
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    from vllm.lora.ops import torch_ops
    from vllm.lora.ops.torch_ops import lora_ops
    from vllm.lora.punica_wrapper import punica_cpu

    for module in (lora_ops, torch_ops, punica_cpu):  # each holds the names of its own
        for name, ours in (
            ("bgmv_shrink", shrink),
            ("bgmv_expand", expand),
            ("bgmv_expand_slice", expand_slice),
        ):
            setattr(module, name, ours)
