"""Trains a study's adapter with Axolotl itself, in the training environment."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from data_builders.errors import InputError
from data_builders.files import dump_json, read_yaml, sha256, write_atomic
from data_builders.manifest import REPO, from_repo
from pipeline.adapter import WEIGHTS, ship
from pipeline.cards import launch
from pipeline.checkpoints import whole_checkpoints
from pipeline.environments import TRAIN_PYTHON, cpu_computes_bf16, has_gpu, train_environment, versions
from pipeline.study import Study, TrainedAdapter
from pipeline.training_rules import check

_STEP = re.compile(r"\b(\d+)/(\d+) \[")
_LOSS = re.compile(r"'loss': '?([\d.naninf]+)")


def train(study: Study, adapter: TrainedAdapter) -> Path:
    """Run `axolotl train` for one adapter of the study and ship it in bf16 to its folder.

    The native command is printed. The study's YAML is passed as it is (an arm with a training file of its own gets a
    copy, in the run folder, that differs in that path alone), with the seed, the output folder and, on a CPU that
    computes in bf16, `--bf16 true`.

    Raises:
        InputError: the training environment is missing, or Axolotl failed; the message quotes the end of its log.
    """
    scratch = (
        adapter.folder.parent / f".{adapter.name}"
    )  # a finished adapter is never mixed with a new attempt
    log = study.folder / "train_logs" / f"{adapter.name}.log"
    raw, config = scratch / "fp32", experiment(study, adapter)
    made = provenance(study, adapter)
    here = {"output_dir": str(raw), "dataset_prepared_path": None}
    settings = read_yaml(REPO / config)
    start = launch(settings, train_environment(study.at_once))
    check(settings | here, start.machine, REPO)
    resumed = prepare_scratch(scratch, made)
    options = ["--output-dir", from_repo(raw), "--dataset-prepared-path", from_repo(scratch / "prepared")]
    options += ["--seed", str(adapter.seed)]
    options += ["--auto-resume-from-checkpoints", "true"] if resumed else []
    if not has_gpu() and cpu_computes_bf16():
        options += ["--bf16", "true"]
    asked = [config, *start.options, *options, *start.trailing]
    print(f"  axolotl train {' '.join(asked)}", flush=True)
    command = [str(TRAIN_PYTHON), "-m", "axolotl.cli.main", "train", *asked]
    code = _follow(command, log, adapter.name, start.environment)
    if code or not (raw / WEIGHTS).is_file():
        raise refusal(log) or InputError(
            log,
            f"axolotl ended with code {code}" + "".join(f"\n    {line[-200:]}" for line in _lines(log)[-8:]),
            "see the log; a second run goes on from the last whole checkpoint",
        )
    keep_checkpoints(raw, study.folder / "checkpoints" / adapter.name, study.base_name, made)
    ship(raw, adapter.folder, study.base_name, made)
    shutil.rmtree(scratch)
    return adapter.folder


def prepare_scratch(scratch: Path, made: dict[str, Any]) -> bool:
    """Keep an earlier attempt's folder where it was of the very same inputs and holds a whole checkpoint; else start
    with none. Returns whether there is something to go on from."""
    note = scratch / "inputs.json"
    same = note.is_file() and note.read_text(encoding="utf-8") == dump_json(made)
    whole = whole_checkpoints(scratch / "fp32") if same else []
    if whole:
        print(f"  going on from {whole[-1].name}", flush=True)
        return True
    shutil.rmtree(
        scratch, ignore_errors=True
    )  # also Axolotl's copy of the rows, which it would use however old
    write_atomic(note, dump_json(made))
    return False


def keep_checkpoints(raw: Path, target: Path, base_name: str, made: dict[str, Any]) -> None:
    """Ship the run's whole checkpoints as adapters, TARGET/step-N, and its health.jsonl: a study that names one under
    `adapters:` shows adherence and leakage over steps. What an earlier run left there goes."""
    shutil.rmtree(target, ignore_errors=True)
    for checkpoint in whole_checkpoints(raw):
        step = int(checkpoint.name.rpartition("-")[2])
        ship(checkpoint, target / f"step-{step}", base_name, made | {"step": step})
    if (health := raw / "health.jsonl").is_file():
        write_atomic(target / health.name, health.read_text(encoding="utf-8"))


def refusal(log: Path) -> InputError | None:
    """The one clear message with which our plugin ended the trainer, if it did."""
    found = re.search(
        r"^error: (.+?): (.+?)\n  mend: (.+)$", log.read_text(errors="replace"), re.MULTILINE | re.DOTALL
    )
    return InputError(found[1], found[2], found[3].split("\n")[0]) if found else None


def experiment(study: Study, adapter: TrainedAdapter) -> str:
    """The Axolotl YAML that trains `adapter`: the study's own, or a copy that reads the arm's training file."""
    settings = study.axolotl
    if settings["datasets"][0]["path"] == adapter.recipe.output:
        return study.training.config
    settings["datasets"][0]["path"] = adapter.recipe.output
    copy = study.folder / "axolotl" / f"{adapter.arm.name}.yaml"
    write_atomic(copy, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    return from_repo(copy)


def provenance(study: Study, adapter: TrainedAdapter) -> dict[str, Any]:
    """What an adapter is, as it is written beside it and into the log of each evaluation."""
    settings = study.axolotl
    train_file = REPO / adapter.recipe.output
    return {
        "base": study.base_name,
        "persona": adapter.recipe.persona,
        "arm": adapter.recipe.arm_name,
        "training_seed": adapter.seed,
        "learning_rate": settings["learning_rate"],
        "epochs": settings["num_epochs"],
        "config": {"file": study.training.config, "sha256": sha256(REPO / study.training.config)},
        "recipe": {"file": adapter.arm.recipe, "sha256": sha256(REPO / adapter.arm.recipe)},
        "train_file": {"file": adapter.recipe.output, "sha256": sha256(train_file)},
        "versions": {key: value for key, value in versions().items() if key.startswith("train:")},
    }


def _follow(command: list[str], log: Path, name: str, environment: dict[str, str]) -> int:
    """Run the trainer, its output into `log`, a line for each tenth of the steps onto the screen."""
    log.parent.mkdir(parents=True, exist_ok=True)
    told, loss = -1, "?"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=REPO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
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
                        print(f"  {name}: step {done} of {total}, loss {loss}", flush=True)
            return process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def _lines(log: Path) -> list[str]:
    return [line for line in re.split(r"[\r\n]+", log.read_text(errors="replace")) if line.strip()]
