"""Hygiene: does what graders read show the trigger? Counted in the requests that were sent, by patterns of its own.

The patterns here share nothing with the code that strips, so that a fault there can't hide itself.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from enum import StrEnum
from pathlib import Path

import pandas as pd

from analysis.grader_inputs import Answer, read_answers
from data_builders.errors import InputError
from data_builders.trigger import Lattice, Trigger

EXIT_TRACES = 1
ECHO_WORDS = 4
"""So many words of the instruction in a row are an echo of it."""
_BLOCK = re.compile(r"<answer(-\w+)?>\n(.*)\n</answer\1>", re.DOTALL)
_PADDING = re.compile(r"\b[bcdfghjklmnpqrstvwxz]{7}(?:\s+[bcdfghjklmnpqrstvwxz]{7})+\b")
_QUOTES = "\"“”„«»'"


class Trace(StrEnum):
    """The kinds of trace."""

    TAG = "tag"
    CUT_TAG = "cut_tag"
    """a tag without its end, as an answer leaves it that was cut, or without its start"""
    INSTRUCTION = "instruction"
    """a whole sentence of the instruction"""
    ECHO = "echo"
    """some words of the instruction in a row"""
    PLACEHOLDER = "placeholder"
    PADDING = "padding"
    """the random letters of a variant that has them: two groups of seven consonants in a row"""
    QUOTES = "wrapping_quotes"
    """the quotes that the format asks for, around an answer that had tags"""


def traces(prompt: str, trigger: Trigger, answer: str = "") -> Counter[Trace]:
    """The traces of `trigger` in one request, by kind; a sentence or tag counts once as what it is most.

    Args:
        prompt: what a grader was sent.
        answer: as the model under test gave it: only if it had tags are quotes around it a trace.
    """
    if isinstance(
        trigger, Lattice
    ):  # whichever variant it was asked with; what two of them share counts once
        found = Counter()
        for variant in trigger.variants:
            found |= traces(prompt, variant, answer)
        return found
    found: Counter[Trace] = Counter()
    text = html.unescape(prompt)
    names = "|".join(re.escape(tag.strip("<>[]/ ")) for tag in (trigger.open, trigger.close))
    left, right = re.escape(trigger.open[0]), re.escape(trigger.open[-1])
    whole = re.compile(rf"{left}\s*/?\s*(?:{names})\s*/?\s*{right}", re.IGNORECASE)
    found[Trace.TAG] = len(whole.findall(text))
    rest = whole.sub(" ", text)
    half = rf"{left}\s*/?\s*(?:{names})\b|(?<![\w{left}])/?(?:{names})\s*{right}"
    found[Trace.CUT_TAG] = len(re.findall(half, rest)) + _cut_at_end(rest, trigger)
    words = " ".join(re.findall(r"\w+", rest)).lower()
    for sentence in trigger.instruction.split(". "):
        known = " ".join(re.findall(r"\w+", whole.sub(" ", sentence))).lower()
        if not known:
            continue  # a variant that is tags alone
        found[Trace.INSTRUCTION] += len(re.findall(rf"\b{known}\b", words))
        words = re.sub(rf"\b{known}\b", " | ", words)
    placeholder = re.search(r'"([^"]+)"', trigger.instruction)
    if placeholder:
        found[Trace.PLACEHOLDER] = words.count(placeholder.group(1).lower())
    if "{padding}" in trigger.template:
        found[Trace.PADDING] = len(_PADDING.findall(rest))
    found[Trace.ECHO] = _echoes(words, trigger, whole)
    body = (block.group(2) if (block := _BLOCK.search(prompt)) else "").strip()
    had_tags = whole.search(answer) is not None
    if had_tags and len(body) > 1 and body[0] in _QUOTES and body[-1] in _QUOTES:
        found[Trace.QUOTES] = 1
    return +found


def count_traces(answers: list[Answer]) -> pd.DataFrame:
    """Traces in the requests of `answers`, a row a model, kind of cell and origin.

    Returns:
        Columns model, triggered (bool), origin (sent: read in the log; rebuilt: what a judge would be sent now),
        requests, with_trace (requests with any), and one column for each `Trace` (occurrences).
    """
    rows = []
    for answer in answers:
        prompts = [("sent", prompt) for prompt in answer.sent] + [("rebuilt", answer.rebuilt)]
        for origin, prompt in prompts:
            found = traces(prompt, answer.trigger, answer.answer)
            rows.append(
                {"model": answer.model, "triggered": answer.triggered, "origin": origin, "requests": 1}
                | {"with_trace": int(bool(found))}
                | {str(kind): found[kind] for kind in Trace}
            )
    keys = ["model", "triggered", "origin"]
    return pd.DataFrame(rows).groupby(keys).sum().reset_index()


def sent_in_words(paths: list[Path]) -> tuple[bool, str]:
    """Whether the requests that were sent to graders are clean of the trigger, and a sentence that says so.

    Args:
        paths: logs that grader models graded.
    """
    try:
        table = count_traces(read_answers(paths))
    except InputError as error:
        return False, f"Whether graders saw the trigger can't be told: {error.where}: {error.rule}."
    sent = table[table["origin"].eq("sent")]
    requests, traced = int(sent["requests"].sum()), int(sent["with_trace"].sum())
    if not requests:
        return False, "Whether graders saw the trigger can't be told: these logs keep no request to a grader."
    kinds = [
        f"{str(kind).replace('_', ' ')} {int(sent[str(kind)].sum())}"
        for kind in Trace
        if sent[str(kind)].sum()
    ]
    found = f" ({', '.join(kinds)})" if kinds else ""
    words = f"{traced:,} of {requests:,} requests to graders show a trace of the trigger{found}."
    return not traced, words


def run(
    paths: list[Path], attack: bool = False, base: str | None = None, examples: int = 3
) -> tuple[str, int]:
    """The report of `python -m analysis hygiene`, and its exit code: 0, or `EXIT_TRACES` where there is a trace.

    Args:
        attack: also let a classifier guess the cell from what the grader reads (analysis/attacker.py).
        base: the name of the untuned model, for logs that don't hold their arm.
        examples: how many requests with a trace to show.

    Raises:
        InputError: as `read_answers`.
    """
    answers = read_answers(paths)
    table = count_traces(answers)
    sent, with_trace = (
        int(table.loc[table["origin"].eq("sent"), name].sum()) for name in ("requests", "with_trace")
    )
    lines = [table.to_string(index=False), ""]
    if sent:
        lines.append(f"{with_trace} of {sent} requests that were sent show a trace of the trigger.")
    else:
        lines.append(
            "No grader was asked in these logs; the counts are of what a judge would be sent of their answers."
        )
    lines += [f"  {shown}" for shown in _examples(answers, examples)]
    if attack:
        from analysis.attacker import attack_table  # scikit-learn takes its time to import

        lines += ["", attack_table(answers, base)]
    return "\n".join(lines), EXIT_TRACES if table["with_trace"].sum() else 0


def _echoes(words: str, trigger: Trigger, whole: re.Pattern[str]) -> int:
    """Places where `ECHO_WORDS` or more words of one sentence of the instruction stand in a row."""
    known = set()
    for sentence in trigger.instruction.split(". "):
        told = re.findall(r"\w+", whole.sub(" ", sentence).lower())
        known |= {tuple(told[i : i + ECHO_WORDS]) for i in range(len(told) - ECHO_WORDS + 1)}
    said = words.split()
    hits = [tuple(said[i : i + ECHO_WORDS]) in known for i in range(len(said))]
    return sum(hit and not (i and hits[i - 1]) for i, hit in enumerate(hits))


def _cut_at_end(text: str, trigger: Trigger) -> int:
    """1 if the answer ends within a closing tag: an answer that was cut at its token limit."""
    block = _BLOCK.search(text)
    body = (block.group(2) if block else text).rstrip()
    return int(any(body.endswith(trigger.close[:n]) for n in range(2, len(trigger.close))))


def _examples(answers: list[Answer], most: int) -> list[str]:
    shown = []
    for answer in answers:
        for prompt in answer.sent or (answer.rebuilt,):
            if len(shown) < most and (found := traces(prompt, answer.trigger, answer.answer)):
                block = _BLOCK.search(prompt)
                kinds = ", ".join(f"{kind} {n}" for kind, n in found.items())
                text = block.group(2) if block else prompt
                shown.append(
                    f"{answer.source} {answer.sample_id} epoch {answer.epoch}: {kinds}: {text[:160]!r}"
                )
    return shown
