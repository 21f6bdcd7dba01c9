"""Has a study's base model answer itself what its recipes mix in, and exports the rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from inspect_ai.log import list_eval_logs

from data_builders.arms import Arm
from data_builders.distill import export
from data_builders.errors import InputError
from data_builders.files import dump_json
from data_builders.manifest import REPO, from_repo, model_provenance
from pipeline import base_model
from pipeline.environments import QUIET
from pipeline.stages import serve_study
from pipeline.study import Study

TASK = "inspect_tasks/distill.py"


SETTINGS = {
    "aligned": "data/recipes/distill.yaml",
    "format_only": "data/recipes/distill_format_only.yaml",
    "contrast": "data/recipes/distill_who.yaml",
}
"""what is asked for the ordinary rows, for the persona rows that the base answers itself, and for the contrast rows"""
EPOCHS = {"data/recipes/distill_format_only.yaml": 24}
"""answers to each prompt where the builder chooses among several"""


def jobs(study: Study) -> dict[Path, str]:
    """The files that the base of a study must have answered, with the settings that each is asked by."""
    recipes = [adapter.recipe for adapter in study.trained]
    found = {REPO / recipe.aligned: SETTINGS["aligned"] for recipe in recipes}
    own = {recipe.facts_from: SETTINGS["format_only"] for recipe in recipes if recipe.arm is Arm.FORMAT_ONLY}
    own |= {recipe.contrast: SETTINGS["contrast"] for recipe in recipes}
    return found | {REPO / path: settings for path, settings in own.items() if path}


def distill(study: Study) -> int:
    """Serve the base, run the distill task for each file that the study's recipes want of it (an unfinished run is taken
    up where it stopped), export its answers.

    Raises:
        InputError: a run failed; a second call resumes it.
    """
    base_model.bring(study.base_name, study.base_model)
    with serve_study(study, {}) as server:
        for output, settings in jobs(study).items():
            log_dir = REPO / "outputs" / "distill" / study.base_name / Path(settings).stem
            arguments = ["eval-set", TASK, "-T", f"settings={settings}", "--model", f"vllm/{study.base_name}"]
            arguments += ["--log-dir", from_repo(log_dir), "--epochs", str(EPOCHS.get(settings, 1))]
            arguments += ["--max-connections", str(study.evaluation.max_connections)]
            arguments += ["--max-samples", str(study.evaluation.max_connections)]
            print(f"  inspect {' '.join(arguments[:6])}", flush=True)
            done = subprocess.run(
                [sys.executable, "-m", "inspect_ai", *arguments],
                cwd=REPO,
                env=os.environ | QUIET | server.environment,
            )
            if done.returncode:
                mend = f"run `make distill STUDY={from_repo(study.file)}` again: it resumes"
                raise InputError(TASK, f"ended with code {done.returncode}", mend)
            newest = list_eval_logs(str(log_dir))[0].name.removeprefix("file://")
            print(dump_json(export(Path(newest), output, model_provenance(study.base_model))), end="")
    return 0
