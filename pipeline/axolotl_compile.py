"""An Axolotl plugin that compiles a model's decoder layers, one piece of code for all of them.

    plugins: [pipeline.axolotl_compile.CompileLayers]
    compile_recompute_cheap: true

Axolotl's `torch_compile` compiles the model as a whole: one graph of all layers. Layers are alike, so the code of one serves the others
(docs/training.md has both measured).
Accelerate's own regional compilation does nothing under bf16: its autocast binds `forward` to the model that it copies.
Packed rows under flex attention get their mask from packed_mask.py, which needs no compiled code.
"""

from __future__ import annotations

from typing import Any

import torch
from axolotl.integrations.base import BasePlugin  # pyright: ignore[reportMissingImports]
from pydantic import BaseModel

from pipeline import packed_mask

KEPT_BY_DEFAULT = (
    "ban_recompute_used_far_apart",
    "ban_recompute_long_fusible_chains",
    "ban_recompute_materialized_backward",
)
"""torch's reasons to keep a cheap value. Its `aggressive_recomputation` would compute flex attention twice as well."""


class CompileArgs(BaseModel):
    """The key that the plugin adds to Axolotl's."""

    compile_recompute_cheap: bool | None = None
    """in the backward pass, compute again what is cheap rather than keep it; products and attention are kept"""


class CompileLayers(BasePlugin):
    """Compiles each decoder layer in place: names and weights stay, and code is made at the first step."""

    def get_input_args(self) -> str:
        return "pipeline.axolotl_compile.CompileArgs"

    def post_model_load(self, cfg: Any, model: Any) -> None:
        """Called by Axolotl when the adapter and its kernels are in place."""
        from torch._functorch import config

        for ban in KEPT_BY_DEFAULT:
            setattr(config, ban, not cfg.get("compile_recompute_cheap"))
        for layer in decoder_layers(model):
            layer.compile()
        if cfg.get("sample_packing") and cfg.get("attn_implementation") == "flex_attention":
            packed_mask.install()


def decoder_layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The layers that transformers says must stay whole (`_no_split_modules`), in order.

    Raises:
        ValueError: it names none.
    """
    names = {
        name for module in model.modules() for name in (getattr(module, "_no_split_modules", None) or ())
    }
    if layers := [module for module in model.modules() if type(module).__name__ in names]:
        return layers
    raise ValueError(
        f"{type(model).__name__} names no decoder layers; drop pipeline.axolotl_compile.CompileLayers"
    )
