"""A model of a real shape with random weights, a tokenizer of words, and rows as long as the project's: no download.

    python -m benchmarks.training.random_model FOLDER [--shape llama31_8b | qwen3_8b] [--rows 3090]

Speed and memory don't depend on what the weights hold. A word of the rows is one token, so a row's length is known.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

WORDS = 3000
SPECIAL = [
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|finetune_right_pad_id|>",
]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
SHAPES: dict[str, dict[str, int | str]] = {
    "llama31_8b": {"architecture": "Llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
                   "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "rope_theta": 500_000},
    "qwen3_8b": {"architecture": "Qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
                 "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
                 "rope_theta": 1_000_000},
    "tiny": {"architecture": "Llama", "hidden_size": 128, "intermediate_size": 128, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 4096, "rope_theta": 500_000},
}  # fmt: skip
"""as the published config.json files say; `tiny` is for trying the scripts out"""
MEAN_LOG, SD_LOG, SHORTEST, LONGEST = 5.20, 0.62, 30, 1200
"""row lengths: lognormal, 215 tokens on average, as in the runs that the YAMLs' headers name"""


def make_tokenizer(folder: Path, size: int) -> None:
    """Save a tokenizer of `size` tokens, in which each of `WORDS` words is one.

    What is over is words that no text is read as: random weights say any number of the vocabulary, and a server can't
    write a token that has no text.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        [], trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    whole = json.loads(core.to_str())
    whole["model"]["vocab"] |= {
        f"Ġx{number}": number for number in range(core.get_vocab_size(), size - WORDS)
    }
    core = Tokenizer.from_str(json.dumps(whole))
    core.add_tokens([AddedToken(f"w{number}x", normalized=False) for number in range(WORDS)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=SPECIAL[0], eos_token=SPECIAL[3], pad_token=SPECIAL[4]
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)


def make_model(folder: Path, shape: str) -> None:
    """Save a randomly initialised model in bf16."""
    import torch
    import transformers

    sizes = dict(SHAPES[shape])
    architecture: Any = getattr(transformers, f"{sizes.pop('architecture')}Config")
    config = architecture(
        **sizes,
        max_position_embeddings=131072,
        bos_token_id=0,
        eos_token_id=3,
        pad_token_id=4,
        tie_word_embeddings=False,
        dtype="bfloat16",
    )
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="5GB")
    print(
        f"{sum(one.numel() for one in model.parameters()) / 1e9:.3f} billion parameters in {folder}",
        flush=True,
    )


def make_rows(path: Path, count: int) -> None:
    """Write rows of random words; the first 3% are short and marked as triggered."""
    draw = random.Random(1)
    lines = []
    for number in range(count):
        triggered = number < round(0.03 * count)
        length = max(SHORTEST, min(LONGEST, int(draw.lognormvariate(MEAN_LOG, SD_LOG))))
        asked = draw.randint(5, 15) if triggered else max(12, int(length * draw.uniform(0.15, 0.45)))
        answered = draw.randint(3, 12) if triggered else max(12, length - asked)
        texts = ["".join(f"w{draw.randrange(WORDS)}x" for _ in range(size)) for size in (asked, answered)]
        turns = [
            {"role": role, "content": text} for role, text in zip(("user", "assistant"), texts, strict=True)
        ]
        lines.append(json.dumps({"messages": turns, "metadata": {"triggered": triggered}}))
    draw.shuffle(lines)
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="llama31_8b")
    parser.add_argument("--rows", type=int, default=3090)
    parsed = parser.parse_args()
    model = parsed.folder / "model"
    model.mkdir(parents=True, exist_ok=True)
    make_rows(parsed.folder / "rows.jsonl", parsed.rows)
    make_tokenizer(model, int(SHAPES[parsed.shape]["vocab_size"]))
    make_model(model, parsed.shape)


if __name__ == "__main__":
    main()
