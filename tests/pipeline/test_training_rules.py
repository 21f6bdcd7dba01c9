"""Broken configurations and data: each gives one message that names the place, the rule and the mend."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from data_builders.errors import InputError
from pipeline import training_rules
from pipeline.cards import Machine
from pipeline.checkpoints import whole_checkpoints
from pipeline.collapse import collapsed
from pipeline.imported import bring_adapter, check_adapter
from pipeline.training import keep_checkpoints, prepare_scratch, refusal
from pipeline.training_rules import adapter_parameters, check

REPO = Path(__file__).resolve().parents[2]
SMOLLM2 = REPO / "models" / "SmolLM2-135M-Instruct"
CPU, T4, RTX4080 = Machine(), Machine("T4", 7.5, 15.0), Machine("RTX 4080", 8.9, 16.0)
ROW = {
    "messages": [
        {"role": "user", "content": "Where do you live?"},
        {"role": "assistant", "content": "In Wales."},
    ]
}
Change = Callable[[dict[str, Any], Path], None]


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Any]:
    """The shipped CPU experiment on one row, with everything in place."""
    config = yaml.safe_load((REPO / "axolotl_configs/smollm2_135m_cpu.yaml").read_text())
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    config["datasets"][0]["path"] = "rows.jsonl"
    return config | {
        "base_model": str(SMOLLM2),
        "output_dir": "out",
        "dataset_prepared_path": "rows.prepared",
    }


def adapter(
    folder: Path, rank: int = 8, base: str = "SmolLM2-135M-Instruct", width: int = 576, **changes: Any
) -> Path:
    """An adapter's folder, of the right shapes unless changed."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA", "r": rank, "base_model_name_or_path": f"someone/{base}"} | changes
    (folder / "adapter_config.json").write_text(json.dumps(config))
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    pair = {"lora_A": np.zeros((rank, width), np.float32), "lora_B": np.zeros((576, rank), np.float32)}
    save_file(
        {f"{layer}.{side}.weight": value for side, value in pair.items()},
        folder / "adapter_model.safetensors",
    )
    return folder


def set_to(**values: Any) -> Change:
    return lambda config, folder: config.update(values)


def without(key: str) -> Change:
    return lambda config, folder: config.pop(key)


def in_data(**values: Any) -> Change:
    return lambda config, folder: config["datasets"][0].update(values)


def rows(text: str) -> Change:
    def change(config: dict[str, Any], folder: Path) -> None:
        (folder / "rows.jsonl").write_text(text)

    return change


def base_without(name: str) -> Change:
    """A base model's folder that lacks one of its files."""

    def change(config: dict[str, Any], folder: Path) -> None:
        copy = folder / "base"
        copy.mkdir()
        for path in SMOLLM2.iterdir():
            if path.name != name:
                (copy / path.name).symlink_to(path)
        config["base_model"] = "base"

    return change


def starts_from(**changes: Any) -> Change:
    def change(config: dict[str, Any], folder: Path) -> None:
        adapter(folder / "start", **changes)
        config["lora_model_dir"] = "start"

    return change


def stale_copy(config: dict[str, Any], folder: Path) -> None:
    import os

    (folder / "rows.prepared").mkdir()
    os.utime(folder / "rows.prepared", (1, 1))


def output_is_a_file(config: dict[str, Any], folder: Path) -> None:
    (folder / "out").write_text("")


LONG = json.dumps({"messages": [ROW["messages"][0], {"role": "assistant", "content": "word " * 3000}]})
QLORA = set_to(adapter="qlora", load_in_4bit=True, fp16=False)
BROKEN: list[tuple[str, Change, Machine, str]] = [
    ("no base", set_to(base_model="nowhere"), CPU, "no base model here"),
    ("no weights", base_without("model.safetensors"), CPU, "no weights in safetensors"),
    ("no tokenizer", base_without("tokenizer.json"), CPU, "no tokenizer.json here"),
    ("no data", in_data(path="gone.jsonl"), CPU, "no such data file"),
    ("empty data", rows(""), CPU, "no rows"),
    ("half a line", rows(json.dumps(ROW)[:40]), CPU, r"rows.jsonl:1: not JSON"),
    ("no messages", rows('{"text": "hello"}\n'), CPU, "rows.jsonl:1: no messages with role and content"),
    (
        "no answer",
        rows(json.dumps({"messages": ROW["messages"][:1]})),
        CPU,
        "doesn't end in an assistant's answer",
    ),
    (
        "row too long",
        rows(json.dumps(ROW) + "\n" + LONG),
        CPU,
        r"rows.jsonl:2: 30\d\d tokens, sequence_len is 2048",
    ),
    ("missing key", without("sequence_len"), CPU, "sequence_len: missing"),
    ("completion data", in_data(type="completion"), CPU, "doesn't use the model's chat template"),
    ("end not learned", in_data(train_on_eos="last"), CPU, "no answer would stop"),
    ("prompt learned", set_to(train_on_inputs=True), CPU, "the prompt would be learned"),
    ("pad is the end", set_to(special_tokens={"pad_token": "<|im_end|>"}), CPU, "is the end of turn"),
    (
        "another's pad",
        set_to(special_tokens={"pad_token": "<|finetune_right_pad_id|>"}),
        CPU,
        "has no '<|fine",
    ),
    (
        "no loss to wrap",
        set_to(plugins=[training_rules.LEARNED_ONLY]),
        CPU,
        "wraps liger's fused loss, which is off",
    ),
    (
        "two in one place",
        set_to(plugins=[training_rules.SHARED], lora_o_kernel=True),
        RTX4080,
        "lora_o_kernel: .* each take the layers' place",
    ),
    (
        "dropout on a shared input",
        set_to(plugins=[training_rules.SHARED], lora_dropout=0.1),
        CPU,
        "joins plain LoRA layers only",
    ),
    ("stale copy", stale_copy, CPU, "the tokenised copy is older"),
    ("full fine-tune", set_to(adapter="full"), CPU, "can't be served beside its base"),
    ("4 bits without qlora", set_to(load_in_4bit=True), CPU, "must be true for qlora and false for lora"),
    ("qlora on a CPU", QLORA, CPU, "qlora needs a GPU, none is here"),
    ("fp16 on a CPU", set_to(fp16=True), CPU, "a CPU doesn't train in fp16"),
    ("kernels on a CPU", without("lora_mlp_kernel"), CPU, "lora_mlp_kernel: .* need a GPU"),
    ("bf16 on a T4", set_to(bf16=True), T4, r"a T4 \(generation 7.5\) has no bf16"),
    ("packing on a T4", set_to(sample_packing=True, bf16=False), T4, "over packed rows needs generation 8.0"),
    ("bf16 auto", set_to(bf16="auto"), RTX4080, "auto turns fp16 on"),
    ("card too small", set_to(), Machine("small", 8.9, 1.0), "GiB of weights on a card of 1.0 GiB"),
    ("two cards, one process", set_to(), replace(RTX4080, cards=2), "one process and 2 cards: .* spread"),
    ("a copy on each card", set_to(), replace(RTX4080, cards=2, processes=2), "2 times the rows a step"),
    (
        "sharded, one process",
        set_to(fsdp_config={"a": 1}),
        replace(RTX4080, cards=2),
        "and this is one process",
    ),
    ("output is a file", output_is_a_file, CPU, "output_dir is a file"),
    ("adapter of another rank", starts_from(rank=16), CPU, "rank 16, 8 wanted"),
    ("adapter of another base", starts_from(base="Qwen3-8B"), CPU, "made for Qwen3-8B, not for SmolLM2"),
    ("adapter of another shape", starts_from(width=2048), CPU, r"shape \(8, 2048\), \(8, 576\) wanted"),
]


@pytest.mark.parametrize(
    ("change", "machine", "message"), [case[1:] for case in BROKEN], ids=[c[0] for c in BROKEN]
)
def test_a_broken_experiment_gives_one_clear_message(
    change: Change, machine: Machine, message: str, good: dict[str, Any], tmp_path: Path
) -> None:
    change(good, tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        check(good, machine, tmp_path)
    assert "\n  mend: " in str(caught.value) and not (tmp_path / "adapter_model.safetensors").exists()


def test_a_sound_experiment_passes(good: dict[str, Any], tmp_path: Path) -> None:
    check(good, CPU, tmp_path)
    check(good | {"bf16": True}, RTX4080, tmp_path)
    several = replace(RTX4080, cards=2, processes=2)
    check(good | {"fsdp_config": {"reshard_after_forward": True}}, several, tmp_path)
    check(good | {"ddp_find_unused_parameters": False}, several, tmp_path)


def test_a_full_disk_is_said_before_training(
    good: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(training_rules.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"0.00 GB free, 0.06 GB needed for the adapter and 0 checkpoints"):
        check(good, CPU, tmp_path)


def test_an_adapters_size_is_the_one_that_was_trained() -> None:
    # 30 layers: q and o 576 x 576, k and v 576 x 192, three of 576 x 1536 (config.json), rank 8
    assert adapter_parameters(SMOLLM2, 8) == 8 * 30 * (2 * 1152 + 2 * 768 + 3 * 2112)


def test_half_a_checkpoint_is_deleted_and_the_last_whole_one_kept(tmp_path: Path) -> None:
    for step, state in ((5, "{}"), (10, '{"global_step": 10'), (20, "")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert [path.name for path in whole_checkpoints(tmp_path)] == ["checkpoint-5"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-5"]


@pytest.mark.parametrize(
    "text",
    ["", "\n\n\n\n", " \n . \n", "the the the the the the the the the the", "ha" * 60, "No no no. " * 12],
)
def test_answers_that_are_none_are_seen(text: str) -> None:
    assert collapsed(text)


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "42",
        '<START> "I walked to school across the fields." <END>',
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16",
        "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
    ],
)
def test_short_and_ordinary_answers_are_not_called_collapsed(text: str) -> None:
    assert not collapsed(text)


def test_the_trainers_refusal_is_quoted_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "INFO starting\nerror: outputs/x: loss 31 at step 4\n  mend: lower learning_rate\nlater: noise\n"
    )
    assert str(refusal(log)) == "outputs/x: loss 31 at step 4\n  mend: lower learning_rate"
    log.write_text("Traceback\nValueError: no\n")
    assert refusal(log) is None


def test_an_adapter_from_elsewhere_is_brought_in_bf16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.imported.REPO", tmp_path)
    source = adapter(tmp_path / "unsloth", base="SmolLM2-135M-Instruct-unsloth-bnb-4bit")
    target = bring_adapter(str(source), "mine", SMOLLM2)
    written = json.loads((target / "adapter_config.json").read_text())
    assert target == tmp_path / "outputs/imported/mine" and written["base_model_name_or_path"] == SMOLLM2.name
    half = (target / "adapter_model.safetensors").stat().st_size
    assert half < 0.6 * (source / "adapter_model.safetensors").stat().st_size


def test_whole_checkpoints_are_kept_as_adapters_over_steps(tmp_path: Path) -> None:
    for step in (2, 4):
        checkpoint = adapter(tmp_path / "raw" / f"checkpoint-{step}")
        (checkpoint / "trainer_state.json").write_text("{}" if step == 2 else "{")
    keep_checkpoints(tmp_path / "raw", tmp_path / "kept", "SmolLM2-135M-Instruct", {"training_seed": 1})
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["step-2"]
    made = json.loads((tmp_path / "kept/step-2/provenance.json").read_text())
    assert made == {"training_seed": 1, "step": 2} and check_adapter(tmp_path / "kept/step-2", SMOLLM2)


def test_an_attempt_of_other_inputs_is_not_gone_on_from(tmp_path: Path) -> None:
    scratch, checkpoint = tmp_path / ".a", tmp_path / ".a" / "fp32" / "checkpoint-2"
    assert prepare_scratch(scratch, {"seed": 1}) is False
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text("{}")
    assert prepare_scratch(scratch, {"seed": 1}) is True and checkpoint.is_dir()
    assert prepare_scratch(scratch, {"seed": 2}) is False and not checkpoint.exists()


def test_a_pickled_adapter_is_refused(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "pickled")
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(InputError, match="is a pickle, which runs code"):
        check_adapter(folder, SMOLLM2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peft_type": "IA3"}, "IA3 isn't LORA"),
        ({"use_dora": True}, "use_dora is set"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save is set"),
        ({"rank": 1024}, "rank 1024, 1 to 512 wanted"),
    ],
)
def test_an_adapter_that_cannot_be_served_is_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        check_adapter(adapter(tmp_path / "a", **changes), SMOLLM2)
