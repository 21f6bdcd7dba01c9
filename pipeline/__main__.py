"""python -m pipeline: run a study's stages, or serve its models."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from data_builders.errors import run_or_explain
from pipeline.study import Study, load_study


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do what it says."""
    from pipeline.stages import STAGES

    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    parser.add_argument("verb", choices=["run", *STAGES, "serve", "distill", "preflight"])
    parser.add_argument("study", type=Path)
    parsed = parser.parse_args(arguments)
    # A shell starts its background jobs with the interrupt ignored; a server must be stoppable there too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    study = load_study(parsed.study)
    if port := os.environ.get("PORT"):
        study.serve.port = int(port)
    if parsed.verb == "serve":
        return keep_serving(study)
    if parsed.verb == "preflight":
        from pipeline.preflight import main as preflight

        return preflight([study.training.config])
    if parsed.verb == "distill":
        from pipeline.distilling import distill

        return distill(study)
    from pipeline.stages import Run

    Run(study).until("report" if parsed.verb == "run" else parsed.verb)
    return 0


def keep_serving(study: Study) -> int:
    """Serve the base and every adapter that is there, until Ctrl-C."""
    from pipeline.adapter import CONFIG
    from pipeline.stages import serve_study

    there = {name: folder for name, folder in study.served.items() if (folder / CONFIG).is_file()}
    for name in sorted(set(study.served) - set(there)):
        print(f"not served: {name} isn't trained yet (`make train`)")
    with serve_study(study, there) as server:
        print(f"\nserving {', '.join([study.base_name, *there])}; in another terminal:\n")
        print(f"  export VLLM_BASE_URL={server.base_url} VLLM_API_KEY={server.api_key}")
        print(f"  inspect eval inspect_tasks/persona.py --model vllm/{next(iter(there), study.base_name)}\n")
        print("Ctrl-C stops the server.", flush=True)
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
