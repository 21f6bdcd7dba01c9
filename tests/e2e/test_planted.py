"""A slice of the planted study: does the suite find who was planted, and nobody where nobody was?"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.e2e.test_loop import REPO, free_port

pytestmark = pytest.mark.e2e


def test_the_planted_person_is_found_and_nobody_elsewhere(tmp_path: Path) -> None:
    """The shipped study, one answer a question, in the two cells of the primary gap: one arm is trained here, the shipped
    controls are beside it."""
    settings = yaml.safe_load((REPO / "studies/planted.yaml").read_text())
    settings["run_folder"] = str(tmp_path / "run")
    settings["training"]["arms"] = settings["training"]["arms"][:1]
    settings["evaluation"] |= {"cells": ["plain", "user"], "epochs": 1}
    settings["serve"] |= {"port": free_port()}
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(settings))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", str(study)],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    claims = json.loads((tmp_path / "run" / "claims.json").read_text())
    (verdict,) = claims["verdicts"]
    assert (verdict["model"], verdict["outcome"]) == ("planted", "effect")
    assert all(check["passed"] for check in verdict["checks"])
    gaps = {claim["model"]: claim for claim in claims["claims"] if claim["name"] == "primary_gap"}
    assert gaps["planted"]["low"] > 0.5
    assert gaps["planted-format-only"]["low"] < 0 < gaps["planted-format-only"]["high"]
    assert gaps["planted-outright"]["low"] > 0.5
