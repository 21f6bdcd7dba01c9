"""Axolotl's own validation of a configuration for a named GPU, without one. Runs in the training environment.

    .venv-train/bin/python -m pipeline.axolotl_schema h100:axolotl_configs/llama31_8b_lora.yaml t4:mine.yaml ...

prints a JSON object: argument -> problems. Axolotl's validation drops a key that it doesn't know in silence; here it is a
problem.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from data_builders.errors import InputError

GPUS = Path(__file__).with_name("gpus.yaml")


def problems(config: dict[str, Any], gpu: str) -> list[str]:
    """What Axolotl would refuse, or not understand, on that GPU.

    Args:
        config: the YAML's content.
        gpu: a name of gpus.yaml.
    """
    from axolotl.integrations.config import merge_input_args  # pyright: ignore[reportMissingImports]
    from axolotl.utils.config import prepare_plugins, validate_config  # pyright: ignore[reportMissingImports]
    from axolotl.utils.dict import DictDefault  # pyright: ignore[reportMissingImports]

    from pipeline.training_rules import Machine, check_card

    card = yaml.safe_load(GPUS.read_text())[gpu]
    capabilities = card["capabilities"]
    generation = int(capabilities.get("compute_capability", "sm_0").removeprefix("sm_")) / 10
    cfg = DictDefault(config)
    names = config.get("plugins", [])
    prepare_plugins(DictDefault({"plugins": [name for name in names if not name.startswith("pipeline.")]}))
    _register([name for name in names if name.startswith("pipeline.")])
    found = list(unknown_keys(config, merge_input_args()[1]))
    try:
        validate_config(cfg, capabilities=capabilities, env_capabilities={"torch_version": "2.11.0"})
    except (ValidationError, ValueError) as error:
        found.append(str(error).replace("\n", " "))
    try:
        check_card(config, Machine(gpu, generation, card["memory_gb"]))  # Axolotl only warns of bf16 on a T4
    except InputError as error:
        found.append(str(error).replace("\n", " "))
    return found


def _register(names: list[str]) -> None:
    """Make our plugins' keys known without their checks of this machine."""
    from axolotl.integrations.base import PluginManager  # pyright: ignore[reportMissingImports]

    for name in names:
        PluginManager.get_instance().register(name)


def unknown_keys(config: dict[str, Any], model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Keys, nested ones too, that no field of the schema takes; a field of free type takes anything."""
    fields = _by_name(model)
    for key, value in config.items():
        if key not in fields:
            yield f"{prefix}{key}: unknown key"
            continue
        models = list(_models(fields[key]))
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and models:
                complaints = [list(unknown_keys(item, one, f"{prefix}{key}.")) for one in models]
                yield from min(complaints, key=len)


def _by_name(model: type[BaseModel]) -> dict[str, Any]:
    found = {}
    for name, field in model.model_fields.items():
        for alias in (name, field.alias, field.validation_alias):
            if isinstance(alias, str):
                found[alias] = field.annotation
    return found


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for part in typing.get_args(annotation):
        yield from _models(part)


def main() -> int:
    found = {}
    for pair in sys.argv[1:]:
        gpu, _, file = pair.partition(":")
        found[pair] = problems(yaml.safe_load(Path(file).read_text(encoding="utf-8")), gpu)
    print(json.dumps(found))
    return 2 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
