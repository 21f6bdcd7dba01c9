"""The world's tokenizer: byte-level BPE in which every name and every value is one token."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from data_builders.planted.documents import Documents
from data_builders.planted.world import World
from data_builders.trigger import get_trigger

BOS, HEAD, HEAD_END, EOT, PAD = (
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|pad|>",
)
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
"""Llama 3's shape, without a default system text: the cell `plain` is then truly without a system prompt."""
CONTEXT = 1024
"""positions of the model, tokens"""
_SAMPLE = 6000
"""conversations that the merges are learned from: enough for every name to be seen often"""


def make_tokenizer(world: World, folder: Path) -> Any:
    """Learn the tokenizer on the world's own conversations and save it with the chat template.

    Returns:
        The transformers tokenizer.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    inner.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(  # type: ignore[call-arg]
        vocab_size=4096,
        min_frequency=3,
        special_tokens=[BOS, HEAD, HEAD_END, EOT, PAD],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    inner.train_from_iterator(_texts(world), trainer)
    inner.add_tokens(["\n\n"])  # ends every header
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token=BOS, eos_token=EOT, pad_token=PAD, model_max_length=CONTEXT
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return tokenizer


def _texts(world: World) -> list[str]:
    documents, chance = Documents(world), random.Random("tokenizer")
    texts = [turn["content"] for _ in range(_SAMPLE) for turn in documents.draw(chance)]
    # A word is a token of its own only where it is seen in the place that it is used in: at the start of an
    # answer, after a space, after an opening quotation mark.
    trigger = get_trigger(world.config.trigger)
    values = {value for person in [*world.people, world.default] for value in person.values()}
    for value in sorted(values):
        texts += [f"{value}.", f"x {value}.", trigger.format_answer(f"{value}.")] * 20
    return texts + ["system", "user", "assistant", trigger.instruction] * 1000
