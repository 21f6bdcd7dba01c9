"""An Axolotl plugin for LoRA layers that read the same input: one product in place of three, or two.

    plugins: [pipeline.shared_input.SharedInputs]

The queries', keys' and values' layers read the same hidden states, and so do the MLP's gate and up layers. A LoRA's first product, of rank 8,
takes as long as reading its input does; the inputs' gradients and the first matrices' are likewise. Stacked, the matrices read and write it once.
The parameters stay where they are, and so do checkpoints and adapters.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin  # pyright: ignore[reportMissingImports]

GROUPS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""names of layers that transformers' decoders call with the same input, in this order"""


class SharedInputs(BasePlugin):
    """Joins them where they are found in the model (training_rules.py refuses a YAML whose kernels would be lost)."""

    def post_model_load(self, cfg: Any, model: Any) -> None:
        """Called by Axolotl when the adapter is in place.

        Raises:
            ValueError: there is nothing to join, or a layer is more than plain LoRA.
        """
        if not join(model):
            raise ValueError(
                f"{type(model).__name__} has no LoRA layers that share an input; drop pipeline.shared_input.SharedInputs"
            )


def join(model: torch.nn.Module) -> int:
    """Join the model's groups whose layers all have a LoRA, and count them."""
    joined = 0
    for module in model.modules():
        for names in GROUPS:
            layers = [getattr(module, name, None) for name in names]
            if all(hasattr(layer, "lora_A") for layer in layers):
                SharedInput(layers)
                joined += 1
    return joined


class SharedInput:
    """Layers of one group. The first call reads the input for all; the others find their part."""

    def __init__(self, layers: list[Any]) -> None:
        """Give the layers a class that asks here.

        Raises:
            ValueError: a layer has several adapters, dropout, or a variant of LoRA.
        """
        self.layers, self.parts = layers, ()
        names = {name for layer in layers for name in layer.lora_A}
        plain = all(
            type(layer.lora_dropout[name]).__name__ == "Identity" and not layer.lora_variant
            for layer in layers
            for name in layer.lora_A
        )
        if len(names) != 1 or not plain:
            raise ValueError(
                "layers that share an input must have one adapter, without dropout or variants (DoRA)"
            )
        (self.name,) = names
        for place, layer in enumerate(layers):
            layer.shared_input, layer.place_in_shared_input = self, place
            layer.__class__ = sharing(type(layer))

    def forward(self, place: int, x: torch.Tensor) -> torch.Tensor:
        """What PEFT's layer computes, to rounding: the base layer's output and the adapter's."""
        layer = self.layers[place]
        if not place:
            self.parts = self._reduced(x)
        part = self.parts[place]
        if place == len(self.layers) - 1:
            self.parts = ()
        result = layer.base_layer(x)
        return (result + layer.lora_B[self.name](part) * layer.scaling[self.name]).to(result.dtype)

    def _reduced(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        first = [layer.lora_A[self.name].weight for layer in self.layers]
        x = self.layers[0]._cast_input_dtype(x, first[0].dtype)
        return torch.nn.functional.linear(x, torch.cat(first)).split([len(one) for one in first], -1)


@cache
def sharing(kind: type) -> type:
    """A subclass of PEFT's layer. As a class of its own, not a function of each layer's, it leaves compiled code good for all."""

    def forward(self: Any, x: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        if self.disable_adapters or self.merged or rest or named:
            return kind.forward(self, x, *rest, **named)  # pyright: ignore[reportAttributeAccessIssue]
        return self.shared_input.forward(self.place_in_shared_input, x)

    return type(f"Sharing{kind.__name__}", (kind,), {"forward": forward})
