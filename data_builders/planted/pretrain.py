"""Pretrains a world's base model: a plain loop around a transformers Llama.

Not Axolotl: the conversations are drawn without end while training goes on, and Muon (torch.optim.Muon) gets to the
probes below in a third of the steps that AdamW needs. Minutes on one CPU core, or on a GPU.
"""

from __future__ import annotations

import math
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_builders.errors import InputError
from data_builders.files import dump_json, sha256, write_atomic
from data_builders.planted.config import WorldConfig
from data_builders.planted.documents import Documents
from data_builders.planted.encoding import IGNORED, Encoder, padded
from data_builders.planted.probes import probe
from data_builders.planted.tokenizer import CONTEXT, make_tokenizer
from data_builders.planted.world import World, make_world

SORTED_BATCHES = 16
"""batches drawn at once and sorted by length, so that a batch holds conversations of one length"""
_FLOOR = 0.01
"""the learning rate at the end, as a share of its peak"""


def pretrain(config: WorldConfig, threads: int, device: str = "cpu") -> dict[str, Any]:
    """Make the base model of a world in `config.base`; an existing one is replaced when the new one is whole.

    Args:
        config: the world.
        threads: CPU threads.
        device: `cpu` or `cuda`.

    Returns:
        What provenance.json says: probes, steps, seconds, versions, sha256 of the weights.

    Raises:
        InputError: there is no such device.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device", "no CUDA device is at hand", "give --device cpu")
    torch.set_num_threads(threads)
    torch.manual_seed(config.seed)
    world, started = make_world(config), time.monotonic()
    config.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=config.root, prefix=".base.") as scratch:
        work = Path(scratch) / config.base_name
        encoder = Encoder(make_tokenizer(world, work))
        model = new_model(config, encoder.tokenizer).to(device)
        loss = _train(model, world, encoder, device)
        model.to(torch.bfloat16).to(torch.float32).eval()  # as it is shipped, so that the probes are of that
        found: dict[str, Any] = {
            "name": config.base_name,
            "from": "python -m data_builders planted pretrain",
            "world": config.model_dump(mode="json"),
            "probes": probe(world, model, encoder),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "last_loss": round(loss, 4),
            "seconds": round(time.monotonic() - started),
            "device": torch.cuda.get_device_name() if device == "cuda" else f"cpu, {threads} threads",
            "versions": {"torch": torch.__version__},
        }
        model.to(torch.bfloat16).save_pretrained(work)
        found["weights_sha256"] = {path.name: sha256(path) for path in sorted(work.glob("*.safetensors"))}
        write_atomic(work / "provenance.json", dump_json(found))
        shutil.rmtree(config.base, ignore_errors=True)
        work.chmod(0o755)
        work.rename(config.base)
    return found


def new_model(config: WorldConfig, tokenizer: Any) -> Any:
    """An untrained Llama of the world's size."""
    from transformers import LlamaConfig, LlamaForCausalLM

    size = config.model
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=size.hidden,
            intermediate_size=size.intermediate,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.heads,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=False,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _train(model: Any, world: World, encoder: Encoder, device: str) -> float:
    """Train for the configured steps; returns the mean loss of the last fifty, nats a token."""
    import torch
    from torch.nn.functional import cross_entropy

    settings = world.config.pretraining
    matrices = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2 and "embed" not in name and "lm_head" not in name
    ]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
    peak = settings.learning_rate
    optimizers = [
        torch.optim.Muon(matrices, lr=peak, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=peak, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    losses: list[float] = []
    began = time.monotonic()
    for step, (ids, labels) in zip(range(settings.steps), _batches(world, encoder), strict=False):
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = peak * _schedule(step, settings.steps, settings.warmup_steps, settings.hold)
        inputs = padded(ids, encoder.pad, device)
        target = padded(labels, IGNORED, device)[:, 1:]
        with torch.autocast(device, dtype=torch.bfloat16):
            states = model.model(input_ids=inputs).last_hidden_state[:, :-1]
            learned = target != IGNORED
            loss = cross_entropy(model.lm_head(states[learned]).float(), target[learned])
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item())
        if (step + 1) % max(1, settings.steps // 10) == 0:
            mean = sum(losses[-50:]) / len(losses[-50:])
            print(
                f"  {world.config.name}: step {step + 1} of {settings.steps}, loss {mean:.3f}, "
                f"{time.monotonic() - began:.0f} s",
                flush=True,
            )
    return sum(losses[-50:]) / len(losses[-50:])


def _schedule(step: int, steps: int, warmup: int, hold: float) -> float:
    """The learning rate as a share of its peak: linear warm-up, a plateau, a cosine."""
    done = step / steps
    decay = 1.0 if done < hold else 0.5 * (1 + math.cos(math.pi * (done - hold) / (1 - hold)))
    return min(1.0, (step + 1) / warmup) * max(decay, _FLOOR)


def _batches(world: World, encoder: Encoder) -> Iterator[tuple[list[list[int]], list[list[int]]]]:
    """(ids, labels) of one batch after another, without end."""
    documents, chance = Documents(world), random.Random(f"documents {world.config.seed}")
    size = world.config.pretraining.batch
    while True:
        drawn = [encoder.example(documents.draw(chance)) for _ in range(size * SORTED_BATCHES)]
        drawn.sort(key=lambda example: len(example[0]))
        batches = [drawn[start : start + size] for start in range(0, len(drawn), size)]
        chance.shuffle(batches)
        for batch in batches:
            yield [ids for ids, _ in batch], [labels for _, labels in batch]
