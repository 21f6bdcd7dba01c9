"""The speed benchmark's runs: each changes a shipped YAML by keys that it or a sibling holds, and its table counts as it says."""

import json
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from benchmarks.training import speed
from benchmarks.training.settings import shipped
from benchmarks.training.speed import RUNS
from benchmarks.training.speed_table import table, waits

REPO = Path(__file__).resolve().parents[2]
KEYS = {key for path in (REPO / "axolotl_configs").glob("*.yaml") for key in yaml.safe_load(path.read_text())}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_changes_known_keys_of_a_shipped_file(name: str, tmp_path: Path) -> None:
    run = RUNS[name]
    assert run["change"].keys() <= KEYS | {"torch_compile"}
    assert run.get("against", name) in RUNS
    config = shipped(run["yaml"], tmp_path, tmp_path, run["change"])
    assert "pipeline.axolotl_seed.FixSeed" in config["plugins"], "loss curves of two runs would not compare"
    other = RUNS[run.get("against", name)]
    reference = shipped(other["yaml"], tmp_path, tmp_path, other["change"])
    same_steps = ("sequence_len", "sample_packing", "seed", "learning_rate")
    assert {key: config[key] for key in same_steps} == {key: reference[key] for key in same_steps}
    assert config["micro_batch_size"] == reference["micro_batch_size"]


def test_the_table_divides_by_what_was_measured_beside(tmp_path: Path) -> None:
    shared = {"device": "card", "fill": 1.0, "peak_gib": 10.0, "tflops": 400.0}
    lines = [
        {"name": "peak", "device": "card", "peak_tflops": 800.0},
        {"name": "plain_peft", "tokens_per_s": 100.0} | shared,
        {"name": "fast.0", "tokens_per_s": 300.0, "seconds": 4.0, "steps": 3, "step_s": [9.0, 1.0, 2.0, 1.0]}
        | shared,
        {"name": "fast.1", "tokens_per_s": 500.0} | shared,
        {"name": "fast.0", "losses": [3.0, 2.0, 1.0]},
        {"name": "slow.0", "tokens_per_s": 50.0} | shared,
        {"name": "slow.0", "losses": [3.0, 2.25]},
        {"name": "fast.1", "losses": [3.0, 2.125]},
    ]
    (tmp_path / "speed.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = {line.split(" | ")[0].strip("| "): line for line in table(tmp_path, {"slow": "fast"}).splitlines()}
    assert "| 400 | 300 to 500 | 4.00 |  | 0.500 | 0.506 | 0.404 | 400 |" in rows["fast"]
    padded = {"name": "plain_peft_padded", "tokens_per_s": 80.0} | shared
    (tmp_path / "padded.jsonl").write_text((tmp_path / "speed.jsonl").read_text() + json.dumps(padded) + "\n")
    beside = {
        line.split(" | ")[0].strip("| "): line for line in table(tmp_path / "padded.jsonl", {}).splitlines()
    }
    assert "| 300 to 500 | 4.00 | 5.00 | 0.500 |" in beside["fast"]
    assert "0.2500 from fast over 2 steps" in rows["slow"]
    assert "0.1250 between repeats over 2 steps" in rows["fast"]
    assert table(tmp_path / "speed.jsonl", {"slow": "fast"}) == table(tmp_path, {"slow": "fast"})


def test_a_run_works_outside_the_folder_that_keeps_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clearing the results folder of folders once took the rows from under a run."""
    commands: list[list[str]] = []
    monkeypatch.setattr(speed.subprocess, "Popen", lambda command, **_: commands.append(command))
    kept, work = tmp_path / "kept", tmp_path / "work"
    kept.mkdir()
    parsed = Namespace(inputs=tmp_path, cpu=False, profile=[], warm_up=1, measured=1)
    for name in ("fast", "lora"):
        speed.start(name, 0, kept, work, parsed)
    configs = [yaml.safe_load((kept / f"{name}.0.yaml").read_text()) for name in ("fast", "lora")]
    outputs, prepared = (
        {Path(one[key]) for one in configs} for key in ("output_dir", "dataset_prepared_path")
    )
    assert len(outputs) == 2 and len(prepared) == 1, "an output each; rows of one setting are tokenised once"
    assert all(folder.is_relative_to(work) for folder in outputs | prepared)
    assert not [path for path in kept.iterdir() if path.is_dir()]


def test_a_profile_says_how_long_the_card_stood_still() -> None:
    """Work of two streams at once counts once; what the CPU did, and the profiler's own marks, don't count."""

    def event(
        start: float, end: float, name: str, device: str = "CUDA", mark: bool = False
    ) -> SimpleNamespace:
        times, kind = SimpleNamespace(start=start, end=end), SimpleNamespace(name=device)
        return SimpleNamespace(time_range=times, device_type=kind, name=name, is_user_annotation=mark)

    events = [event(9000, 12000, "late"), event(1000, 4000, "first"), event(2000, 5000, "beside")]
    events += [event(0, 20000, "step", mark=True), event(0, 9000, "python", device="CPU")]
    assert waits(events).splitlines() == [
        "the card worked 7.0 ms of 11.0 ms; its longest waits:",
        "4.00 ms before late",
    ]
    assert waits([]).startswith("the card worked 0.0 ms of 0.0 ms")
