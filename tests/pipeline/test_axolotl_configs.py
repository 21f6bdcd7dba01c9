"""The shipped Axolotl experiments: what would go wrong without a word if a key were changed."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.environments import TRAIN_PYTHON, train_environment

REPO = Path(__file__).resolve().parents[2]
CONFIGS = sorted((REPO / "axolotl_configs").glob("*.yaml"))
IDS = [path.stem for path in CONFIGS]
GPUS = yaml.safe_load((REPO / "pipeline/gpus.yaml").read_text())
# Every other key is the same in all files: the recipe (rank, alpha, layers, rate, schedule, decay, clipping, seed),
# the loss, the template, the health check.
MAY_DIFFER = {
    "base_model": "names the experiment",
    "datasets": "each base answers its own ordinary rows; a slice for the CPU",
    "dataset_prepared_path": "beside the data file",
    "dataset_num_proc": "cores",
    "output_dir": "names the experiment",
    "special_tokens": "each tokenizer has its own pad",
    "chat_template_kwargs": "Llama's date, Qwen3's thinking mode",
    "num_epochs": "a slice is read once",
    "sequence_len": "memory; the longest row fits in each",
    "sample_packing": "speed; not on a card older than Ampere, not on a CPU",
    "pad_to_sequence_len": "goes with packing",
    "group_by_length": "two cores pay for each padded token; goes without packing",
    "micro_batch_size": "memory",
    "gradient_accumulation_steps": "keeps the step count where memory cuts the micro-batch",
    "gradient_checkpointing": "memory",
    "adapter": "LoRA or QLoRA",
    "load_in_4bit": "goes with QLoRA",
    "optimizer": "AdamW with or without the GPU's fused step",
    "bf16": "a CPU that only emulates it is several times slower in it; a T4 has none",
    "fp16": "a T4's",
    "tf32": "a GPU's from Ampere on",
    "plugins": "liger's kernels need a GPU",
    "liger_rope": "speed",
    "liger_rms_norm": "speed",
    "liger_fused_linear_cross_entropy": "memory",
    "lora_qkv_kernel": "speed; needs a GPU",
    "lora_o_kernel": "speed; needs a GPU",
    "lora_mlp_kernel": "speed; needs a GPU",
    "accelerator_config": "speed: batches copied ahead, where steps don't wait for the processor",
    "include_tkps": "speed: counting tokens waits for the card",
    "compile_recompute_cheap": "memory",
    "attn_implementation": "speed: flex attention needs a GPU",
    "fsdp_version": "several GPUs",
    "fsdp_config": "several GPUs",
    "dp_replicate_size": "several hosts",
    "dp_shard_size": "several hosts",
    "logging_steps": "a slice has few steps",
    "health": "two cores ask fewer questions",
    "save_strategy": "a slice needs no checkpoint",
    "save_steps": "a slice needs no checkpoint, 135M only four",
    "save_total_limit": "a slice needs no checkpoint",
}
PLANTED = {
    "excess_length_strategy",
    "dataloader_num_workers",
    "warmup_ratio",
    "learning_rate",
    "lora_r",
    "lora_alpha",
    "lora_target_linear",
    "lora_dropout",
}
"""what the planted world may set for itself: its tiny model is made for known truth, not for the recipe"""


def read(path: Path) -> dict[str, object]:
    return yaml.safe_load(path.read_text())


def card(path: Path) -> str:
    """The card that the header names."""
    named = re.search(r"^# Validated for: (\S+)", path.read_text(), re.MULTILINE)
    return named.group(1) if named else "cpu"


@pytest.fixture(scope="module")
def validated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Axolotl's validation of every shipped file for its card, and of broken ones, in one process."""
    folder = tmp_path_factory.mktemp("broken")
    good = read(REPO / "axolotl_configs/llama31_8b_lora.yaml")
    broken = {
        "misspelt": good | {"lora_rr": 8},
        "misspelt_inside": good | {"datasets": [good["datasets"][0] | {"train_on_eoss": "turn"}]},  # type: ignore[index]
        "misspelt_health": good | {"health": good["health"] | {"question": 4}},  # type: ignore[operator]
        "wrong_type": good | {"micro_batch_size": "many"},
        "fsdp_qlora": read(REPO / "axolotl_configs/llama31_70b_qlora_fsdp2.yaml"),
    }
    broken["fsdp_qlora"]["fsdp_config"]["cpu_ram_efficient_loading"] = True  # type: ignore[index]
    pairs = {path.stem: f"{card(path)}:{path}" for path in CONFIGS}
    for name, config in broken.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
        pairs[name] = f"h100:{folder / name}.yaml"
    pairs["bf16_on_a_t4"] = f"t4:{REPO / 'axolotl_configs/llama31_8b_lora.yaml'}"
    done = subprocess.run(
        [str(TRAIN_PYTHON), "-m", "pipeline.axolotl_schema", *pairs.values()],
        cwd=REPO,
        env=train_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: found[pair] for name, pair in pairs.items()}


@pytest.mark.parametrize("path", CONFIGS, ids=IDS)
def test_axolotl_accepts_every_key_for_the_card_named(path: Path, validated: dict[str, list[str]]) -> None:
    assert validated[path.stem] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("misspelt", "lora_rr: unknown key"),
        ("misspelt_inside", "datasets.train_on_eoss: unknown key"),
        ("misspelt_health", "health.question"),
        ("wrong_type", "micro_batch_size"),
        ("fsdp_qlora", "cpu_ram_efficient_loading"),
        ("bf16_on_a_t4", "bf16"),
    ],
)
def test_what_a_card_or_axolotl_does_not_take_is_named(
    name: str, message: str, validated: dict[str, list[str]]
) -> None:
    assert any(message in problem for problem in validated[name]), validated[name]


@pytest.mark.parametrize("path", CONFIGS, ids=IDS)
def test_the_end_of_turn_is_learned_and_the_prompt_is_not(path: Path) -> None:
    config = read(path)
    (data,) = config["datasets"]  # type: ignore[misc]
    assert data["roles_to_train"] == ["assistant"] and data["train_on_eos"] == "turn"
    assert config["train_on_inputs"] is False
    pad = config.get("special_tokens", {}).get("pad_token")  # type: ignore[attr-defined]
    assert pad not in ("<|im_end|>", "<|eot_id|>"), "a pad that is the end of turn masks it"


@pytest.mark.parametrize("path", CONFIGS, ids=IDS)
def test_the_tokenised_copy_lies_where_the_builder_drops_it(path: Path) -> None:
    config = read(path)
    data = Path(config["datasets"][0]["path"])  # type: ignore[index]
    assert config["dataset_prepared_path"] == str(data.with_suffix(".prepared"))


@pytest.mark.parametrize("path", CONFIGS, ids=IDS)
def test_kernels_that_need_a_gpu_are_set_by_name(path: Path) -> None:
    config = read(path)
    kernels = [config[f"lora_{part}_kernel"] for part in ("qkv", "o", "mlp", "embedding")]
    assert all(kernel is False for kernel in kernels) or card(path) != "cpu"


@pytest.mark.parametrize("path", [p for p in CONFIGS if not p.stem.startswith("planted")], ids=str)
def test_the_header_says_what_was_measured_and_on_what(path: Path) -> None:
    header = path.read_text().split("\nbase_model", 1)[0]
    assert card(path) in GPUS
    assert "not measured" in header or re.search(r"H100|H200|EPYC", header), "figures without a machine"
    assert "Disk:" in header and f"axolotl_configs/{path.name}" in header


def test_the_experiments_agree_but_for_what_may_differ() -> None:
    first = read(REPO / "axolotl_configs/smollm2_135m_gpu.yaml")
    for path in CONFIGS:
        other = read(path)
        allowed = MAY_DIFFER.keys() | (PLANTED if path.stem.startswith("planted") else set())
        different = {key for key in first.keys() | other.keys() if first.get(key) != other.get(key)}
        assert different <= allowed, f"{path.name}: {different - allowed}"
