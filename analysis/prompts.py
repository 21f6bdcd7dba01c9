"""Prompts: what each cell's prompt was, as the server made it, read from the logs that keep it."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.logs import TASK, LogHeader
from inspect_tasks.rendering import rendered_prompts

AS_SERVED = "as the server made it, kept in {log}"
NOT_KEPT = "made again with the base's tokenizer, since no log keeps what the server made of it"


def served_prompts(headers: list[LogHeader], base: str) -> dict[str, dict[str, str]]:
    """The prompts that logs keep: cell -> `text`, `source` (whence, in words) and, where there is something to warn of,
    `warning`. The base's logs are read first, others for cells that are still lacking.

    Args:
        headers: of the logs; only those of the persona task are read. base: the untuned model's served name.
    """
    found: dict[str, dict[str, str]] = {}
    asked = [one for one in headers if one.task == TASK]
    wanted = {cell for one in asked for cell in one.cells}
    for header in sorted(asked, key=lambda one: one.model != base):
        if wanted and wanted <= set(found):
            break
        for cell, prompt in rendered_prompts(header.path).items():
            if prompt.text is None or cell in found:
                continue
            found[cell] = {"text": prompt.text, "source": AS_SERVED.format(log=header.path.name)}
            if prompt.warnings:
                found[cell]["warning"] = "; ".join(prompt.warnings)
    return found


def with_fallback(
    served: Mapping[str, Mapping[str, str]], made_again: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """The served prompts, and for each other cell the one that was made again, said so."""
    again = {cell: {"source": NOT_KEPT, **prompt} for cell, prompt in made_again.items()}
    return again | {cell: dict(prompt) for cell, prompt in served.items()}
