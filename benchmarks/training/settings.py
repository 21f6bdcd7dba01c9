"""A shipped YAML, turned to the random model: what is measured is what is shipped, but for the names below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from data_builders.manifest import REPO

NOT_MEASURED = ("health", "save_steps", "save_total_limit")
PAD = "<|finetune_right_pad_id|>"


def shipped(name: str, inputs: Path, work: Path, changes: dict[str, Any]) -> dict[str, Any]:
    """The YAML axolotl_configs/NAME.yaml on the random model and rows, with `changes` on top.

    The health check is left out (its time is its own), and no checkpoint is written.

    Args:
        inputs: the folder that random_llama.py filled.
        work: where tokenised rows and outputs go.
    """
    config = yaml.safe_load((REPO / "axolotl_configs" / f"{name}.yaml").read_text())
    config = {key: value for key, value in config.items() if key not in NOT_MEASURED}
    config["plugins"] = [plugin for plugin in config["plugins"] if not plugin.startswith("pipeline.")]
    config["datasets"][0]["path"] = str(inputs / "rows.jsonl")
    config |= {"base_model": str(inputs / "model"), "special_tokens": {"pad_token": PAD}}
    config |= {"dataset_prepared_path": str(work / "prepared"), "output_dir": str(work / "output")}
    config |= {"save_strategy": "no", "logging_steps": 1}
    return config | changes
