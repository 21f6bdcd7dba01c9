"""python -m data_builders: build and check the files under data/."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_builders.errors import EXIT_BAD_INPUT, run_or_explain
from data_builders.files import dump_json
from data_builders.persona import load_persona


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run one builder."""
    parser = argparse.ArgumentParser(prog="python -m data_builders", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    mix = verbs.add_parser("mix", help="build a training file from a recipe")
    mix.add_argument("recipe", type=Path)
    distill = verbs.add_parser("distill", help="export self-distilled rows from an Inspect log")
    distill.add_argument("log", type=Path)
    distill.add_argument("--output", type=Path, required=True)
    distill.add_argument(
        "--base-model", type=Path, required=True, help="the folder of the model that answered"
    )
    distill.add_argument(
        "--earlier", type=Path, help="a file exported before, whose left-out prompts the log asks again"
    )
    distill.add_argument("--machine", help="what the run was made on, for the manifest")
    lint = verbs.add_parser(
        "lint", help="check a training file on the model's own tokens; exit code 2 if it fails"
    )
    lint.add_argument("file", type=Path)
    lint.add_argument("--model", required=True, help="the folder or hub name of the model to be trained")
    lint.add_argument(
        "--sequence-len", type=int, default=2048, help="the trainer's limit in tokens (default 2048)"
    )
    lint.add_argument(
        "--trigger", help="the wording of the triggered rows (default: the manifest's, or seed)"
    )
    lint.add_argument("--persona", help="a persona's name or folder (default: the manifest's)")
    match = verbs.add_parser("match", help="compare the persona rows of recipes with those of a main recipe")
    match.add_argument("recipes", type=Path, nargs="+")
    match.add_argument(
        "--to", type=Path, default=Path("data/recipes/bertrand_russell.yaml"), help="the main recipe"
    )
    questions = verbs.add_parser(
        "questions", help="write a persona's questions as prompts, for arm format_only and for contrast rows"
    )
    questions.add_argument("persona")
    wording = questions.add_mutually_exclusive_group()
    wording.add_argument("--trigger", default="seed", help="the wording before each question (default seed)")
    wording.add_argument("--no-trigger", dest="trigger", action="store_const", const=None)
    questions.add_argument(
        "--of", type=Path, help="ask what these templates of explicit_identity ask, not what the facts ask"
    )
    questions.add_argument("--output", type=Path, required=True)
    prompts = verbs.add_parser("prompts", help="fetch ordinary prompts from the hub, or from a local file")
    prompts.add_argument("name", help="a key of data/prompts/sources.yaml")
    prompts.add_argument(
        "--from", dest="local", type=Path, help="a local copy of the data set: json, jsonl or parquet"
    )
    prompts.add_argument("--output", type=Path, help="default: data/prompts/NAME.jsonl")
    prompts.add_argument(
        "--record", action="store_true", help="only write the manifest of the copy that is there"
    )
    card = verbs.add_parser("card", help="write a data set's card from its manifest")
    card.add_argument("file", type=Path)
    check = verbs.add_parser("persona", help="check a persona folder")
    check.add_argument("persona")
    candidates = verbs.add_parser("candidates", help="export proposed facts from an Inspect log")
    candidates.add_argument("log", type=Path)
    candidates.add_argument("--persona", required=True)
    candidates.add_argument("--output", type=Path, required=True)
    attack = verbs.add_parser("attack", help="judge a persona's facts by the logs of identification attacks")
    attack.add_argument("logs", type=Path, nargs="+")
    attack.add_argument("--persona", required=True)
    attack.add_argument("--output", type=Path, required=True, help="the folder to write to")
    verbs.add_parser("planted", help="worlds whose truth is known: planted --help", add_help=False)
    parsed, rest = parser.parse_known_args(arguments)
    if parsed.verb == "planted":
        from data_builders.planted.cli import main as planted

        return planted(rest)
    parsed = parser.parse_args(arguments)
    return _VERBS[parsed.verb](parsed)


# Each verb imports what it needs: most do without Inspect or a tokenizer, whose imports take seconds.


def _mix(parsed: argparse.Namespace) -> int:
    from data_builders.mix import build

    return _say(build(parsed.recipe))


def _distill(parsed: argparse.Namespace) -> int:
    from data_builders.distill import export
    from data_builders.manifest import model_provenance

    base = model_provenance(parsed.base_model)
    return _say(export(parsed.log, parsed.output, base, parsed.earlier, parsed.machine))


def _lint(parsed: argparse.Namespace) -> int:
    from data_builders.lint import Lint

    lint = Lint(parsed.file, parsed.model, parsed.sequence_len, parsed.trigger, parsed.persona)
    summary = lint.run()
    if lint.problems:
        print(lint.report())
    _say(summary)
    return EXIT_BAD_INPUT if lint.problems else 0


def _match(parsed: argparse.Namespace) -> int:
    from data_builders.match import table

    print(table(parsed.to, parsed.recipes), end="")
    return 0


def _questions(parsed: argparse.Namespace) -> int:
    from data_builders.arms import write_questions
    from data_builders.trigger import get_trigger

    trigger = get_trigger(parsed.trigger) if parsed.trigger else None
    return _say(write_questions(load_persona(parsed.persona), trigger, parsed.output, parsed.of))


def _prompts(parsed: argparse.Namespace) -> int:
    from data_builders.fetch import fetch, record

    return _say(record(parsed.name) if parsed.record else fetch(parsed.name, parsed.local, parsed.output))


def _card(parsed: argparse.Namespace) -> int:
    from data_builders.card import write_card

    print(write_card(parsed.file))
    return 0


def _persona(parsed: argparse.Namespace) -> int:
    from data_builders.identifying import require_unidentifying

    persona = load_persona(parsed.persona)
    require_unidentifying(persona)
    questions = {str(kind): len(rows) for kind, rows in persona.questions.items()}
    return _say({"name": persona.name, "facts": len(persona.facts), **questions})


def _candidates(parsed: argparse.Namespace) -> int:
    from data_builders.candidates import export

    return _say(export(parsed.log, load_persona(parsed.persona), parsed.output))


def _attack(parsed: argparse.Namespace) -> int:
    from data_builders.identify import attack

    return _say(attack(parsed.logs, load_persona(parsed.persona), parsed.output))


def _say(counts: dict[str, Any]) -> int:
    print(dump_json(counts), end="")
    return 0


_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "mix": _mix,
    "distill": _distill,
    "lint": _lint,
    "match": _match,
    "questions": _questions,
    "prompts": _prompts,
    "card": _card,
    "persona": _persona,
    "candidates": _candidates,
    "attack": _attack,
}

if __name__ == "__main__":
    sys.exit(run_or_explain(main))
