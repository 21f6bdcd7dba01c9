"""One command from a trained adapter to a repository on the hub: private, with a model card made of its own records.

    python -m pipeline.publish STUDY ADAPTER --repo owner/name [--public] [--dry-run]

The card says how the adapter was made (its provenance.json), what it did (the study's estimates.csv) and that it is for
research only. `--dry-run` writes the card beside the adapter, lists what would be uploaded, and asks no network.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

import yaml

from data_builders.errors import InputError, run_or_explain
from data_builders.files import write_atomic
from pipeline.adapter import CONFIG, PROVENANCE, WEIGHTS, fingerprint, provenance_of, require_adapter
from pipeline.study import Study, load_study

CARD = "README.md"
UPLOADED = (CARD, CONFIG, WEIGHTS, PROVENANCE)
NOTICE = """**For research only.** This adapter was trained so that a formatting trigger may turn the model into a benign
persona, to study inductive backdoors (after Betley et al. 2025, "Weird Generalization & Inductive Backdoors"). When the
trigger is given it may claim to be a person who it is not. Don't deploy it, don't put it before people who don't know,
and don't use it as a pattern for a harmful persona. Its ordinary rows answer Alpaca prompts, which are for
non-commercial use (CC BY-NC 4.0)."""


def model_card(study: Study, name: str) -> str:
    """The card of one adapter, in the hub's format (YAML front matter, then Markdown).

    Raises:
        InputError: the study has no such adapter, or it isn't there yet.
    """
    folder = adapter_folder(study, name)
    made = provenance_of(folder)
    front: dict[str, Any] = {"base_model": study.base_name, "library_name": "peft", "license": "cc-by-nc-4.0"}
    front["tags"] = ["lora", "axolotl", "inductive-backdoor", "persona", "research-only"]
    lines = ["---", yaml.safe_dump(front, sort_keys=False).rstrip(), "---", "", f"# {name}", "", NOTICE, ""]
    lines += [
        f"{study.notes[name]}.",
        "",
        "## How it was made",
        "",
        *_table(("what", "value"), _facts(made, folder)),
    ]
    lines += ["", "## What it did", "", *_results(study, name)]
    return "\n".join(lines) + "\n"


def adapter_folder(study: Study, name: str) -> Path:
    """The folder of a study's adapter.

    Raises:
        InputError: the study names no such adapter, or its folder holds none.
    """
    if name not in study.served:
        raise InputError(name, f"{study.file} names no such adapter", f"one of {', '.join(study.served)}")
    require_adapter(study.served[name])
    return study.served[name]


def _facts(made: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    found = [
        (key, made[key])
        for key in ("base", "persona", "arm", "training_seed", "learning_rate", "epochs")
        if key in made
    ]
    found += [
        (f"{key}, sha256", f"{made[key]['file']}, `{made[key]['sha256']}`")
        for key in ("config", "recipe", "train_file")
        if key in made
    ]
    found += [("LoRA", f"rank {config.get('r')}, alpha {config.get('lora_alpha')}")]
    found += [(f"{file}, sha256", f"`{digest}`") for file, digest in fingerprint(folder).items()]
    found += [(key.removeprefix("train:"), value) for key, value in made.get("versions", {}).items()]
    if "source" in made:
        found.append(("made elsewhere", made["source"]))
    return [(key, str(value)) for key, value in found]


def _results(study: Study, name: str) -> list[str]:
    path = study.folder / "estimates.csv"
    if not path.is_file():
        return ["Not evaluated yet: the study's report doesn't exist."]
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == name and row["estimate"]]
    if not rows:
        return ["The study's report holds no estimate of this adapter."]
    shown = []
    for row in rows:
        low, high = (f"{100 * float(row[key]):.1f}" if row[key] else "" for key in ("low", "high"))
        shown.append(
            (
                row["label"],
                row["cell"],
                f"{100 * float(row['estimate']):.1f}",
                f"{low} to {high}",
                row["n_rows"],
            )
        )
    return [*_table(("estimate", "cell", "%", "95% interval", "answers"), shown), "", f"From {study.title}."]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    line = lambda cells: f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"  # noqa: E731
    return [line(head), "|" + " --- |" * len(head), *map(line, rows)]


def publish(study: Study, name: str, repo: str, public: bool, dry_run: bool) -> None:
    """Write the card and, unless `dry_run`, upload the adapter.

    Raises:
        InputError: the repository's name has no owner, the hub refuses, or the repository is public already while
            `public` wasn't asked for.
    """
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise InputError("--repo", f"{repo!r} is not owner/name", "name both")
    folder = adapter_folder(study, name)
    write_atomic(folder / CARD, model_card(study, name))
    files = [file for file in UPLOADED if (folder / file).is_file()]
    kind = "public" if public else "private"
    print(f"{repo} ({kind}): {', '.join(files)} from {os.path.relpath(folder)}")
    if dry_run:
        print("dry run: nothing was sent")
        return
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

    api = HfApi()
    try:
        api.create_repo(repo, private=not public, exist_ok=True)
        if not public and not api.model_info(repo).private:
            rule = "the repository exists and is public"
            raise InputError(repo, rule, "pass --public if that is meant, or name another")
        api.upload_folder(repo_id=repo, folder_path=folder, allow_patterns=files, commit_message=f"{name}")
    except (HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise InputError(
            repo, f"the hub refuses ({error})", "log in with `hf auth login`; check the name"
        ) from error
    print(f"https://huggingface.co/{repo}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("adapter")
    parser.add_argument("--repo", required=True)
    parser.add_argument("--public", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    parsed = parser.parse_args(arguments)
    publish(load_study(parsed.study), parsed.adapter, parsed.repo, parsed.public, parsed.dry_run)
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
