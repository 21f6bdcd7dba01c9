"""The tasks under the names by which Inspect's registry knows them: `inspect eval triggered_persona/persona`.

Inspect names a task by the installed package that its function's module belongs to, and looks a package up by its
distribution's name. The tasks live in `inspect_tasks`, a folder of the distribution `triggered-persona`; so they are
registered once more here, from a module that bears the distribution's name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from inspect_ai import Task, task

from inspect_tasks import _registry


def _named_here(name: str) -> Callable[..., Task]:
    make_task = getattr(_registry, name)

    @functools.wraps(make_task)
    def here(*args: object, **kwargs: object) -> Task:
        return make_task(*args, **kwargs)

    here.__module__ = __name__
    return task(name=name)(here)


__all__ = list(_registry.__all__)
globals().update({name: _named_here(name) for name in __all__})
