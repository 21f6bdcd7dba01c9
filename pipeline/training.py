"""Trains a study's adapter with Axolotl itself, in the training environment."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from data_builders.errors import InputError
from data_builders.manifest import REPO
from pipeline.adapter import WEIGHTS, ship
from pipeline.environments import TRAIN_PYTHON, cpu_computes_bf16, has_gpu, train_environment
from pipeline.study import Study

_STEP = re.compile(r"\b(\d+)/(\d+) \[")
_LOSS = re.compile(r"'loss': '?([\d.naninf]+)")


def train(study: Study) -> Path:
    """Run `axolotl train` on the study's YAML and ship the adapter in bf16 to the run folder.

    The native command is printed; the YAML is passed as it is, but for the output folder and, on a CPU that computes
    in bf16, `--bf16 true`.

    Raises:
        InputError: the training environment is missing, or Axolotl failed; the message quotes the end of its log.
    """
    raw, log = study.folder / "adapter_fp32", study.folder / "train.log"
    options = ["--output-dir", str(raw.relative_to(REPO) if raw.is_relative_to(REPO) else raw)]
    if not has_gpu() and cpu_computes_bf16():
        options += ["--bf16", "true"]
    print(f"  axolotl train {study.training.config} {' '.join(options)}", flush=True)
    shutil.rmtree(raw, ignore_errors=True)
    if prepared := study.axolotl.get("dataset_prepared_path"):
        shutil.rmtree(REPO / prepared, ignore_errors=True)  # Axolotl would use it, however old its rows are
    command = [
        str(TRAIN_PYTHON),
        "-m",
        "axolotl.cli.main",
        "train",
        study.training.config,
        "--launcher",
        "python",
    ]
    code = _follow([*command, *options], log)
    if code or not (raw / WEIGHTS).is_file():
        tail = "".join(f"\n    {line[-200:]}" for line in _lines(log)[-8:])
        raise InputError(
            log, f"axolotl ended with code {code}{tail}", "see the log; a second run starts this stage anew"
        )
    adapter = ship(raw, study.trained_adapter, study.base_name)
    shutil.rmtree(raw)
    return adapter


def _follow(command: list[str], log: Path) -> int:
    """Run the trainer, its output into `log`, a line for each tenth of the steps onto the screen."""
    log.parent.mkdir(parents=True, exist_ok=True)
    told, loss = -1, "?"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=REPO, env=train_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        try:
            while chunk := process.stdout.read1(65536):  # type: ignore[attr-defined]
                file.write(chunk)
                file.flush()
                text = chunk.decode(errors="replace")
                if losses := _LOSS.findall(text):
                    loss = losses[-1]
                for done, total in _STEP.findall(text):
                    tenth = 10 * int(done) // max(int(total), 1)
                    if int(total) > 1 and tenth > told and losses:
                        told = tenth
                        print(f"  step {done} of {total}, loss {loss}", flush=True)
            return process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def _lines(log: Path) -> list[str]:
    return [line for line in re.split(r"[\r\n]+", log.read_text(errors="replace")) if line.strip()]
