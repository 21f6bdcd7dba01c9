"""python -m data_builders planted: worlds whose truth is known, to test the instrument itself."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from data_builders.files import dump_json, dump_jsonl, write_atomic


def main(arguments: list[str]) -> int:
    """Run one of the planted world's commands."""
    parser = argparse.ArgumentParser(prog="python -m data_builders planted", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, words in (
        ("world", "write a world's people, personas, prompts and controls"),
        ("pretrain", "make its base model, and have it answer the prompts"),
        ("answers", "have its base model answer the prompts again"),
        ("arms", "write the arms' recipes and build their training files"),
        ("jobs", "list the arms' trainings for `python -m pipeline.bulk`"),
    ):
        verb = verbs.add_parser(name, help=words)
        several: dict[str, Any] = {"nargs": "+"} if name == "jobs" else {}
        verb.add_argument("config", type=Path, help="a world's YAML, as data/planted/world1.yaml", **several)
        if name in ("pretrain", "answers"):
            verb.add_argument(
                "--threads", type=int, default=os.cpu_count(), help="CPU threads (default: all)"
            )
        if name == "pretrain":
            verb.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
        if name == "jobs":
            verb.add_argument("--seeds", type=int, nargs="+", default=[1], help="training seeds (default: 1)")
            verb.add_argument(
                "--output", type=Path, required=True, help="the job file; lines are added to it"
            )
        if name in ("arms", "jobs"):
            verb.add_argument(
                "--only",
                dest="names",
                nargs="+",
                default=[],
                help="arms of data/planted/arms.yaml (default: all)",
            )
    parsed = parser.parse_args(arguments)
    print(dump_json(_run(parsed)), end="")
    return 0


def _run(parsed: argparse.Namespace) -> dict[str, Any]:
    from data_builders.planted.config import load_config
    from data_builders.planted.world import make_world

    if parsed.verb == "jobs":
        from data_builders.planted.arms import choose_arms, jobs

        arms = choose_arms(parsed.names)
        worlds = [make_world(load_config(file)) for file in parsed.config]
        listed = [job for world in worlds for job in jobs(world, arms, parsed.seeds)]
        write_atomic(parsed.output, dump_jsonl(listed))
        return {"jobs": len(listed)}
    config = load_config(parsed.config)
    if parsed.verb == "world":
        from data_builders.planted.folders import write_world

        return write_world(make_world(config), parsed.config)
    if parsed.verb == "arms":
        from data_builders.planted.arms import build_arms, choose_arms

        return build_arms(make_world(config), choose_arms(parsed.names))
    from data_builders.planted.answers import answer_prompts

    if parsed.verb == "answers":
        return answer_prompts(config, parsed.threads)
    from data_builders.planted.pretrain import pretrain

    made = pretrain(config, parsed.threads, parsed.device)
    return {
        "probes": made["probes"],
        "seconds": made["seconds"],
        "answers": answer_prompts(config, parsed.threads),
    }
