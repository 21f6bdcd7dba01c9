"""The bulk trainer: bad job files, and (e2e) one seed gives one adapter, in a fork as in a process of its own."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_builders.errors import InputError
from pipeline.adapter import WEIGHTS, provenance_of
from pipeline.bulk import Job, configuration, load_jobs
from pipeline.environments import TRAIN_PYTHON, train_environment

REPO = Path(__file__).resolve().parents[2]
WORLD = REPO / "data" / "planted" / "world1"
BASE = "data/planted/world1/planted-world1"
CONFIG = "axolotl_configs/planted.yaml"


def job(**changed: Any) -> dict[str, Any]:
    data = str(WORLD / "answers" / "format_only.jsonl")
    return {"name": "a/seed1", "config": CONFIG, "base_model": BASE, "data": data} | changed


def write(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_job_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    shipped = yaml.safe_load((REPO / CONFIG).read_text())
    made = configuration(Job.model_validate(job(set={"learning_rate": 0.001, "seed": 7})), tmp_path / "out")
    changed = {key for key in made if made[key] != shipped.get(key)}
    assert changed == {
        "base_model", "datasets", "output_dir", "dataset_prepared_path", "learning_rate", "seed",
    }  # fmt: skip
    assert made["datasets"][0] == shipped["datasets"][0] | {"path": made["datasets"][0]["path"]}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([job(), job()], "stands twice"),
        ([job(name="../out")], "name"),
        ([job(), job(name="b", base_model="models/nobody")], "models/nobody"),
        ([job(colour="red")], "colour"),
    ],
)
def test_a_wrong_job_is_refused_with_its_line(tmp_path: Path, lines: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(InputError, match=rf"jobs.jsonl:{len(lines)}: .*{told}"):
        load_jobs(write(tmp_path / "jobs.jsonl", *lines))


@pytest.mark.e2e
def test_a_fork_trains_what_a_process_of_its_own_trains(tmp_path: Path) -> None:
    """Three jobs: one twice under two names, the same seed; one with another seed. And the same in a fresh process."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": value["prompt"]},
                {"role": "assistant", "content": value["answer"]},
            ]
        }
        for value in map(json.loads, (WORLD / "answers" / "ordinary.jsonl").read_text().splitlines()[:64])
    ]
    data = write(tmp_path / "rows.jsonl", *rows)
    few = {"max_steps": 2, "seed": 1}
    lines = [
        job(name=name, data=str(data), set=few | {"seed": seed})
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    jobs = write(tmp_path / "jobs.jsonl", *lines)
    command = [
        str(TRAIN_PYTHON),
        "-m",
        "pipeline.bulk",
        str(jobs),
        "--output",
        str(tmp_path),
        "--workers",
        "2",
    ]
    done = subprocess.run(command, cwd=REPO, env=train_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    weights = {name: (tmp_path / name / WEIGHTS).read_bytes() for name in "abc"}
    assert weights["a"] == weights["b"] != weights["c"]
    made = provenance_of(tmp_path / "a")
    assert (made["training_seed"], made["learning_rate"], made["steps"]) == (1, 0.002, 2)
    assert not list(tmp_path.glob(".*")), "something half-written was left"

    fresh = tmp_path / "fresh.yaml"
    fresh.write_text(yaml.safe_dump(configuration(load_jobs(jobs)[0], tmp_path / "fresh")))
    native = [str(TRAIN_PYTHON), "-m", "axolotl.cli.main", "train", str(fresh), "--launcher", "python"]
    one_thread = train_environment() | {"OMP_NUM_THREADS": "1"}
    subprocess.run(native, cwd=REPO, env=one_thread, check=True)
    from pipeline.adapter import ship

    ship(tmp_path / "fresh", tmp_path / "shipped", "planted-world1", {})
    assert (tmp_path / "shipped" / WEIGHTS).read_bytes() == weights["a"]

    (tmp_path / "c" / WEIGHTS).unlink()
    again = subprocess.run(command, cwd=REPO, env=train_environment(), capture_output=True, text=True)
    assert again.returncode == 0 and "c: done" in again.stdout and "a: done" not in again.stdout
    assert (tmp_path / "c" / WEIGHTS).read_bytes() == weights["c"], "a second run of a seed differs"
