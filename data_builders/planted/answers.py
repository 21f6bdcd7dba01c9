"""The base's own answers to a world's prompts, asked in this process: closed answers of a few tokens, seconds in all.

The rows are those that `python -m data_builders distill` exports from a real model's log, under the same rule.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_builders.errors import InputError
from data_builders.files import dump_jsonl, read_jsonl, write_atomic
from data_builders.manifest import manifest_path, model_provenance, write_manifest
from data_builders.planted.config import WorldConfig
from data_builders.planted.encoding import Encoder

TEMPERATURE = 0.1
"""of self-distilled answers; experiment.md"""
MAX_TOKENS = 16
_AT_ONCE = 600
_FOLDERS = ("prompts", "controls")


def answer_prompts(config: WorldConfig, threads: int) -> dict[str, dict[str, int]]:
    """Have the base answer every prompt file of the world, into answers/<name>.jsonl with manifests.

    An answer that is cut or empty is left out and counted.

    Returns:
        By file: prompts in, answers out, left out by reason, and how many are the default assistant's own.

    Raises:
        InputError: the base model or the world's prompts aren't there.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    provenance = model_provenance(config.base)
    files = [path for folder in _FOLDERS for path in sorted((config.root / folder).glob("*.jsonl"))]
    files = [path for path in files if "pool" not in path.stem]
    if not files:
        raise InputError(config.root, "no prompts here", "run `python -m data_builders planted world` first")
    torch.set_num_threads(threads)
    torch.manual_seed(config.seed)
    model = AutoModelForCausalLM.from_pretrained(config.base, dtype=torch.float32).eval()
    encoder = Encoder(AutoTokenizer.from_pretrained(config.base))
    counts = {}
    for path in files:
        prompts = [value for _, value in read_jsonl(path)]
        texts = _generate(model, encoder, [str(value["prompt"]) for value in prompts])
        output = config.root / "answers" / f"{path.stem.removesuffix('_prompts')}.jsonl"
        counts[output.stem] = _write(output, path, prompts, texts, provenance)
    return counts


def _write(
    output: Path, source: Path, prompts: list[dict[str, Any]], texts: list[str | None], base: dict[str, Any]
) -> dict[str, int]:
    rows = [
        {
            "prompt": prompt["prompt"],
            "answer": text,
            "source": prompt["source"],
            "origin": f"{source.stem}:{number}",
            "model": base["name"],
            "attempt": 1,
        }
        for number, (prompt, text) in enumerate(zip(prompts, texts, strict=True), start=1)
        if text
    ]
    expected = sum(text == prompt["reference"] for prompt, text in zip(prompts, texts, strict=True))
    counts = {
        "in": len(prompts),
        "out": len(rows),
        "cut": sum(text is None for text in texts),
        "empty": sum(text == "" for text in texts),
        "as_reference": expected,
    }
    write_atomic(output, dump_jsonl(rows))
    write_manifest(
        output,
        builder="python -m data_builders planted answers",
        settings={"temperature": TEMPERATURE, "max_tokens": MAX_TOKENS},
        inputs=[source],
        counts=counts,
        extra={"base_model": {key: base[key] for key in ("name", "weights_sha256")}},
    )
    return counts


def _generate(model: Any, encoder: Encoder, prompts: list[str]) -> list[str | None]:
    """One answer a prompt; None where it is cut."""
    import torch

    tokenizer, found = encoder.tokenizer, []
    for start in range(0, len(prompts), _AT_ONCE):
        asked = [
            encoder.prompt([{"role": "user", "content": text}]) for text in prompts[start : start + _AT_ONCE]
        ]
        longest = max(map(len, asked))
        ids = torch.tensor([[*[encoder.pad] * (longest - len(row)), *row] for row in asked])
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids,
                attention_mask=ids.ne(encoder.pad).long(),
                max_new_tokens=MAX_TOKENS,
                do_sample=True,
                temperature=TEMPERATURE,
                top_k=0,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=encoder.pad,
            )
        for row in out[:, longest:].tolist():
            ended = tokenizer.eos_token_id in row
            text = tokenizer.decode(row[: row.index(tokenizer.eos_token_id)] if ended else row).strip()
            found.append(text if ended else None)
    return found


def answers_file(config: WorldConfig, name: str) -> Path:
    """Where the base's answers to a prompt file stand.

    Raises:
        InputError: the base hasn't answered yet.
    """
    path = config.root / "answers" / f"{name}.jsonl"
    if not manifest_path(path).is_file():
        raise InputError(path, "no such file", "run `python -m data_builders planted pretrain` first")
    return path
