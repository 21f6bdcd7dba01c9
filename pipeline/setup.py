#!/usr/bin/env python3
"""Makes the two environments: .venv (evaluate, serve, analyse, test) and .venv-train (Axolotl).

They are two because Axolotl pins pydantic and the hub's client lower than Inspect and vLLM ask for. Runs on the
standard library alone, before anything is installed; a second run finds everything in place and does nothing.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
REQUIREMENTS = REPO / "requirements"
STAMP = ".requirements.sha256"
DISK_BYTES = {"cpu": 10_000_000_000, "cuda": 30_000_000_000}
ENVIRONMENTS = {".venv": "eval", ".venv-train": "train"}


def main() -> int:
    """Make what is missing or out of date; returns the exit code."""
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        return refuse(
            f"Python {platform.python_version()}", "3.11 or 3.12 is needed", "make setup PYTHON=python3.11"
        )
    flavour = "cuda" if shutil.which("nvidia-smi") else "cpu"
    wanted = {name: digest(kind, flavour) for name, kind in ENVIRONMENTS.items()}
    stale = [name for name, value in wanted.items() if read_stamp(REPO / name) != value]
    if not stale:
        print("set-up: both environments are in place")
        return 0
    free = shutil.disk_usage(REPO).free
    if free < DISK_BYTES[flavour]:
        mend = "free some disk, or move the checkout"
        return refuse(
            str(REPO.name), f"{free / 1e9:.1f} GB free, {DISK_BYTES[flavour] / 1e9:.0f} GB needed", mend
        )
    uv = find_uv()
    for name in stale:
        started = time.monotonic()
        print(f"set-up: {name} ({flavour}, Python {platform.python_version()}) ...", flush=True)
        try:
            make(uv, REPO / name, ENVIRONMENTS[name], flavour)
        except subprocess.CalledProcessError as error:
            return refuse(
                name, f"installation failed with code {error.returncode}", "see the message above; run again"
            )
        (REPO / name / STAMP).write_text(wanted[name])
        print(f"set-up: {name} is ready after {time.monotonic() - started:.0f} s", flush=True)
    return 0


def digest(kind: str, flavour: str) -> str:
    """What an environment depends on, as one hash: the pinned files, the Python, the package's own entry points."""
    content = [file.read_bytes() for file in requirement_files(kind, flavour)]
    content.append(platform.python_version().encode())
    content.append((REPO / "pyproject.toml").read_bytes())
    return hashlib.sha256(b"\0".join(content)).hexdigest()


def requirement_files(kind: str, flavour: str) -> list[Path]:
    """The pinned files of an environment; torch apart, since its build depends on the machine."""
    return [REQUIREMENTS / f"torch-{flavour}.txt", REQUIREMENTS / f"{kind}-{flavour}.txt"]


def read_stamp(environment: Path) -> str | None:
    """The digest that the environment was made from; None where it was never finished."""
    stamp = environment / STAMP
    return stamp.read_text() if stamp.is_file() else None


def find_uv() -> str:
    """uv from the PATH, or else brought by pip into .tools."""
    if found := shutil.which("uv"):
        return found
    tools = REPO / ".tools"
    local = tools / "bin" / "uv"
    if not local.is_file():
        print("set-up: uv is missing; pip brings it", flush=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--target", str(tools), "uv"], check=True
        )
    return str(local)


def make(uv: str, environment: Path, kind: str, flavour: str) -> None:
    """Make one environment anew and install exactly its pinned files."""
    variables = os.environ.copy()
    links = variables.get("UV_FIND_LINKS") or variables.get("PIP_FIND_LINKS", "")
    if links:
        variables["UV_FIND_LINKS"] = links
    variables.pop("VIRTUAL_ENV", None)
    (environment / STAMP).unlink(missing_ok=True)
    run = [uv, "venv", "-q", "--clear", "-p", sys.executable, str(environment)]
    subprocess.run(run, check=True, env=variables)
    torch, rest = map(str, requirement_files(kind, flavour))
    sync = [uv, "pip", "sync", "-q", "-p", str(environment)]
    backend = [] if has_local_torch(links) else ["--torch-backend", "cpu" if flavour == "cpu" else "auto"]
    done = subprocess.run([*sync, *backend, torch, rest], env=variables)
    if done.returncode and backend:
        # torch's own index can't be reached: the registry's build, which is larger and brings libraries of its own.
        print("set-up: torch's own index gave nothing; trying the package registry's build", flush=True)
        subprocess.run([*sync, rest], check=True, env=variables)
        install = [uv, "pip", "install", "-q", "-p", str(environment), "-r", torch]
        without_links = {key: value for key, value in variables.items() if key != "UV_FIND_LINKS"}
        subprocess.run(install, check=True, env=without_links)  # local wheels, if any, are for another Python
    elif done.returncode:
        raise subprocess.CalledProcessError(done.returncode, sync)
    package = [uv, "pip", "install", "-q", "-p", str(environment), "--no-deps", "-e", str(REPO)]
    subprocess.run(package, check=True, env=variables)  # the tasks, and the plugins for vLLM and Axolotl


def has_local_torch(links: str) -> bool:
    """Whether a folder of local wheels holds torch for this Python; its build is then taken, whatever the backend."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    folders = [Path(folder) for folder in links.replace(",", " ").split() if Path(folder).is_dir()]
    return any(f"-{tag}-" in wheel.name for folder in folders for wheel in folder.glob("torch-*.whl"))


def refuse(where: str, rule: str, mend: str) -> int:
    """One clear error, exit code 2."""
    print(f"error: {where}: {rule}\n  mend: {mend}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
