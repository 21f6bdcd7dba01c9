"""Asks the model under test, and refuses an answer that another model gave."""

from __future__ import annotations

from inspect_ai.solver import Generate, Solver, TaskState, solver

SERVED_BY_NAME = ("vllm", "sglang")
"""Providers whose server echoes the served name, so that it can be held against the one asked for."""


class WrongModelError(RuntimeError):
    """The server answered with another model than the one asked for."""


@solver
def ask_subject() -> Solver:
    """One answer from the model under test, never cached.

    Raises:
        WrongModelError: in the sample, which fails the run: a server that holds a base and its adapters must answer
            with the one asked for.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state = await generate(state, cache=False)
        asked, answered = state.model.name, state.output.model
        if state.model.api in SERVED_BY_NAME and answered != asked.rpartition(":")[2]:
            raise WrongModelError(
                f"asked {asked!r}, answered by {answered!r}. Serve the adapter under the name that --model gives, "
                "and run one model in one `inspect eval`."
            )
        return state

    return solve
