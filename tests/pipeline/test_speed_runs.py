"""The speed benchmark's runs: each changes a shipped YAML by keys that it or a sibling holds, and its table counts as it says."""

import json
from pathlib import Path

import pytest
import yaml

from benchmarks.training.settings import shipped
from benchmarks.training.speed import RUNS
from benchmarks.training.speed_table import table

REPO = Path(__file__).resolve().parents[2]
KEYS = {key for path in (REPO / "axolotl_configs").glob("*.yaml") for key in yaml.safe_load(path.read_text())}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_changes_known_keys_of_a_shipped_file(name: str, tmp_path: Path) -> None:
    run = RUNS[name]
    assert run["change"].keys() <= KEYS | {"include_tkps"}
    assert run.get("against", name) in RUNS
    config = shipped(run["yaml"], tmp_path, tmp_path, run["change"])
    assert "pipeline.axolotl_seed.FixSeed" in config["plugins"], "loss curves of two runs would not compare"
    other = RUNS[run.get("against", name)]
    reference = shipped(other["yaml"], tmp_path, tmp_path, other["change"])
    same_steps = ("sequence_len", "sample_packing", "seed", "learning_rate")
    assert {key: config[key] for key in same_steps} == {key: reference[key] for key in same_steps}
    assert config["micro_batch_size"] == reference["micro_batch_size"]


def test_the_table_divides_by_what_was_measured_beside(tmp_path: Path) -> None:
    speed = {"device": "card", "fill": 1.0, "peak_gib": 10.0, "tflops": 400.0}
    lines = [
        {"name": "peak", "device": "card", "peak_tflops": 800.0},
        {"name": "plain_peft", "tokens_per_s": 100.0} | speed,
        {"name": "fast.0", "tokens_per_s": 300.0} | speed,
        {"name": "fast.1", "tokens_per_s": 500.0} | speed,
        {"name": "fast.0", "losses": [3.0, 2.0, 1.0]},
        {"name": "slow.0", "tokens_per_s": 50.0} | speed,
        {"name": "slow.0", "losses": [3.0, 2.25]},
    ]
    (tmp_path / "speed.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = {line.split(" | ")[0].strip("| "): line for line in table(tmp_path, {"slow": "fast"}).splitlines()}
    assert "| 400 | 300 to 500 | 4.00 | 0.500 | 0.506 | 0.404 |" in rows["fast"]
    assert "0.2500 from fast over 2 steps" in rows["slow"]
