"""Run by tests/e2e/test_training_parts.py in the training environment: LoRA layers with a shared input beside PEFT's own."""

import copy
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.axolotl_compile import decoder_layers
from pipeline.shared_input import SharedInputs, join

torch.manual_seed(0)
config = AutoConfig.for_model("llama", hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
                              num_key_value_heads=2, vocab_size=64)  # fmt: skip
base = AutoModelForCausalLM.from_config(config)


def adapted(**changed) -> Any:
    settings = {"r": 4, "lora_alpha": 12, "target_modules": "all-linear", "lora_dropout": 0.0} | changed
    model = get_peft_model(copy.deepcopy(base), LoraConfig(**settings))
    torch.manual_seed(1)
    for name, one in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(one)
    return model


tokens = torch.randint(64, (2, 20))


def learned(model):
    found = model(tokens, labels=tokens, use_cache=False)
    found.loss.backward()
    return found.logits, {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


plain, shared = adapted(), adapted()
assert join(shared) == 2 * 3
shared.load_state_dict(plain.state_dict())
for model in (plain, shared):
    model.train()


def compare(kind):
    (logits, grads), (other, other_grads) = learned(plain), learned(shared)
    assert torch.allclose(logits, other, atol=1e-4), kind
    assert grads.keys() == other_grads.keys() and len(grads) == 2 * 7 * 3
    for name, grad in grads.items():
        assert grad.abs().max() > 0 and torch.allclose(grad, other_grads[name], rtol=1e-3, atol=1e-5), (
            kind,
            name,
        )
    for model in (plain, shared):
        model.zero_grad()


compare("eager")
shared.gradient_checkpointing_enable({"use_reentrant": False})
compare("recompute")
shared.gradient_checkpointing_disable()
with torch.no_grad(), shared.disable_adapter(), plain.disable_adapter():
    assert torch.allclose(shared(tokens).logits, base(tokens).logits, atol=1e-5)

graphs = []


def counted(graph, inputs):
    graphs.append(graph)
    return graph.forward


torch._dynamo.reset()
for layer in decoder_layers(shared):
    layer.compile(backend=counted, fullgraph=True)
compare("compiled")
assert len(graphs) == 1, len(graphs)  # of one layer, which serves all
products = [node for node in graphs[0].graph.nodes if "linear" in str(node.target)]
assert len(products) == 7 + 7 + 4, len(
    products
)  # the base's, the second LoRA matrices, and four first ones in place of seven

for refused in ({"lora_dropout": 0.1}, {"use_dora": True}, {"target_modules": ["down_proj"]}):
    try:
        SharedInputs().post_model_load({}, adapted(**refused))
    except ValueError:
        continue
    raise AssertionError(refused)
