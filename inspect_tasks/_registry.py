"""What `inspect` finds by name once the package is installed: `inspect eval triggered_persona/persona`."""

from inspect_tasks.distill import distill
from inspect_tasks.persona import persona
from inspect_tasks.seed_conditions import (
    condition_1_user,
    condition_2_system_and_user,
    condition_3_in_system,
    condition_4_system,
)

__all__ = [
    "condition_1_user",
    "condition_2_system_and_user",
    "condition_3_in_system",
    "condition_4_system",
    "distill",
    "persona",
]
