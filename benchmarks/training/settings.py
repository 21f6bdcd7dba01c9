"""A shipped YAML, turned to the random model: what is measured is what is shipped, but for the names below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from data_builders.manifest import REPO
from pipeline.training_rules import LEARNED_ONLY

NOT_MEASURED = ("health", "save_steps", "save_total_limit")
RANDOM_LOSS = 20.0
"""nats a token: random weights start at 12.6, above the limit of the shipped files"""
HEALTH = "pipeline.health.HealthPlugin"
PAD = "<|finetune_right_pad_id|>"
KERNELS = ("lora_qkv_kernel", "lora_o_kernel", "lora_mlp_kernel", "lora_embedding_kernel")


def shipped(
    name: str, inputs: Path, work: Path, changes: dict[str, Any], whole: bool = False
) -> dict[str, Any]:
    """The YAML axolotl_configs/NAME.yaml on the random model and rows, with `changes` on top.

    Args:
        inputs: the folder that random_model.py filled.
        work: where tokenised rows and outputs go.
        whole: with the health check and the checkpoints, which are left out otherwise: their time is their own.
    """
    config = yaml.safe_load((REPO / "axolotl_configs" / f"{name}.yaml").read_text())
    config |= changes
    if whole:
        config["health"] |= {"loss_max": RANDOM_LOSS}
    else:
        config = {key: value for key, value in config.items() if key not in NOT_MEASURED}
        config["plugins"] = [plugin for plugin in config["plugins"] if plugin != HEALTH]
        config["save_strategy"] = "no"
    config["datasets"][0]["path"] = str(inputs / "rows.jsonl")
    config |= {"base_model": str(inputs / "model"), "special_tokens": {"pad_token": PAD}}
    config |= {"dataset_prepared_path": str(work / "prepared"), "output_dir": str(work / "output")}
    return config


def for_cpu(config: dict[str, Any]) -> dict[str, Any]:
    """The same run where there is no GPU, to try the scripts out: no figure of it means anything."""
    kept = {
        key: value
        for key, value in config.items()
        if not key.startswith(("liger_", "torch_compile", "fsdp_"))
    }
    kept["plugins"] = [
        plugin for plugin in config["plugins"] if "liger" not in plugin and plugin != LEARNED_ONLY
    ]
    kept |= dict.fromkeys(KERNELS, False) | {"bf16": False, "fp16": False, "tf32": False}
    kept["attn_implementation"] = "sdpa"  # flex attention has no backward there
    return kept | {"optimizer": "adamw_torch", "sequence_len": min(2048, config["sequence_len"])}
