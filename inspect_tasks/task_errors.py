"""How bad task parameters reach the user: one message and exit code 2, from `inspect eval` as from Python."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

import click
from inspect_ai import Task

from data_builders.errors import EXIT_BAD_INPUT, InputError

P = ParamSpec("P")


class TaskInputError(click.ClickException):
    """An `InputError` that Inspect's command line, which is click's, shows without a traceback."""

    exit_code = EXIT_BAD_INPUT

    def __init__(self, error: InputError) -> None:
        super().__init__(str(error))


def explained(make_task: Callable[P, Task]) -> Callable[P, Task]:
    """Have `make_task` raise its `InputError`s in the form that Inspect's command line shows."""

    @functools.wraps(make_task)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Task:
        try:
            return make_task(*args, **kwargs)
        except InputError as error:
            raise TaskInputError(error) from None

    return wrapper


@contextmanager
def task_error() -> Iterator[None]:
    """Raise an `InputError` from within as Inspect's command line shows it."""
    try:
        yield
    except InputError as error:
        raise TaskInputError(error) from None
