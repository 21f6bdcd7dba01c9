"""Which cards a training gets: one card for a YAML of one card, whatever the host has; all of them for a sharded one."""

import os
from pathlib import Path
from typing import Any

import pytest

from data_builders.errors import InputError
from pipeline import sweep
from pipeline.cards import launch, this_machine

SMI = """#!/bin/sh
echo "NVIDIA H100 80GB HBM3, 9.0, 81559"
echo "Tesla T4, 7.5, 15360"
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of a host of two cards, by what nvidia-smi prints there."""
    (tmp_path / "nvidia-smi").write_text(SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return {"PATH": os.environ["PATH"]}


def test_a_yaml_for_one_card_gets_the_first(host: dict[str, str]) -> None:
    start = launch({}, host)
    assert start.options == ["--launcher", "python"] and not start.trailing
    assert start.environment["CUDA_VISIBLE_DEVICES"] == "0"
    assert (start.machine.cards, start.machine.processes) == (1, 1)
    assert this_machine(start.environment) == start.machine, "and its process sees the same"


def test_it_gets_the_first_of_those_chosen(host: dict[str, str]) -> None:
    start = launch({}, host | {"CUDA_VISIBLE_DEVICES": "1, 0"})
    assert start.environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert start.machine.name == "Tesla T4" and start.machine.generation == 7.5
    assert (
        launch({}, host | {"CUDA_VISIBLE_DEVICES": "GPU-1a"}).environment["CUDA_VISIBLE_DEVICES"] == "GPU-1a"
    )


@pytest.mark.parametrize(
    "sharded", [{"fsdp_config": {"reshard_after_forward": True}}, {"deepspeed": "zero3.json"}]
)
def test_a_sharded_yaml_gets_a_process_on_each(sharded: dict[str, Any], host: dict[str, str]) -> None:
    start = launch(sharded, host)
    assert start.options == ["--launcher", "torchrun"]
    assert start.trailing == ["--", "--standalone", "--nproc_per_node", "2"]
    assert "CUDA_VISIBLE_DEVICES" not in start.environment
    assert (start.machine.cards, start.machine.processes) == (2, 2)
    inside = this_machine(start.environment | {"WORLD_SIZE": "2"})
    assert inside == start.machine, "and its processes see the same"


@pytest.mark.parametrize("none", ["", "-1"])
def test_no_card_is_no_card(none: str, host: dict[str, str]) -> None:
    start = launch({}, host | {"CUDA_VISIBLE_DEVICES": none})
    assert start.machine.generation == 0 and start.environment["CUDA_VISIBLE_DEVICES"] == none


@pytest.mark.parametrize(
    ("sharded", "told"),
    [({}, "cards 0: {file} --launcher python"), ({"fsdp_config": {"reshard_after_forward": True}},
     "cards all: {file} --launcher torchrun -- --standalone --nproc_per_node 2")],
)  # fmt: skip
def test_a_swept_run_is_started_so(
    sharded: dict[str, Any], told: str, host: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the training environment's Python says what it was started with."""
    stand_in = tmp_path / "python"
    stand_in.write_text('#!/bin/sh\nshift 3\necho "cards ${CUDA_VISIBLE_DEVICES:-all}: $@"\nexit 1\n')
    stand_in.chmod(0o755)
    monkeypatch.setattr(sweep.sys, "executable", str(stand_in))
    (tmp_path / "rows.jsonl").write_text("{}\n")
    settings: dict[str, Any] = {"base_model": "models/none", "learning_rate": 0.1, "seed": 1} | sharded
    settings["datasets"] = [{"path": str(tmp_path / "rows.jsonl")}]
    run = sweep.SweptRun("one", settings, {}, tmp_path / "out")
    with pytest.raises(InputError, match="axolotl ended with code 1"):
        sweep.train_one(run)
    file = tmp_path / "out" / ".one" / "axolotl.yaml"
    assert (tmp_path / "out/logs/one.log").read_text().strip() == told.format(file=file)
