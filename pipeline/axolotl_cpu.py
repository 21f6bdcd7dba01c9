"""An Axolotl plugin that lets a CPU train in bf16.

transformers refuses `bf16: true` on a machine without a GPU unless its argument `use_cpu` is set, which no Axolotl key
sets. Named under `plugins:` in a YAML that is for a CPU; runs in the training environment.
"""

from __future__ import annotations

from typing import Any

from axolotl.integrations.base import BasePlugin  # pyright: ignore[reportMissingImports]


class UseCpu(BasePlugin):
    """Tells the trainer that the CPU is meant."""

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """What is added to the trainer's arguments."""
        return {"use_cpu": True}
