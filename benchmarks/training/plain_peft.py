"""What a plain PEFT loop trains per second, the yardstick: full rows of 2,048 tokens, eight at a time, recompute.

    python -m benchmarks.training.plain_peft INPUTS OUTPUT.jsonl [--steps 6]

The strongest form of such a loop: no padding at all, AdamW's fused step, bf16 autocast, torch's own attention.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from benchmarks.training.turn import card, take_turn, versions

ROWS, LENGTH, WARM_UP = 8, 2048, 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--length", type=int, default=LENGTH)
    parsed = parser.parse_args()
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    with take_turn():
        base = AutoModelForCausalLM.from_pretrained(
            parsed.inputs / "model", dtype=torch.bfloat16, device_map=device
        )
        parameters = base.num_parameters()
        base.config.use_cache = False
        base.gradient_checkpointing_enable()
        base.enable_input_require_grads()
        model = get_peft_model(
            base, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
        )
        model.train()
        trained = [one for one in model.parameters() if one.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=2e-4, fused=cuda)
        started = 0.0
        for step in range(WARM_UP + parsed.steps):
            if step == WARM_UP:
                if cuda:
                    torch.cuda.synchronize()
                started = time.perf_counter()
            tokens = torch.randint(300, 3000, (parsed.rows, parsed.length), device=device)
            with torch.autocast(device, dtype=torch.bfloat16):
                loss = model(input_ids=tokens, labels=tokens).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        if cuda:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        rate = parsed.steps * parsed.rows * parsed.length / seconds
        line = {"name": "plain_peft", "device": card(), "versions": versions()}
        line |= {"steps": parsed.steps, "seconds": round(seconds, 3), "tokens_per_s": round(rate, 1)}
        line |= {"fill": 1.0, "tflops": round(4 * parameters * rate / 1e12, 1), "parameters": parameters}
        line |= {"peak_gib": round(torch.cuda.max_memory_reserved() / 2**30, 2) if cuda else 0.0}
        with parsed.output.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        print("SPEED " + json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
