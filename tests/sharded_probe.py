"""Whether the health check answers, and training goes on, where FSDP2 shards the model. Runs in `.venv-train`.

    .venv-train/bin/torchrun --standalone --nproc_per_node 2 -m tests.sharded_probe ROWS.jsonl OUTPUT_FOLDER

A small model of random weights answers whole, sharded over the processes (on CPUs), and after a step; the first process
prints the three lists of answers, the loss and the gradients' norm, whole and sharded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def main() -> None:
    import torch
    import torch.distributed as dist
    from peft import LoraConfig, get_peft_model  # pyright: ignore[reportMissingImports]
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from data_builders.manifest import REPO
    from pipeline.health import HealthCallback, HealthSettings

    dist.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    torch.manual_seed(1)
    tokenizer: Any = AutoTokenizer.from_pretrained(REPO / "models" / "SmolLM2-135M-Instruct")
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = AutoConfig.for_model("llama", **shape, num_key_value_heads=2, vocab_size=len(tokenizer))
    plain: Any = AutoModelForCausalLM.from_config(config)
    for weights in plain.parameters():
        weights.data.mul_(20)  # else all answers are alike
    model: Any = get_peft_model(plain, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    arguments = SimpleNamespace(fp16=False)
    trainer = SimpleNamespace(model=model, processing_class=tokenizer, args=arguments)
    settings = HealthSettings(questions=2, max_new_tokens=8, loss_max=20, adherence_drop=0.5)
    check = HealthCallback(settings, Path(sys.argv[1]), {"output_dir": sys.argv[2]}, trainer)
    tokens = tokenizer("Where do you live?", return_tensors="pt")

    def step() -> tuple[float, float]:
        model.zero_grad()
        loss = model(**tokens, labels=tokens["input_ids"]).loss
        loss.backward()
        norm: Any = torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9)
        return float(loss), float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)

    whole, before = check._answers(), step()
    model.zero_grad()
    for layer in model.base_model.model.model.layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    sharded, after, again = check._answers(), step(), check._answers()
    if dist.get_rank() == 0:
        found = {"whole": whole, "sharded": sharded, "again": again, "before": before, "after": after}
        print(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
