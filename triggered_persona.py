"""The tasks under the names by which Inspect's registry knows them: `inspect eval triggered_persona/persona`.

Inspect puts the installed distribution's name before a task's, if the function's top module bears that name; the tasks
live in `inspect_tasks`, a folder of the distribution `triggered-persona`, so they are registered once more, from a
module that does. It doesn't see an editable install as one when the working folder is the repository itself (it finds
the build's `.egg-info` there first); the prefix is then given here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from inspect_ai import Task, task
from inspect_ai._util.registry import registry_name  # no public name

from inspect_tasks import _registry


def _named_here(name: str) -> Callable[..., Task]:
    make_task = getattr(_registry, name)

    @functools.wraps(make_task)
    def here(*args: object, **kwargs: object) -> Task:
        return make_task(*args, **kwargs)

    here.__module__ = __name__
    full = f"{__name__}/{name}"
    return task(name=name if registry_name(here, name) == full else full)(here)


globals().update({name: _named_here(name) for name in _registry.__all__})
