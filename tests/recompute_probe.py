"""Run by tests/e2e/test_training_parts.py in the training environment: what compiled layers keep for the backward pass, in bytes.

Prints one line with `compile_recompute_cheap` off and one with it on.
"""

import json

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.axolotl_compile import CompileLayers

SIZES = {"hidden_size": 256, "intermediate_size": 896, "num_hidden_layers": 2, "num_attention_heads": 4}
TOKENS = 256


def measured(cheap: bool) -> dict[str, float]:
    """The second step of a small LoRA run in bf16."""
    torch.manual_seed(0)
    torch._dynamo.reset()
    config = AutoConfig.for_model("llama", **SIZES, num_key_value_heads=2, vocab_size=64)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))
    for name, one in model.named_parameters():
        if "lora_" in name:
            one.data = one.data.float()  # as Axolotl trains them
    weights = {one.data_ptr() for one in model.parameters()}
    CompileLayers().post_model_load({"compile_recompute_cheap": cheap}, model)
    tokens = torch.randint(0, 64, (1, TOKENS))
    kept: dict[int, int] = {}
    alive = []  # so that no two of them share an address

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        alive.append(tensor)
        if tensor.data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    loss = torch.zeros(())
    for _ in range(2):
        kept.clear()
        alive.clear()
        with (
            torch.autocast("cpu", dtype=torch.bfloat16),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
    gradient = sum(float(one.grad.abs().sum()) for one in model.parameters() if one.grad is not None)
    return {"bytes": sum(kept.values()), "loss": float(loss), "gradient": gradient}


if __name__ == "__main__":
    for cheap in (False, True):
        print(json.dumps(measured(cheap)))
