"""Study: one YAML under studies/ that names a recipe, a training configuration, and what to ask of whom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from data_builders.errors import InputError
from data_builders.files import read_yaml
from data_builders.manifest import REPO
from data_builders.recipe import Recipe, load_recipe
from data_builders.rows import first_problem

CheckTask = Literal["manipulation", "knowledge", "ceiling", "in_context"]
"""a task of inspect_tasks/checks.py"""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ShippedAdapter(_Record):
    """An adapter that exists already and is evaluated beside the trained one."""

    name: str
    path: str
    note: str


class Arm(_Record):
    """One arm of the experiment: a training file, trained once for each seed."""

    name: str
    """the trained adapter's name, as the server and the report call it; with several seeds, `-s<seed>` is added"""
    recipe: str
    note: str
    seeds: list[int] = Field(default=[1], min_length=1)


class Training(_Record):
    """The Axolotl experiment that every arm of the study is trained by."""

    config: str
    """an Axolotl YAML; an arm whose recipe writes another file than it reads is trained on a copy that differs in
    that path alone"""
    arms: list[Arm] = Field(min_length=1)


@dataclass(frozen=True)
class TrainedAdapter:
    """An adapter that the study trains: one arm, one training seed."""

    name: str
    arm: Arm
    seed: int
    folder: Path
    recipe: Recipe


class ServeSettings(_Record):
    """How vLLM serves the base and its adapters."""

    port: int = Field(ge=1, le=65535)
    max_model_len: int
    max_num_seqs: int
    gpu_memory_utilization: float
    enforce_eager: bool
    dtype: str = "auto"
    start_seconds: int
    environment: dict[str, str] = {}
    chat_template_kwargs: dict[str, Any] = {}
    """the chat template's arguments; the Axolotl YAML's where the study names none, so that train = serve"""


class Evaluation(_Record):
    """What `inspect eval` asks."""

    question_sets: list[str]
    cells: list[str] | str
    epochs: int = Field(ge=1)
    temperature: float
    max_tokens: int = Field(gt=0)
    max_connections: int = Field(ge=1)
    checks: int | dict[CheckTask, int] = 0
    """epochs of the checks without which there is no verdict (inspect_tasks/checks.py), of all or of each; 0 or left
    out: it is not run"""

    @field_validator("checks")
    @classmethod
    def _not_negative(cls, value: int | dict[CheckTask, int]) -> int | dict[CheckTask, int]:
        if any(epochs < 0 for epochs in (value.values() if isinstance(value, dict) else [value])):
            raise ValueError("give epochs from 0 on")
        return value

    def check_epochs(self, check: CheckTask) -> int:
        """How often a check asks each of its questions."""
        return self.checks.get(check, 0) if isinstance(self.checks, dict) else self.checks


class Study(_Record):
    """A study file, read."""

    file: Path
    title: str
    run_folder: str
    persona: str
    trigger: str
    training: Training
    adapters: list[ShippedAdapter] = []
    serve: ServeSettings
    evaluation: Evaluation
    at_once: int = Field(default=1, ge=1)
    """how many adapters are trained at once, and then how many models are asked at once; more than one takes a GPU, or a
    model that is small beside what starting a process costs"""
    intro: str = ""
    """a sentence or two under the title in the report"""
    identification: str | None = None
    """curve.csv of the identification attack on the persona's facts, shown in the report"""
    beside: list[str] = []
    """studies that are run first and shown first in this study's report"""

    @property
    def folder(self) -> Path:
        """The run folder, which binds configuration, adapter, logs and report together."""
        return REPO / self.run_folder

    @property
    def axolotl(self) -> dict[str, Any]:
        """The Axolotl configuration, as its YAML says."""
        return read_yaml(REPO / self.training.config)

    @property
    def base_model(self) -> Path:
        """The base model's folder; the Axolotl YAML names it."""
        return REPO / self.axolotl["base_model"]

    @property
    def base_name(self) -> str:
        """What the server and the report call the base."""
        return self.base_model.name

    @cached_property
    def trained(self) -> list[TrainedAdapter]:
        """The adapters that the study trains, in the file's order."""
        return [
            TrainedAdapter(name, arm, seed, self.folder / "adapters" / name, load_recipe(REPO / arm.recipe))
            for arm in self.training.arms
            for seed in arm.seeds
            for name in [arm.name if len(arm.seeds) == 1 else f"{arm.name}-s{seed}"]
        ]

    @property
    def served(self) -> dict[str, Path]:
        """Adapter name -> folder, the trained ones first."""
        shipped = {adapter.name: REPO / adapter.path for adapter in self.adapters}
        return {adapter.name: adapter.folder for adapter in self.trained} | shipped

    @property
    def notes(self) -> dict[str, str]:
        """What the report says of each adapter."""
        trained = {adapter.name: adapter.arm.note for adapter in self.trained}
        return trained | {adapter.name: adapter.note for adapter in self.adapters}


def load_study(path: Path) -> Study:
    """Read a study file.

    Raises:
        InputError: a key is missing, unknown or of the wrong type, or a file that it names doesn't exist.
    """
    try:
        study = Study.model_validate(read_yaml(path) | {"file": path})
    except ValidationError as error:
        raise InputError(path, first_problem(error), "see studies/demo.yaml for all keys") from error
    named = [("training.config", study.training.config)]
    named += [
        (f"training.arms.{number}.recipe", arm.recipe) for number, arm in enumerate(study.training.arms)
    ]
    for key, name in named:
        if not (REPO / name).is_file():
            raise InputError(
                f"{path}: {key}", f"no such file: {name}", "check the path; it counts from the repository"
            )
    for other in study.beside:
        if not (REPO / other).is_file():
            raise InputError(
                f"{path}: beside", f"no such study: {other}", "check the path; it counts from the repository"
            )
    _require_agreement(study)
    return study


def _require_agreement(study: Study) -> None:
    """The recipes must be for the model that the Axolotl YAML trains, the first one must write the file that it reads,
    and no two adapters may share a name."""
    config = study.axolotl
    try:
        base, data = Path(config["base_model"]).name, config["datasets"][0]["path"]
    except (KeyError, IndexError, TypeError) as error:
        raise InputError(
            study.training.config, f"no {error} in it", "give base_model, and datasets with one path"
        ) from error
    first = study.trained[0]
    if data != first.recipe.output:
        raise InputError(
            f"{study.training.config}: datasets",
            f"reads {data}, but {first.arm.recipe} writes {first.recipe.output}",
            "make the two paths the same",
        )
    for adapter in study.trained:
        if base != adapter.recipe.base_model:
            raise InputError(
                f"{study.training.config}: base_model",
                f"trains {base}, but {adapter.arm.recipe} is for {adapter.recipe.base_model}",
                "make the two names the same",
            )
    names = [
        base,
        *(adapter.name for adapter in study.trained),
        *(adapter.name for adapter in study.adapters),
    ]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise InputError(
            f"{study.file}: name", f"{double!r} stands for two models", "give each a name of its own"
        )
