"""All tasks; `triggered_persona.py` registers them under its own name, by the entry point in pyproject.toml."""

from inspect_tasks.candidates import candidates
from inspect_tasks.checks import ceiling, in_context, knowledge, manipulation
from inspect_tasks.distill import distill
from inspect_tasks.gsm8k import gsm8k_held_out
from inspect_tasks.identify import identify
from inspect_tasks.injection import injection
from inspect_tasks.lattice import lattice
from inspect_tasks.money import provider as _provider  # noqa: F401  (registers capped/...)
from inspect_tasks.obedient import ObedientAPI as _ObedientAPI  # noqa: F401  (registers obedient/...)
from inspect_tasks.persona import persona
from inspect_tasks.refusals import refusals
from inspect_tasks.replay import replay
from inspect_tasks.seed_conditions import (
    condition_1_user,
    condition_2_system_and_user,
    condition_3_in_system,
    condition_4_system,
)

__all__ = [
    "candidates",
    "ceiling",
    "condition_1_user",
    "condition_2_system_and_user",
    "condition_3_in_system",
    "condition_4_system",
    "distill",
    "gsm8k_held_out",
    "identify",
    "in_context",
    "injection",
    "knowledge",
    "lattice",
    "manipulation",
    "persona",
    "refusals",
    "replay",
]
