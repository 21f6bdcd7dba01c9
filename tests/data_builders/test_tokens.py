"""The tokenizer from several threads: a study trains and asks several models at once."""

from __future__ import annotations

import subprocess
import sys

from data_builders.manifest import REPO

THREADS = """
import sys, threading
from data_builders.tokens import ChatTokenizer

sys.setswitchinterval(1e-5)
failed, gate = [], threading.Barrier(8)


def make():
    gate.wait()
    try:
        ChatTokenizer("models/SmolLM2-135M-Instruct")
    except BaseException as error:
        failed.append(error)


threads = [threading.Thread(target=make) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(f"{len(failed)} of 8 failed: {failed[:1]}" if failed else 0)
"""


def test_the_first_tokenizers_may_be_made_by_several_threads_at_once() -> None:
    """In a process of its own, so that transformers isn't imported yet."""
    done = subprocess.run([sys.executable, "-c", THREADS], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
