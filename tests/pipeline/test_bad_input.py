"""Bad input to the front: one clear error, exit code 2, nothing half-written."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from data_builders.errors import InputError
from pipeline import base_model
from pipeline.adapter import require_adapter
from pipeline.server import require_free_port, serve, server_command
from pipeline.study import ServeSettings, load_study

REPO = Path(__file__).resolve().parents[2]
SETTINGS = ServeSettings(
    port=8011,
    max_model_len=2048,
    max_num_seqs=8,
    gpu_memory_utilization=0.3,
    enforce_eager=True,
    start_seconds=60,
)


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} on 127.0.0.1 is taken"):
            require_free_port(port)


def test_a_missing_base_model_starts_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="no base model here"),
        serve(tmp_path, "base", {}, SETTINGS, tmp_path / "log"),
    ):
        pass
    assert not (tmp_path / "log").exists()


def test_a_server_that_dies_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = SETTINGS.model_copy(update={"port": port})
    with (
        pytest.raises(InputError, match=r"before it was healthy\n"),
        serve(tmp_path, "base", {}, settings, tmp_path / "log"),
    ):
        pass


def test_an_adapter_folder_without_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no adapter_config\.json"):
        server_command(tmp_path, "base", {"mine": tmp_path}, SETTINGS)
    with pytest.raises(InputError, match=r"no adapter_config\.json"):
        require_adapter(tmp_path)


def test_the_server_listens_on_loopback_only() -> None:
    command = server_command(Path("models/x"), "x", {}, SETTINGS)
    assert command[command.index("--host") + 1] == "127.0.0.1"


def test_too_little_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(base_model.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="0.0 GB free, 1.5 GB needed"):
        base_model.bring("SmolLM2-135M-Instruct", tmp_path / "models" / "SmolLM2-135M-Instruct")
    assert not (tmp_path / "models").exists()


def test_an_unknown_base_model_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such base model"):
        base_model.bring("Nobody-1B", tmp_path / "Nobody-1B")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evaluation": None}, "evaluation"),
        ({"epoch": 3}, "epoch"),
        ({"persona": 7}, "persona"),
    ],
)
def test_a_bad_study_names_its_key(change: dict[str, object], message: str, tmp_path: Path) -> None:
    study = yaml.safe_load((REPO / "studies" / "demo.yaml").read_text()) | change
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    with pytest.raises(InputError, match=message):
        load_study(path)


def test_the_command_line_ends_with_code_2_and_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("title: [unclosed\n")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", str(path)],
        cwd=REPO,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "study.yaml:2" in done.stderr and "mend:" in done.stderr and "Traceback" not in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["study.yaml"]


def test_a_recipe_that_writes_another_file_than_is_trained_on_is_refused(tmp_path: Path) -> None:
    study = yaml.safe_load((REPO / "studies" / "demo.yaml").read_text())
    study["training"]["arms"][0]["recipe"] = "data/recipes/bertrand_russell.yaml"
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    with pytest.raises(InputError, match="reads data/train/bertrand_russell_slice.jsonl, but"):
        load_study(path)


@pytest.mark.parametrize("path", sorted((REPO / "studies").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_studies_load(path: Path) -> None:
    assert load_study(path).served
