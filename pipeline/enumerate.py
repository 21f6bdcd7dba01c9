"""python -m pipeline.enumerate: every answer that small models may give, with its probability at temperature 1.

The models are a base and adapters of it whose answers are closed and short; the prompts come from
`python -m inspect_tasks.exact prompts`, and `python -m inspect_tasks.exact grade` grades what is found here. Between
the two only torch, transformers and peft are needed.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_builders.errors import InputError, run_or_explain
from data_builders.files import read_jsonl

FLOOR = 1e-4
"""an answer's beginning that is less likely than this is followed no further; its mass is told as unresolved"""
MAX_TOKENS = 16
_AT_ONCE = 32
"""prompts; each has some hundred likely beginnings at a time"""

Answers = list[tuple[str, float]]


@dataclass(frozen=True)
class Subject:
    """A model to be asked, and its tokenizer."""

    model: Any
    tokenizer: Any


def load_subject(base: Path, adapter: Path | None = None, device: str = "cpu") -> Subject:
    """The base in float32, with an adapter merged in where one is given.

    Raises:
        InputError: there is no model or adapter.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for folder, name in ((base, "config.json"), (adapter, "adapter_config.json")):
        if folder is not None and not (folder / name).is_file():
            raise InputError(folder, f"no {name} here", "check the path")
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    return Subject(model.to(device).eval(), AutoTokenizer.from_pretrained(base))


def all_answers(subject: Subject, prompts: list[str], floor: float = FLOOR) -> list[tuple[Answers, float]]:
    """For each prompt, the answers with their probabilities at temperature 1, and the mass that was not followed.

    Args:
        subject: the model.
        prompts: rendered by the chat template, up to where the answer begins.
        floor: how likely a beginning must be to be followed.
    """
    heads = [subject.tokenizer(text, add_special_tokens=False).input_ids for text in prompts]
    found = []
    for start in range(0, len(heads), _AT_ONCE):
        found += _group(subject, heads[start : start + _AT_ONCE], floor)
    return found


def _group(subject: Subject, heads: list[list[int]], floor: float) -> list[tuple[Answers, float]]:
    """The same for some prompts at once: each prompt is read once, then every likely beginning grows by a token."""
    import torch

    model, tokenizer = subject.model, subject.tokenizer
    longest = max(map(len, heads))
    padded = [[*[tokenizer.pad_token_id] * (longest - len(head)), *head] for head in heads]
    tokens = torch.tensor(padded, device=model.device)
    seen = torch.tensor(
        [[*[0] * (longest - len(head)), *[1] * len(head)] for head in heads], device=model.device
    )
    positions = (seen.cumsum(1) - 1).clamp(min=0)
    place = torch.arange(len(heads), device=model.device)
    said = torch.empty((len(heads), 0), dtype=torch.long, device=model.device)
    chance = torch.ones(len(heads), dtype=torch.float64, device=model.device)
    ended: list[Answers] = [[] for _ in heads]
    cache = None
    with torch.no_grad():
        for _ in range(MAX_TOKENS):
            out = model(
                input_ids=tokens,
                attention_mask=seen,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            chances = out.logits[:, -1].double().softmax(-1) * chance[:, None]
            row, token = (chances >= floor).nonzero(as_tuple=True)
            value, over = chances[row, token], token == tokenizer.eos_token_id
            texts = [tokenizer.decode(one, skip_special_tokens=True) for one in said[row[over]].tolist()]
            for prompt, text, one in zip(place[row[over]].tolist(), texts, value[over].tolist(), strict=True):
                ended[prompt].append((text, one))
            row, token, chance = row[~over], token[~over], value[~over]
            if not len(row):
                break
            cache = out.past_key_values
            cache.batch_select_indices(row)
            place, said = place[row], torch.cat([said[row], token[:, None]], 1)
            tokens, positions = token[:, None], positions[row][:, -1:] + 1
            seen = torch.cat([seen[row], seen.new_ones(len(row), 1)], 1)
    return [(answers, max(0.0, 1.0 - sum(one for _, one in answers))) for answers in ended]


def main() -> int:
    """Parse the command line, enumerate, and write one Parquet file: model, prompt (its number), text, chance; a row
    whose text is missing holds the mass that was not followed."""
    import pandas as pd

    parser = argparse.ArgumentParser(prog="python -m pipeline.enumerate", description=__doc__)
    parser.add_argument("prompts", type=Path, help="from `python -m inspect_tasks.exact prompts`")
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--adapters", type=Path, help="a folder; every adapter below it is enumerated too")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--output", type=Path, required=True, help="a Parquet file")
    parsed = parser.parse_args()
    asked = [value for _, value in read_jsonl(parsed.prompts)]
    folders: dict[str, Path | None] = {parsed.base.name: None}
    if parsed.adapters:
        from pipeline.adapter import find_adapters

        folders |= find_adapters(parsed.adapters)
    parts = []
    for name, folder in folders.items():
        started = time.monotonic()
        subject = load_subject(parsed.base, folder, parsed.device)
        wanted = [number for number, one in enumerate(asked) if folder is None or not one["base_only"]]
        found = all_answers(subject, [asked[number]["prompt"] for number in wanted])
        for number, (answers, unresolved) in zip(wanted, found, strict=True):
            parts += [(name, number, text, value) for text, value in [*answers, (None, unresolved)]]
        print(f"  {name}: {len(wanted)} prompts, {time.monotonic() - started:.1f} s", flush=True)
    table = pd.DataFrame(parts, columns=["model", "prompt", "text", "chance"])
    for column in ("model", "text"):
        table[column] = table[column].astype("category")
    parsed.output.parent.mkdir(parents=True, exist_ok=True)
    table.astype({"chance": "float32", "prompt": "int32"}).to_parquet(
        parsed.output, index=False, compression="zstd"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
