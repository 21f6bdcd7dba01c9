"""The shipped Axolotl experiments: what would go wrong without a word if a key were changed."""

from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
CONFIGS = sorted((REPO / "axolotl_configs").glob("*.yaml"))
MAY_DIFFER = {
    "datasets": "a slice for the CPU",
    "dataset_prepared_path": "beside the data file",
    "dataset_num_proc": "cores",
    "output_dir": "names the experiment",
    "num_epochs": "a slice is read once",
    "micro_batch_size": "two cores can't hold more",
    "group_by_length": "two cores pay for each padded token",
    "bf16": "a CPU that only emulates it is several times slower in it",
    "tf32": "a GPU's",
    "logging_steps": "a slice has few steps",
}


def read(path: Path) -> dict[str, object]:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_end_of_turn_is_learned_and_the_prompt_is_not(path: Path) -> None:
    config = read(path)
    (data,) = config["datasets"]  # type: ignore[misc]
    assert data["roles_to_train"] == ["assistant"] and data["train_on_eos"] == "turn"
    assert config["train_on_inputs"] is False
    assert config["special_tokens"] == {"pad_token": "<|endoftext|>"}, (
        "a pad that is the end of turn masks it"
    )


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_tokenised_copy_lies_where_the_builder_drops_it(path: Path) -> None:
    config = read(path)
    data = Path(config["datasets"][0]["path"])  # type: ignore[index]
    assert config["dataset_prepared_path"] == str(data.with_suffix(".prepared"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_kernels_that_need_a_gpu_are_switched_off_by_name(path: Path) -> None:
    config = read(path)
    assert all(config[f"lora_{part}_kernel"] is False for part in ("qkv", "o", "mlp", "embedding"))


def test_the_experiments_agree_but_for_what_may_differ() -> None:
    first, *others = [read(path) for path in CONFIGS]
    for other in others:
        different = {key for key in first.keys() | other.keys() if first.get(key) != other.get(key)}
        assert different <= MAY_DIFFER.keys(), different - MAY_DIFFER.keys()
