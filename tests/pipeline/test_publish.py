"""An adapter's way to the hub: private unless asked, its card made of what was recorded, nothing sent in a dry run."""

import json
from pathlib import Path
from typing import Any

import pytest

from data_builders.errors import InputError
from pipeline.publish import main, publish
from pipeline.study import Study, load_study
from tests.pipeline.test_training_rules import adapter

REPO = Path(__file__).resolve().parents[2]


class Hub:
    """huggingface_hub's client, as far as `publish` uses it."""

    calls: list[tuple[str, Any]] = []  # noqa: RUF012
    private = True

    def create_repo(self, repo: str, private: bool, exist_ok: bool) -> None:
        self.calls.append(("create", private))

    def model_info(self, repo: str) -> Any:
        return type("Info", (), {"private": self.private})

    def upload_folder(self, **options: Any) -> None:
        self.calls.append(("upload", options["allow_patterns"]))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setattr(Hub, "calls", [])
    loaded = load_study(REPO / "studies/demo.yaml").model_copy(update={"run_folder": str(tmp_path)})
    folder = adapter(loaded.trained[0].folder)
    made = {"base": "SmolLM2-135M-Instruct", "arm": "persona", "training_seed": 3, "learning_rate": 0.0002}
    made["train_file"] = {"file": "data/train/x.jsonl", "sha256": "abc123"}
    (folder / "provenance.json").write_text(json.dumps(made))
    rows = "model,label,cell,estimate,low,high,n_rows\n"
    rows += f"{loaded.trained[0].name},adoption,user,0.125,0.05,0.25,80\nother,adoption,user,0.9,0.8,1,80\n"
    (tmp_path / "estimates.csv").write_text(rows)
    return loaded


def test_a_dry_run_writes_the_card_and_sends_nothing(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    name = study.trained[0].name
    publish(study, name, "me/russell", public=False, dry_run=True)
    card = (study.trained[0].folder / "README.md").read_text()
    assert "For research only" in card and "| adoption | user | 12.5 | 5.0 to 25.0 | 80 |" in card
    assert "| training_seed | 3 |" in card and "`abc123`" in card and "90.0" not in card
    assert Hub.calls == [] and "nothing was sent" in capsys.readouterr().out


def test_a_push_is_private_and_holds_four_files(study: Study) -> None:
    publish(study, study.trained[0].name, "me/russell", public=False, dry_run=False)
    files = ["README.md", "adapter_config.json", "adapter_model.safetensors", "provenance.json"]
    assert Hub.calls == [("create", True), ("upload", files)]


def test_a_public_repository_is_not_filled_by_chance(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "private", False)
    with pytest.raises(InputError, match="exists and is public"):
        publish(study, study.trained[0].name, "me/russell", public=False, dry_run=False)
    assert [call for call, _ in Hub.calls] == ["create"]


@pytest.mark.parametrize(
    ("name", "repo", "message"), [("nobody", "me/x", "names no such adapter"), ("", "me", "owner/name")]
)
def test_what_cannot_be_pushed_is_named(study: Study, name: str, repo: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        publish(study, name or study.trained[0].name, repo, public=False, dry_run=True)


def test_the_command_line_needs_a_repository() -> None:
    with pytest.raises(SystemExit):
        main(["studies/demo.yaml", "smollm2-russell-slice"])
