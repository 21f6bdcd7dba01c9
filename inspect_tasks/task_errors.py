"""How bad task parameters reach the user: one message and exit code 2, from `inspect eval` as from Python."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, get_type_hints

import click
from inspect_ai import Task
from pydantic import TypeAdapter, ValidationError

from data_builders.errors import EXIT_BAD_INPUT, InputError

P = ParamSpec("P")
_KNOWN: set[str] = set()
"""The parameters of all tasks that were loaded; `inspect eval FILE` gives one `-T` to every task of the file."""


class TaskInputError(click.ClickException):
    """An `InputError` that Inspect's command line, which is click's, shows without a traceback."""

    exit_code = EXIT_BAD_INPUT

    def __init__(self, error: InputError) -> None:
        super().__init__(str(error))


def explained(make_task: Callable[P, Task]) -> Callable[P, Task]:
    """Have `make_task` refuse parameters that it doesn't know or that have the wrong type, and raise its `InputError`s
    in the form that Inspect's command line shows.

    Inspect drops an unknown parameter with a warning, so that `-T cell=user` would ask all cells. It passes all of them
    to a function with `**`, hence the signature given here.
    """
    signature = inspect.signature(make_task)
    hints = get_type_hints(
        make_task
    )  # Inspect loads a task's file as no module that pydantic could look names up in
    types = {name: TypeAdapter(hints[name]) for name in signature.parameters}
    _KNOWN.update(types)

    @functools.wraps(make_task)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Task:
        try:
            for name in kwargs.keys() - types.keys():
                _refuse_unknown(name, make_task.__name__, list(types))
            given = signature.bind(
                *args, **{name: kwargs[name] for name in kwargs if name in types}
            ).arguments
            return make_task(**{name: _checked(name, types[name], given[name]) for name in given})  # type: ignore[call-arg]
        except InputError as error:
            raise TaskInputError(error) from None

    extra = inspect.Parameter("unknown", inspect.Parameter.VAR_KEYWORD)
    wrapper.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), extra]
    )
    return wrapper


def _refuse_unknown(name: str, task: str, allowed: list[str]) -> None:
    if name not in _KNOWN:
        raise InputError(f"-T {name}", f"{task} has no such parameter", f"choose from {', '.join(allowed)}")
    logging.getLogger(__name__).warning("-T %s: no parameter of %s, which ignores it", name, task)


def _checked(name: str, kind: TypeAdapter[object], value: object) -> object:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        problems = "; ".join(problem["msg"] for problem in error.errors(include_url=False))
        raise InputError(f"-T {name}", f"{value!r}: {problems}", "see the task's docstring") from None


@contextmanager
def task_error() -> Iterator[None]:
    """Raise an `InputError` from within as Inspect's command line shows it."""
    try:
        yield
    except InputError as error:
        raise TaskInputError(error) from None
