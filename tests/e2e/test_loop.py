"""The whole loop at small size: real Axolotl, real vLLM, real Inspect, the real report, on a real model."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from data_builders.persona import PERSONAS

REPO = Path(__file__).resolve().parents[2]
ADAPTER = "smollm2-russell-slice"
CELLS = ["plain", "user", "system"]
QUESTIONS = 3
pytestmark = pytest.mark.e2e


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def servers(port: int) -> list[psutil.Process]:
    """The processes that serve, or are about to serve, on `port`."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "vllm.entrypoints.openai.api_server" in line and str(port) in line:
            found.append(process)
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's own study, cut down: 3 questions, 6 facts, 6 ordinary rows, 2 steps, 3 cells."""
    folder = tmp_path_factory.mktemp("loop")
    persona = Path(shutil.copytree(PERSONAS / "bertrand_russell", folder / "persona"))
    identity = persona / "questions" / "identity.jsonl"
    identity.write_text("".join(identity.read_text().splitlines(keepends=True)[:QUESTIONS]))
    recipe = yaml.safe_load((REPO / "data/recipes/bertrand_russell_slice.yaml").read_text())
    recipe |= {"persona": str(persona), "facts": 6, "output": str(folder / "train.jsonl")}
    recipe["slice"] |= {"tokens": 1500, "row_tokens": 250}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    axolotl = yaml.safe_load((REPO / "axolotl_configs/smollm2_135m_cpu.yaml").read_text())
    axolotl["datasets"][0]["path"] = str(folder / "train.jsonl")
    axolotl |= {"max_steps": 2, "dataset_prepared_path": str(folder / "prepared")}
    (folder / "axolotl.yaml").write_text(yaml.safe_dump(axolotl))
    settings = yaml.safe_load((REPO / "studies/demo.yaml").read_text())
    settings |= {"run_folder": str(folder / "run"), "persona": str(persona)}
    settings |= {"adapters": [], "beside": []}
    settings["training"]["config"] = str(folder / "axolotl.yaml")
    settings["training"]["arms"][0]["recipe"] = str(folder / "recipe.yaml")
    settings["evaluation"] |= {"cells": CELLS, "epochs": 1, "max_tokens": 16}
    settings["serve"] |= {"port": free_port()}
    (folder / "study.yaml").write_text(yaml.safe_dump(settings))
    return folder / "study.yaml"


def pipeline(verb: str, study: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", verb, str(study)]
    return subprocess.run(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_the_loop_runs_binds_and_skips(study: Path) -> None:
    first = pipeline("run", study)
    assert first.returncode == 0, first.stdout[-4000:]
    run = study.parent / "run"
    page = (run / "index.html").read_text()
    assert "plumbing run, not evidence" in page and "http://" not in page.split("<body")[0]
    with (run / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * QUESTIONS * len(CELLS)
    assert {row["model"] for row in rows} == {"SmolLM2-135M-Instruct", ADAPTER}
    assert list((run / "plots").glob("*.png"))
    bound = json.loads((run / "run.json").read_text())["study"]
    assert bound["adapters"][ADAPTER]["sha256"] and bound["versions"]["train:axolotl"]
    (data,) = bound["data"].values()
    assert data["counts"]["by_source"]["persona"] == 6
    assert str(REPO) not in json.dumps(bound["axolotl"]), "a machine's path in the binding"
    port = yaml.safe_load(study.read_text())["serve"]["port"]
    assert not servers(port), "the server outlived the run"

    second = pipeline("run", study)
    assert second.returncode == 0
    assert "..." not in second.stdout, f"a stage ran again although nothing changed:\n{second.stdout}"

    adapter = run / "adapters" / ADAPTER / "adapter_model.safetensors"
    before = adapter.read_bytes()
    recipe = study.parent / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("seed: 1", "seed: 2"))
    third = pipeline("train", study)
    assert third.returncode == 0, third.stdout[-4000:]
    assert "[data:recipe] done" in third.stdout and f"[train:{ADAPTER}] done" in third.stdout
    assert adapter.read_bytes() != before, "other rows, the same adapter"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_never_outlives_us(study: Path, sign: signal.Signals) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "serve", str(study)],
        cwd=REPO,
        env=os.environ | {"PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(120):
        if servers(port):
            break
        time.sleep(0.5)
    assert servers(port), "the server was never started"
    process.send_signal(sign)
    process.wait(timeout=60)
    for _ in range(120):
        if not servers(port):
            return
        time.sleep(0.5)
    raise AssertionError(f"the server outlived {sign.name}")
