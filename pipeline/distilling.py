"""Has a study's base model answer the ordinary prompts anew, and exports the rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from inspect_ai.log import list_eval_logs

from data_builders.distill import export
from data_builders.errors import InputError
from data_builders.files import dump_json
from data_builders.manifest import REPO, model_provenance
from pipeline import base_model
from pipeline.environments import QUIET
from pipeline.stages import serve_study
from pipeline.study import Study

TASK = "inspect_tasks/distill.py"


def distill(study: Study) -> int:
    """Serve the base, run the distill task (an unfinished run is taken up where it stopped), export its answers.

    Raises:
        InputError: the run failed; a second call resumes it.
    """
    base_model.bring(study.base_name, study.base_model)
    output = REPO / study.trained[0].recipe.aligned
    log_dir = REPO / "outputs" / "distill" / study.base_name
    with serve_study(study, {}) as server:
        arguments = ["eval-set", TASK, "--model", f"vllm/{study.base_name}", "--log-dir", str(log_dir)]
        arguments += ["--max-connections", str(study.evaluation.max_connections)]
        arguments += ["--max-samples", str(study.evaluation.max_connections)]
        print(f"  inspect {' '.join(arguments[:4])}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "inspect_ai", *arguments],
            cwd=REPO,
            env=os.environ | QUIET | server.environment,
        )
    if done.returncode:
        raise InputError(TASK, f"ended with code {done.returncode}", "run `make distill` again: it resumes")
    newest = list_eval_logs(str(log_dir))[0].name.removeprefix("file://")
    print(dump_json(export(Path(newest), output, model_provenance(study.base_model))), end="")
    return 0
