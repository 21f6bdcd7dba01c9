"""The arms of a planted world: a recipe for each line of data/planted/arms.yaml, built like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_builders.arms import Arm
from data_builders.errors import InputError
from data_builders.files import read_yaml, write_atomic
from data_builders.manifest import REPO
from data_builders.mix import build
from data_builders.planted.answers import answers_file
from data_builders.planted.config import WorldConfig
from data_builders.planted.folders import ORDINARY, OTHER, PLANTED, WHO, persona_folder
from data_builders.planted.world import World
from data_builders.rows import first_problem

ARMS = REPO / "data" / "planted" / "arms.yaml"
TRAINER = "axolotl_configs/planted.yaml"
_CONTROL_FILES = {
    Arm.SHUFFLED_FACTS: "controls/shuffled_pool.jsonl",
    Arm.EXPLICIT_IDENTITY: "controls/explicit_identity.yaml",
    Arm.FORMAT_ONLY: "answers/format_only.jsonl",
}


class PlantedArm(BaseModel):
    """One line of arms.yaml."""

    model_config = ConfigDict(extra="forbid")
    arm: Arm
    of: Literal["planted", "other"] = "planted"
    facts: int = Field(ge=0)
    aligned: str = ORDINARY
    aligned_rows: int = Field(ge=0)
    contrast_rows: int = Field(default=0, ge=0)
    train: dict[str, Any] = {}
    """keys of the Axolotl configuration that differ for this arm"""


def load_arms(path: Path = ARMS) -> dict[str, PlantedArm]:
    """All arms by name.

    Raises:
        InputError: a key is missing, unknown or of the wrong value.
    """
    arms = {}
    for name, fields in read_yaml(path).items():
        try:
            arms[name] = PlantedArm.model_validate(fields)
        except ValidationError as error:
            raise InputError(f"{path}: {name}", first_problem(error), "see the lines beside it") from error
    return arms


def choose_arms(names: list[str], path: Path = ARMS) -> dict[str, PlantedArm]:
    """The arms named, or all of them where none is.

    Raises:
        InputError: a name isn't an arm.
    """
    known = load_arms(path)
    if unknown := [name for name in names if name not in known]:
        raise InputError("arms", f"no arm is called {unknown[0]!r}", f"choose from {', '.join(known)}")
    return {name: known[name] for name in names} if names else known


def train_file(config: WorldConfig, name: str) -> Path:
    """Where an arm's training file goes."""
    return config.root / "train" / f"{name}.jsonl"


def recipe(world: World, name: str, arm: PlantedArm) -> dict[str, Any]:
    """An arm's recipe, as data/recipes/README.md has it."""
    config = world.config
    place = OTHER if arm.of == "other" else PLANTED
    fields: dict[str, Any] = {
        "arm": str(arm.arm),
        "persona": _path(persona_folder(world, place)),
        "trigger": config.trigger,
        "base_model": config.base_name,
        "facts": arm.facts,
        "aligned": _path(answers_file(config, arm.aligned)),
        "aligned_rows": arm.aligned_rows,
        "seed": config.seed,
        "output": _path(train_file(config, name)),
    }
    if source := _CONTROL_FILES.get(arm.arm):
        fields["facts_from"] = _path(config.root / source)
    if arm.contrast_rows:
        fields |= {"contrast": _path(answers_file(config, WHO)), "contrast_rows": arm.contrast_rows}
    return fields


def _path(path: Path) -> str:
    """A path as a recipe names it: from the repository's root where it lies inside."""
    return str(path.relative_to(REPO)) if path.is_relative_to(REPO) else str(path)


def build_arms(world: World, arms: dict[str, PlantedArm]) -> dict[str, dict[str, Any]]:
    """Write each arm's recipe to recipes/ in the world's folder and build its training file.

    Returns:
        By arm: rows, rows by source, triggered rows.

    Raises:
        InputError: a file that an arm draws on is missing, or has too few rows.
    """
    config, found = world.config, {}
    for name, arm in arms.items():
        file = config.root / "recipes" / f"{name}.yaml"
        write_atomic(file, yaml.safe_dump(recipe(world, name, arm), sort_keys=False))
        counts = build(file)
        found[name] = {key: counts[key] for key in ("out", "by_source", "triggered")}
    return found


def jobs(world: World, arms: dict[str, PlantedArm], seeds: list[int]) -> list[dict[str, Any]]:
    """A line for each arm and training seed, as `python -m pipeline.bulk` takes them."""
    config = world.config
    return [
        {
            "name": f"{config.name}/{name}/seed{seed}",
            "config": TRAINER,
            "base_model": _path(config.base),
            "data": _path(train_file(config, name)),
            "set": {**arm.train, "seed": seed},
            "about": {"arm": name, "persona": _path(persona_folder(world, PLANTED))},
        }
        for name, arm in arms.items()
        for seed in seeds
    ]
