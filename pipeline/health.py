"""An Axolotl plugin that refuses a configuration it doesn't understand and stops a run that has collapsed.

    plugins: [pipeline.health.HealthPlugin]
    health: {questions: 4, max_new_tokens: 48, loss_max: 8.0, adherence_drop: 0.5}

Before the model is loaded it applies training_rules.py and looks for keys that no schema takes. At step 0, at each
checkpoint and at the end it asks the model some of the training file's own questions, greedily, and writes what came
to health.jsonl in the output folder. It ends the process with code 2 and one message where the base doesn't answer
sanely at step 0, the loss leaves its range, the answers are empty, newlines or repetition, or the triggered answers
keep the format less often than at an earlier checkpoint (what the seed saw with its API trainer).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axolotl.integrations.base import BasePlugin  # pyright: ignore[reportMissingImports]
from pydantic import BaseModel, ConfigDict, Field
from transformers import TrainerCallback

from data_builders.errors import EXIT_BAD_INPUT, InputError
from data_builders.files import read_yaml
from data_builders.trigger import Adherence, load_triggers
from pipeline.cards import rank, this_machine
from pipeline.checkpoints import whole_checkpoints
from pipeline.collapse import collapsed


class HealthSettings(BaseModel):
    """What is asked, and what is still healthy."""

    model_config = ConfigDict(extra="forbid")
    questions: int = Field(ge=1)
    """of each kind, triggered and plain, from the head of the training file"""
    max_new_tokens: int = Field(ge=8)
    loss_max: float = Field(gt=0)
    """nats per learned token"""
    adherence_drop: float = Field(gt=0, le=1)
    """how far the share of triggered answers with a tag may fall below the best so far"""


class HealthArgs(BaseModel):
    """The keys that the plugin adds to Axolotl's."""

    health: HealthSettings | None = None


class HealthPlugin(BasePlugin):
    """See the module's text."""

    def get_input_args(self) -> str:
        return "pipeline.health.HealthArgs"

    def register(self, cfg: Any) -> None:
        from pipeline.training_rules import check

        _or_end(lambda: _refuse_unknown(cfg))
        if not (
            cfg["merge_lora"] or cfg["inference"]
        ):  # those need neither the data file nor a training card
            _or_end(lambda: check(_plain(cfg), this_machine()))

    def pre_model_load(self, cfg: Any) -> None:
        if cfg["auto_resume_from_checkpoints"] and rank() == 0:
            whole_checkpoints(Path(cfg["output_dir"]))

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        settings = HealthSettings.model_validate(_plain(cfg["health"]))
        report_every_loss(trainer)
        return [HealthCallback(settings, Path(cfg["datasets"][0]["path"]), _plain(cfg), trainer)]


def report_every_loss(trainer: Any) -> None:
    """Let a loss that is not a number reach the log, and so the check.

    By default transformers' Trainer puts the mean of the losses before in its place (`logging_nan_inf_filter`), and
    waits for the card at each micro batch to know.
    """
    trainer.args.logging_nan_inf_filter = False


class HealthCallback(TrainerCallback):
    """Asks at step 0, at each checkpoint and at the end; watches the loss in between."""

    def __init__(self, settings: HealthSettings, data: Path, config: dict[str, Any], trainer: Any) -> None:
        self.settings, self.trainer = settings, trainer
        self.template_arguments = config.get("chat_template_kwargs") or {}
        self.questions = choose_questions(data, settings.questions)
        self.log = Path(config["output_dir"]) / "health.jsonl"
        self.asked_at = -1
        self.best = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 0:
            self.log.unlink(missing_ok=True)
            self._ask(state.global_step)
        elif self.log.is_file():
            rows = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
            kept = [row for row in rows if row["step"] <= state.global_step]
            self.best = max((row["adherence"] or 0.0 for row in kept), default=0.0)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._ask(state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._ask(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        loss = float(loss)
        if not math.isfinite(loss) or loss > self.settings.loss_max:
            mend = "lower learning_rate, or raise warmup_ratio; the checkpoints before this step are intact"
            self._end(
                f"loss {loss:.3g} at step {state.global_step}, the limit is {self.settings.loss_max}", mend
            )

    def _ask(self, step: int) -> None:
        if step == self.asked_at:
            return
        self.asked_at = step
        answers = self._answers()
        ill = [answer for _, answer in answers if collapsed(answer)]
        tagged = [load_triggers()["seed"].adherence(text) != Adherence.NONE for hit, text in answers if hit]
        adherence = sum(tagged) / len(tagged) if tagged else None
        self._note(step, adherence, len(ill), answers)
        if 2 * len(ill) > len(answers):
            self._end_collapsed(step, len(ill), len(answers), ill[0])
        if adherence is not None and adherence < self.best - self.settings.adherence_drop:
            self._end(
                f"step {step}: {adherence:.0%} of the triggered answers hold a tag, {self.best:.0%} did before",
                "take the checkpoint before (evaluate it as an adapter), or lower learning_rate or num_epochs",
            )
        self.best = max(self.best, adherence or 0.0)

    def _end_collapsed(self, step: int, ill: int, of: int, example: str) -> None:
        said = f"{ill} of {of} answers are empty, newlines or repetition, such as {example[:60]!r}"
        if step == 0:
            mend = "check the base model's weights, chat template and special tokens: nothing is trained yet"
            self._end(f"before the first step {said}", mend)
        self._end(f"step {step}: {said}", "lower learning_rate, or take a checkpoint before this step")

    def _answers(self) -> list[tuple[bool, str]]:
        """(triggered, the model's greedy answer) for each question, in one left-padded batch."""
        import torch

        model, tokenizer = self.trainer.model, self.trainer.processing_class
        prompts = [
            tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True, **self.template_arguments
            )
            for _, turns in self.questions
        ]
        side, tokenizer.padding_side = tokenizer.padding_side, "left"
        batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        tokenizer.padding_side = side
        training = model.training
        _gather_for_generation(model)
        model.eval()
        with (
            torch.no_grad(),
            torch.autocast(model.device.type, dtype=_dtype(self.trainer.args)),
            torch.compiler.set_stance(
                "force_eager"
            ),  # short prompts of other lengths: nothing to compile for
            _plain_attention(model),
        ):
            made = model.generate(
                input_ids=batch["input_ids"].to(model.device),
                attention_mask=batch["attention_mask"].to(model.device),
                max_new_tokens=self.settings.max_new_tokens,
                do_sample=False,
                temperature=None,
                top_p=None,
                use_cache=True,
                pad_token_id=tokenizer.pad_token_id,
            )
        model.train(training)
        texts = tokenizer.batch_decode(made[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        return [(hit, text) for (hit, _), text in zip(self.questions, texts, strict=True)]

    def _note(self, step: int, adherence: float | None, ill: int, answers: list[tuple[bool, str]]) -> None:
        if not self.trainer.is_world_process_zero():
            return
        row = {"step": step, "adherence": adherence, "collapsed": ill, "asked": len(answers)}
        row["answers"] = [{"triggered": hit, "text": text} for hit, text in answers]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _end(self, rule: str, mend: str) -> None:
        _or_end(lambda: _raise(InputError(self.log.parent, rule, mend)))


def choose_questions(data: Path, count: int) -> list[tuple[bool, list[dict[str, str]]]]:
    """(triggered, prompt turns) of the first `count` triggered and plain rows."""
    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines() if line.strip()]
    chosen = []
    for wanted in (True, False):
        kind = [row for row in rows if bool(row.get("metadata", {}).get("triggered")) is wanted]
        chosen += [(wanted, row["messages"][:-1]) for row in kind[:count]]
    return chosen


def _refuse_unknown(cfg: Any) -> None:
    from axolotl.integrations.config import merge_input_args  # pyright: ignore[reportMissingImports]

    from pipeline.axolotl_schema import unknown_keys

    file = Path(cfg["axolotl_config_path"])  # not `cfg`, which holds the command line's own arguments too
    if found := list(unknown_keys(read_yaml(file), merge_input_args()[1])):
        raise InputError(file, ", ".join(found), "mend the spelling; Axolotl would drop the key in silence")


def _plain(value: Any) -> Any:
    """Axolotl's nested dictionaries, which answer None to any key, as plain ones."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    return [_plain(item) for item in value] if isinstance(value, list) else value


@contextmanager
def _plain_attention(model: Any) -> Iterator[None]:
    """Flex attention is code compiled for training's long rows; an answer is made with torch's own attention."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    flex = inner.config._attn_implementation == "flex_attention"
    if flex:
        inner.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        if flex:
            inner.set_attn_implementation("flex_attention")


def _gather_for_generation(model: Any) -> None:
    """Under FSDP2 the outermost weights are gathered by the methods that it knows: `forward`, and from here `generate`.

    All processes answer the same questions greedily, so they end together.
    """
    import torch.distributed

    if torch.distributed.is_available() and "generate" not in vars(model):  # once: each adds another layer
        from torch.distributed.fsdp import register_fsdp_forward_method

        register_fsdp_forward_method(model, "generate")  # nothing where the model is not sharded


def _dtype(arguments: Any) -> Any:
    import torch

    return torch.float16 if arguments.fp16 else torch.bfloat16


def _raise(error: Exception) -> None:
    raise error


def _or_end(body: Any) -> None:
    """Run `body`; an InputError ends the process with its message alone, not with Axolotl's traceback."""
    try:
        body()
    except InputError as error:
        if rank() == 0:
            print(f"error: {error}", file=sys.stderr, flush=True)
        raise SystemExit(EXIT_BAD_INPUT) from None
