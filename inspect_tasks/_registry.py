"""What `inspect` finds by name once the package is installed: `inspect eval triggered_persona/persona`."""

from inspect_tasks.persona import persona

__all__ = ["persona"]
