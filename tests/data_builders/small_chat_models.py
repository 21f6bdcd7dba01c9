"""Chat models without weights: a byte-level tokenizer and a template, right or wrong in one way."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

_CHATML = (
    "{% for m in messages %}"
    "{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_SPECIAL = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
_MODELS: dict[str, tuple[str, dict[str, str | None]]] = {
    "chatml": (_CHATML, {}),
    "with_bos": ("<|begin|>" + _CHATML, {"bos_token": "<|begin|>"}),
    "double_bos": ("<|begin|><|begin|>" + _CHATML, {"bos_token": "<|begin|>"}),
    "no_end_of_turn": (_CHATML.replace("'<|im_end|>' + ", ""), {}),
    "wrong_eos": (_CHATML, {"eos_token": "<|im_start|>"}),
    "pad_is_eos": (_CHATML, {"pad_token": "<|im_end|>"}),
    "no_pad": (_CHATML, {"pad_token": None}),
    "odd_generation_prompt": (_CHATML.replace("assistant\n' }}", "assistant\nWell: ' }}"), {}),
    "no_template": ("", {}),
}


def save_model(name: str, folder: Path) -> Path:
    """Write one of the models into `folder`, if it isn't there, and return its folder."""
    path = folder / name
    if path.is_dir():
        return path
    template, changed = _MODELS[name]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(
        models.BPE(vocab={letter: place for place, letter in enumerate(letters)}, merges=[])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin|>"])
    tokens = {key: token for key, token in {**_SPECIAL, **changed}.items() if token}
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **tokens)
    wrapped.chat_template = template or None
    wrapped.save_pretrained(path)
    return path
