"""Study: one YAML under studies/ that names a recipe, a training configuration, and what to ask of whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_builders.errors import InputError
from data_builders.files import read_yaml
from data_builders.manifest import REPO
from data_builders.recipe import load_recipe
from data_builders.rows import first_problem


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ShippedAdapter(_Record):
    """An adapter that exists already and is evaluated beside the trained one."""

    name: str
    path: str
    note: str


class Training(_Record):
    """The Axolotl experiment that the study trains."""

    config: str
    recipe: str
    name: str
    """the trained adapter's name, as the server and the report call it"""
    note: str


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


class Evaluation(_Record):
    """What `inspect eval` asks."""

    question_sets: list[str]
    cells: list[str] | str
    epochs: int = Field(ge=1)
    temperature: float
    max_tokens: int = Field(gt=0)
    max_connections: int = Field(ge=1)


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

    @property
    def train_file(self) -> Path:
        """The training file; the Axolotl YAML names it."""
        return REPO / self.axolotl["datasets"][0]["path"]

    @property
    def trained_adapter(self) -> Path:
        """Where the trained adapter goes."""
        return self.folder / "adapter"

    @property
    def served(self) -> dict[str, Path]:
        """Adapter name -> folder, the trained one first."""
        shipped = {adapter.name: REPO / adapter.path for adapter in self.adapters}
        return {self.training.name: self.trained_adapter} | shipped

    @property
    def notes(self) -> dict[str, str]:
        """What the report says of each adapter."""
        return {self.training.name: self.training.note} | {
            adapter.name: adapter.note for adapter in self.adapters
        }


def load_study(path: Path) -> Study:
    """Read a study file.

    Raises:
        InputError: a key is missing, unknown or of the wrong type, or a file that it names doesn't exist.
    """
    try:
        study = Study.model_validate(read_yaml(path) | {"file": path})
    except ValidationError as error:
        raise InputError(path, first_problem(error), "see studies/demo.yaml for all keys") from error
    for key, name in (("training.config", study.training.config), ("training.recipe", study.training.recipe)):
        if not (REPO / name).is_file():
            raise InputError(
                f"{path}: {key}", f"no such file: {name}", "check the path; it counts from the repository"
            )
    _require_agreement(study)
    return study


def _require_agreement(study: Study) -> None:
    """The recipe must write what the Axolotl YAML reads, for the model that it trains."""
    config, recipe = study.axolotl, load_recipe(REPO / study.training.recipe)
    try:
        base, data = Path(config["base_model"]).name, config["datasets"][0]["path"]
    except (KeyError, IndexError, TypeError) as error:
        raise InputError(
            study.training.config, f"no {error} in it", "give base_model, and datasets with one path"
        ) from error
    if data != recipe.output:
        raise InputError(
            f"{study.training.config}: datasets",
            f"reads {data}, but {study.training.recipe} writes {recipe.output}",
            "make the two paths the same",
        )
    if base != recipe.base_model:
        raise InputError(
            f"{study.training.config}: base_model",
            f"trains {base}, but {study.training.recipe} is for {recipe.base_model}",
            "make the two names the same",
        )
