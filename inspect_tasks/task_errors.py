"""How bad task parameters reach the user: one message and exit code 2, from `inspect eval` as from Python."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, ParamSpec

import click
from inspect_ai import Task
from pydantic import ValidationError, validate_call

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
    checked = validate_call(make_task)
    _KNOWN.update(signature.parameters)

    @functools.wraps(make_task)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Task:
        known = {name: value for name, value in kwargs.items() if name in signature.parameters}
        try:
            for name in kwargs.keys() - known.keys():
                _refuse_unknown(name, make_task.__name__, list(signature.parameters))
            return checked(*args, **known)  # type: ignore[arg-type]
        except InputError as error:
            raise TaskInputError(error) from None
        except ValidationError as error:
            raise TaskInputError(_mistyped(error, signature)) from None

    extra = inspect.Parameter("unknown", inspect.Parameter.VAR_KEYWORD)
    wrapper.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), extra]
    )
    return wrapper


def _refuse_unknown(name: str, task: str, allowed: list[str]) -> None:
    if name not in _KNOWN:
        raise InputError(f"-T {name}", f"{task} has no such parameter", f"choose from {', '.join(allowed)}")
    logging.getLogger(__name__).warning("-T %s: no parameter of %s, which ignores it", name, task)


def _mistyped(error: ValidationError, signature: inspect.Signature) -> InputError:
    problem: dict[str, Any] = dict(error.errors(include_url=False)[0])
    name = str(problem["loc"][0])
    annotation = signature.parameters[name].annotation
    written = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    wanted = {"bool": "true or false", "int": "a whole number", "str": "a text"}.get(written, written)
    return InputError(
        f"-T {name}", f"{problem['input']!r} is no {wanted}: {problem['msg']}", f"give a {wanted}"
    )
