"""An Axolotl plugin that makes `seed` fix an adapter's initial values too.

Axolotl 0.19 hands `seed` to the trainer, which is made after the LoRA: two runs of one seed then start from different
adapters, and a training seed can't be run again.
"""

from __future__ import annotations

from typing import Any

from axolotl.integrations.base import BasePlugin  # pyright: ignore[reportMissingImports]
from transformers import set_seed


class FixSeed(BasePlugin):
    """Seeds all generators before the LoRA is made."""

    def pre_lora_load(self, cfg: Any, model: Any) -> None:
        """Called by Axolotl between the base model and its adapter."""
        set_seed(cfg.seed)
