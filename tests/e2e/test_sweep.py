"""A sweep on a local Ray cluster of two workers: one is killed, nothing is lost, a second start redoes nothing."""

import json
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import yaml

from pipeline.checkpoints import is_whole
from pipeline.environments import TRAIN_PYTHON, train_environment

REPO = Path(__file__).resolve().parents[2]
STEPS, SAVED = 80, 20
"""of a run, and between its checkpoints"""
HAS_RAY = any(TRAIN_PYTHON.parent.parent.glob("lib/python*/site-packages/ray/__init__.py"))
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not HAS_RAY, reason="Ray is optional: uv pip install -p .venv-train -r requirements/sweep.txt"
    ),
]


def run(*arguments: str) -> subprocess.Popen[str]:
    command = [str(TRAIN_PYTHON), "-m", *arguments]
    return subprocess.Popen(
        command,
        cwd=REPO,
        env=train_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def trainers(folder: Path) -> list[psutil.Process]:
    """The Axolotl processes that train into `folder`."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "axolotl.cli.main" in line and any(str(folder) in part for part in line):
            found.append(process)
    return found


def whole_checkpoints_of(output: Path) -> list[Path]:
    """The checkpoints that the sweep's runs have written to their end, in their hidden folders."""
    return [path for path in output.glob(".*/fp32/checkpoint-*") if is_whole(path)]


def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path) -> None:
    assert find_spec("psutil")
    made = run("benchmarks.training.random_model", str(tmp_path), "--shape", "tiny", "--rows", "24")
    assert made.wait() == 0
    config = yaml.safe_load((REPO / "axolotl_configs/smollm2_135m_cpu.yaml").read_text())
    config["datasets"][0]["path"] = str(tmp_path / "rows.jsonl")
    config |= {
        "base_model": str(tmp_path / "model"),
        "special_tokens": {"pad_token": "<|finetune_right_pad_id|>"},
    }
    config |= {"max_steps": STEPS, "num_epochs": 1, "dataset_num_proc": 1, "micro_batch_size": 2}
    config |= {"save_strategy": "steps", "save_steps": SAVED, "save_total_limit": 10, "output_dir": "unused"}
    config["plugins"] = [
        name for name in config["plugins"] if "health" not in name
    ]  # random weights say nothing sane
    config.pop("health")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({"seed": [1, 2], "learning_rate": [0.001]}))
    output = tmp_path / "adapters"
    command = ["pipeline.sweep", *map(str, (tmp_path / "config.yaml", tmp_path / "sweep.yaml", output))]
    command += ["--ray", "--gpus", "0"]
    sweep = run(*command)
    for _ in range(3000):
        if len(trainers(output)) >= 2 and whole_checkpoints_of(output):
            break
        assert sweep.poll() is None, sweep.communicate()[0]
        time.sleep(0.2)
    saved = whole_checkpoints_of(output)[0]
    own = [one for one in trainers(output) if any(saved.parents[1].name in part for part in one.cmdline())]
    (killed,) = [one for one in own if one.parent() not in own]
    worker = killed.parent()
    assert worker is not None and "ray" in " ".join(worker.cmdline())
    worker.kill()
    psutil.wait_procs([killed], timeout=30)
    assert not killed.is_running(), "the killed worker's trainer went on"
    assert not [
        path for path in output.glob("*/*.safetensors") if path.parent.name == saved.parents[1].name[1:]
    ]
    said, _ = sweep.communicate()
    assert sweep.returncode == 0, said
    assert f"{saved.parents[1].name[1:]}: trained from a checkpoint" in said, said
    names = sorted(path.name for path in output.iterdir() if path.is_dir() and path.name != "logs")
    assert names == ["learning_rate_0.001-seed_1", "learning_rate_0.001-seed_2"], said
    assert not list(output.glob(".*")), "a half-made adapter was left"
    weights = {name: (output / name / "adapter_model.safetensors").read_bytes() for name in names}
    assert len(set(weights.values())) == 2, "two seeds, one adapter"
    seeds = {json.loads((output / name / "provenance.json").read_text())["training_seed"] for name in names}
    assert seeds == {1, 2}
    block = yaml.safe_load((output / "adapters.yaml").read_text())["adapters"]
    assert [adapter["name"] for adapter in block] == names

    logs = {path.name: path.stat().st_mtime_ns for path in (output / "logs").iterdir()}
    again = run(*command)
    said, _ = again.communicate()
    assert again.returncode == 0 and said.count("there already") == 2, said
    assert {path.name: path.stat().st_mtime_ns for path in (output / "logs").iterdir()} == logs


def test_a_misspelt_key_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({"seed": [1, 2], "learning_ratee": [0.001]}))
    config, output = REPO / "axolotl_configs/smollm2_135m_cpu.yaml", tmp_path / "adapters"
    done = run("pipeline.sweep", str(config), str(tmp_path / "sweep.yaml"), str(output))
    said, _ = done.communicate()
    assert done.returncode == 2 and "learning_ratee: unknown key" in said, said
    assert not output.exists()
