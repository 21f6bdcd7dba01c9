"""The tasks, scorers and providers that Inspect loads as an extension, by the entry point in pyproject.toml."""

from inspect_tasks.candidates import candidates
from inspect_tasks.distill import distill
from inspect_tasks.identify import identify
from inspect_tasks.injection import injection
from inspect_tasks.money.provider import CappedAPI
from inspect_tasks.obedient import ObedientAPI
from inspect_tasks.persona import persona
from inspect_tasks.scorers import adoption, lineup_judge, manner_judge, persona_judge, view_judge
from inspect_tasks.seed_conditions import (
    condition_1_user,
    condition_2_system_and_user,
    condition_3_in_system,
    condition_4_system,
)

__all__ = [
    "CappedAPI",
    "ObedientAPI",
    "adoption",
    "candidates",
    "condition_1_user",
    "condition_2_system_and_user",
    "condition_3_in_system",
    "condition_4_system",
    "distill",
    "identify",
    "injection",
    "lineup_judge",
    "manner_judge",
    "persona",
    "persona_judge",
    "view_judge",
]
