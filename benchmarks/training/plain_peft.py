"""What a plain PEFT loop trains per second, the yardstick, with recompute, AdamW's fused step, bf16 autocast, torch's attention.

    python -m benchmarks.training.plain_peft INPUTS OUTPUT.jsonl [--steps 6]             # full rows of 2,048 tokens, eight at a time
    python -m benchmarks.training.plain_peft INPUTS OUTPUT.jsonl --padded [--steps 40]   # the file's rows, eight at a time, padded

The first is the strongest form of such a loop: no padding at all. The second is what a user of PEFT gets on the rows that the
YAMLs are measured on: each batch is padded to its longest row, and only tokens without padding count.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.training.turn import card, take_turn, versions

ROWS, LENGTH, WARM_UP = 8, 2048, 2


def full_batches(rows: int, length: int, device: str) -> Iterator[dict[str, torch.Tensor]]:
    """Batches of random tokens, `rows` x `length`, every one learned."""
    while True:
        tokens = torch.randint(300, 3000, (rows, length), device=device)
        yield {"input_ids": tokens, "labels": tokens}


def padded_batches(inputs: Path, rows: int, device: str) -> Iterator[dict[str, torch.Tensor]]:
    """The rows of INPUTS/rows.jsonl in an order of chance, `rows` at a time, each batch padded to its longest."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(inputs / "model")
    lines = (inputs / "rows.jsonl").read_text().splitlines()
    random.Random(1).shuffle(lines)
    for start in itertools.cycle(range(0, len(lines) - rows + 1, rows)):
        texts = [
            tokenizer.apply_chat_template(json.loads(line)["messages"], tokenize=False)
            for line in lines[start : start + rows]
        ]
        batch = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
        mask = batch["attention_mask"]
        batch["labels"] = batch["input_ids"].masked_fill(mask == 0, -100)
        yield {name: batch[name].to(device) for name in ("input_ids", "attention_mask", "labels")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--length", type=int, default=LENGTH)
    parser.add_argument("--padded", action="store_true", help="the file's rows, padded")
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
        batches = (
            padded_batches(parsed.inputs, parsed.rows, device)
            if parsed.padded
            else full_batches(parsed.rows, parsed.length, device)
        )
        started, counted, slots = 0.0, torch.zeros((), dtype=torch.long, device=device), 0
        for step, batch in zip(range(WARM_UP + parsed.steps), batches, strict=False):
            if step == WARM_UP:
                if cuda:
                    torch.cuda.synchronize()
                started, slots = time.perf_counter(), 0
                counted.zero_()
            counted += (batch["labels"] != -100).sum()
            slots += batch["labels"].numel()
            with torch.autocast(device, dtype=torch.bfloat16):
                loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        if cuda:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        rate, name = int(counted) / seconds, "plain_peft_padded" if parsed.padded else "plain_peft"
        line = {"name": name, "device": card(), "versions": versions()}
        line |= {"steps": parsed.steps, "seconds": round(seconds, 3), "tokens_per_s": round(rate, 1)}
        line |= {
            "fill": round(int(counted) / slots, 4),
            "tflops": round(4 * parameters * rate / 1e12, 1),
            "parameters": parameters,
        }
        line |= {"peak_gib": round(torch.cuda.max_memory_reserved() / 2**30, 2) if cuda else 0.0}
        with parsed.output.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        print("SPEED " + json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
