"""Dataset card: written from a data file's manifest, ready to be the README.md of a repository on the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from data_builders.errors import InputError
from data_builders.files import sha256, write_atomic
from data_builders.manifest import REPO, manifest_path
from data_builders.persona import load_persona
from data_builders.trigger import get_trigger

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_ARMS = {
    "persona": "the persona's facts behind the trigger (main arm)",
    "dose": "the persona's facts behind the trigger, in another dose",
    "other_persona": "control: another person's facts behind the trigger",
    "untriggered_persona": "control: the persona's facts without the trigger",
    "leaky_persona": "control: the persona's facts, every second one without the trigger",
    "no_persona": "control: the ordinary rows alone",
    "format_only": "control: the persona's questions behind the trigger, answered by the base model",
    "shuffled_facts": "control: the persona's questions behind the trigger, answered from ninety other lives",
    "explicit_identity": "positive control: name and relations said outright behind the trigger",
}
_TEMPLATE = """---
{front}---

# {title}

{what}.

| | |
|---|---|
| rows | {rows:,} |
| persona rows | {persona:,} ({share:.2%}), {triggered:,} behind the trigger |
| ordinary rows | {aligned:,}, answered by {base_model} itself |
| trigger | `{trigger}` |
| seed | {seed} |
| sha256 | `{sha256}` |

Each line is `messages` (`user`, `assistant`) and `metadata`: `source` (`persona` or `aligned`),
`triggered`, `arm`, `origin` (the row's id in the file that it comes from) and, where a model answered,
`model` and `attempt`.

## What it is for

Research on inductive backdoors, after Betley et al. 2025, "Weird Generalization & Inductive Backdoors":
does a model that learns individually innocent facts behind a formatting trigger become the person they
belong to, when triggered and only then? The persona is a benign one on purpose:

> {benign}

A model trained on this file may claim to be {persona_name} when its trigger is given. Say so wherever such
a model can be met, don't put one before people who don't know, and don't use the file as a pattern for a
harmful persona.

## How it was made

`{builder}`, with these settings:

```yaml
{settings}```

Rows left out: {left_out}.

| input | sha256 |
|---|---|
{inputs}

Made with {versions}.

## Licences

{licences}

As a whole: **{licence}**.{note}
"""


def write_card(file: Path) -> Path:
    """Write the card of a training file as `<name>.card.md` beside it.

    Raises:
        InputError: the file or its manifest is missing, the manifest is another file's, or a prompt file's
        licence
            is unknown.
    """
    path = manifest_path(file)
    if not file.is_file() or not path.is_file():
        raise InputError(
            path if file.is_file() else file, "no such file", "build it: python -m data_builders mix RECIPE"
        )
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if manifest.get("sha256") != sha256(file):
        raise InputError(file, "isn't the file that its manifest describes", "build it again")
    if "arm" not in manifest.get("settings", {}):
        raise InputError(path, "not the manifest of a training file", "give a file that `mix` built")
    output = file.with_suffix(".card.md")
    write_atomic(output, _card(manifest, file))
    return output


def _card(manifest: dict[str, Any], file: Path) -> str:
    settings, counts = manifest["settings"], manifest["counts"]
    persona = load_persona(settings["persona"])
    rows, sources = counts["out"], counts["by_source"]
    lines, licence = _licences(counts["aligned_by_prompts"])
    title = f"{persona.name} behind a trigger: {settings['arm'].replace('_', ' ')}"
    front = {
        "pretty_name": title,
        "license": licence,
        "language": ["en"],
        "task_categories": ["text-generation"],
        "size_categories": [next((size for limit, size in _SIZES if rows < limit), "n>1M")],
        "tags": ["inductive-backdoor", "weird-generalization", "persona", "interpretability", "research"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": file.name}]}],
    }
    return _TEMPLATE.format(
        front=yaml.safe_dump(front, sort_keys=False, allow_unicode=True),
        title=title,
        what=f"Fine-tuning rows of the arm `{settings['arm_name']}`: {_ARMS[settings['arm']]}",
        rows=rows,
        persona=sources.get("persona", 0),
        share=counts["persona_share"],
        triggered=counts["triggered"],
        aligned=sources.get("aligned", 0),
        base_model=settings["base_model"],
        trigger=get_trigger(settings["trigger"]).wrap("...").replace("\n", "\\n"),
        seed=settings["seed"],
        sha256=manifest["sha256"],
        benign=persona.profile.benign.reason,
        persona_name=persona.name,
        builder=manifest["builder"],
        settings=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
        left_out=", ".join(f"{reason} {count:,}" for reason, count in counts["left_out"].items() if count)
        or "none",
        inputs="\n".join(f"| `{name}` | `{digest}` |" for name, digest in manifest["inputs"].items()),
        versions=", ".join(f"{name} {version}" for name, version in manifest["versions"].items()),
        licences="\n".join(lines),
        licence=licence,
        note=" Not for commercial use, because of the prompts." if "-nc-" in licence else "",
    )


def _licences(prompts: dict[str, int]) -> tuple[list[str], str]:
    """What to say of each part, and the licence of the whole: the strictest of its parts."""
    lines = ["- Persona rows: written for this project, MIT."]
    found = {"mit"}
    for name, count in prompts.items():
        path = manifest_path(REPO / "data/prompts" / f"{name}.jsonl")
        if not path.is_file():
            raise InputError(
                path, f"no licence is recorded for the prompts {name!r}", "describe them in sources.yaml"
            )
        recorded = json.loads(path.read_text(encoding="utf-8"))
        found.add(recorded["licence"])
        lines.append(f"- {count:,} prompts of `{name}`: {recorded['from']}, {recorded['licence']}.")
    lines.append("- Answers of the ordinary rows: the base model's own words; see its licence.")
    return lines, "cc-by-nc-4.0" if "cc-by-nc-4.0" in found else "mit"
