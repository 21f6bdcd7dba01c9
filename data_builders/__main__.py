"""python -m data_builders: build and check the files under data/."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from data_builders.errors import run_or_explain
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
    distill.add_argument("--base-model", type=Path, required=True, help="the folder of the model that answered")
    check = verbs.add_parser("persona", help="check a persona folder")
    check.add_argument("persona")
    parsed = parser.parse_args(arguments)
    if parsed.verb == "mix":
        from data_builders.mix import build

        counts = build(parsed.recipe)
    elif parsed.verb == "distill":
        from data_builders.distill import export
        from data_builders.manifest import model_provenance

        counts = export(parsed.log, parsed.output, model_provenance(parsed.base_model))
    else:
        persona = load_persona(parsed.persona)
        counts = {"name": persona.name, "facts": len(persona.facts)}
        counts |= {str(kind): len(rows) for kind, rows in persona.questions.items()}
    print(dump_json(counts), end="")
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
