"""Killed for good in the middle, and gone on with: nothing finished is asked again, nothing is missing, nothing is twice.

The requests are counted where they arrive, at a local server.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log

from analysis.frame import load_frame
from data_builders.distill import export
from data_builders.persona import QuestionSet, load_persona
from tests.inspect_tasks.fake_server import running

pytestmark = pytest.mark.e2e
REPO = Path(__file__).resolve().parents[2]
IN_FLIGHT, EPOCHS, CELLS = 8, 2, ("plain", "user")
QUESTIONS = [row.id for row in load_persona("bertrand_russell").questions[QuestionSet.IDENTITY]]
PLANNED = {
    (f"{name}/{cell}", epoch) for name in QUESTIONS for cell in CELLS for epoch in range(1, EPOCHS + 1)
}
GRADE = json.dumps({"justification": "It says so.", "speaks_as": "ai", "name": ""})
TASK = ["inspect_tasks/persona.py", "--model", "vllm/somebody", "--epochs", str(EPOCHS), "--display", "none"]
TASK += ["-T", "question_sets=identity", "-T", f"cells={','.join(CELLS)}"]
TASK += ["--max-connections", str(IN_FLIGHT), "--max-samples", str(IN_FLIGHT)]


class Bench:
    """A fake server with its journal, and Inspect's command line pointed at it."""

    def __init__(self, url: str, journal: Path, folder: Path) -> None:
        self.journal, self.logs = journal, folder / "logs"
        self.environment = os.environ | {
            "VLLM_BASE_URL": url,
            "VLLM_API_KEY": "none",
            "INSPECT_CACHE_DIR": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
        }

    def asked(self, model: str) -> list[str]:
        """The prompts that reached `model`."""
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        rows = [json.loads(line) for line in lines]
        return [json.dumps(row["messages"]) for row in rows if row["model"] == model]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "inspect_ai", *arguments, "--log-dir", str(self.logs)]
        return subprocess.Popen(
            command,
            cwd=REPO,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, *arguments: str) -> None:
        process = self.start(*arguments)
        output, _ = process.communicate()
        assert process.returncode == 0, output[-3000:]

    def kill_after(self, model: str, requests: int, *arguments: str) -> None:
        """Start, and kill -9 once so many requests reached `model`."""
        process = self.start(*arguments)
        while len(self.asked(model)) < requests:
            assert process.poll() is None, process.communicate()[0][-3000:]
            time.sleep(0.02)
        process.kill()
        process.communicate()

    def log(self) -> Path:
        """The newest log."""
        return Path(re.sub("^file://", "", list_eval_logs(str(self.logs))[0].name))


@pytest.fixture
def bench(tmp_path: Path):
    journal = tmp_path / "journal.jsonl"
    with running(
        "--latency",
        "0.15",
        "--answer",
        "I am an AI.",
        "--numbered",
        "--grade",
        GRADE,
        "--journal",
        str(journal),
    ) as url:
        yield Bench(url, journal, tmp_path)


def require_whole(bench: Bench, killed_at: int) -> None:
    """The newest log holds each sample and epoch once, and the server was asked for hardly more."""
    log = read_eval_log(str(bench.log()))
    assert log.status == "success" and log.samples
    rows = [(str(sample.id), sample.epoch) for sample in log.samples]
    assert len(rows) == len(set(rows)) and set(rows) == PLANNED
    frame = load_frame([bench.logs])
    frame = frame[frame["scorer"].eq("adoption")]  # a grader's rows stand beside it
    assert len(frame) == len(PLANNED) and not frame.duplicated(["model", "sample_id", "epoch"]).any()
    asked = Counter(bench.asked("somebody"))
    assert len(asked) == len(PLANNED) / EPOCHS and min(asked.values()) >= EPOCHS
    assert killed_at > 2 * IN_FLIGHT  # or the next line would say little
    assert sum(asked.values()) <= len(PLANNED) + IN_FLIGHT


def test_killed_while_generating_then_eval_retry(bench: Bench) -> None:
    bench.kill_after("somebody", 100, "eval", *TASK)
    killed_at = len(bench.asked("somebody"))
    assert read_eval_log(str(bench.log()), header_only=True).status == "started"
    bench.finish("eval-retry", str(bench.log()), "--display", "none")
    require_whole(bench, killed_at)


def test_killed_while_generating_then_the_same_eval_set(bench: Bench) -> None:
    by_name = ["triggered_persona/persona", *TASK[1:]]
    bench.kill_after("somebody", 100, "eval-set", *by_name)
    killed_at = len(bench.asked("somebody"))
    bench.finish("eval-set", *by_name)
    require_whole(bench, killed_at)


def test_killed_while_grading_then_eval_retry(bench: Bench) -> None:
    judged = [*TASK, "-T", "judge=true", "--model-role", "grader=vllm/judge"]
    bench.kill_after("judge", 60, "eval", *judged)
    killed_at = len(bench.asked("somebody"))
    bench.finish("eval-retry", str(bench.log()), "--display", "none")
    require_whole(bench, killed_at)
    log = read_eval_log(str(bench.log()))
    assert all(sample.scores and "persona_judge" in sample.scores for sample in log.samples or [])
    # No two answers are alike; about one in twenty is graded twice, to see the grader's noise.
    assert len(PLANNED) <= len(bench.asked("judge")) <= 1.15 * len(PLANNED) + IN_FLIGHT


def test_inspect_score_killed_then_run_again(bench: Bench) -> None:
    """In two passes, a kill in the second leaves the log as it was; replies that came are taken from the disk."""
    bench.finish("eval", *TASK, "-T", "judge=true", "--model-role", "grader=vllm/judge", "--no-score")
    log, grading = bench.log(), ["--overwrite", "--model-role", "grader=vllm/judge", "--display", "none"]
    before = log.read_bytes()
    bench.kill_after("judge", 120, "score", str(log), *grading)
    killed_at = len(bench.asked("judge"))
    assert log.read_bytes() == before
    bench.finish("score", str(log), *grading)
    samples = read_eval_log(str(log)).samples or []
    assert len(samples) == len(PLANNED)
    assert all(sample.scores and "persona_judge" in sample.scores for sample in samples)
    assert len(bench.asked("somebody")) == len(PLANNED)  # the subject is never asked again
    repeated = len(bench.asked("judge")) - len(PLANNED)
    assert 0 <= repeated < killed_at  # else what came before the kill was asked for anew


def test_killed_while_distilling_then_gone_on_with_and_exported(bench: Bench, tmp_path: Path) -> None:
    """As `make distill` does it: the same eval-set again, then the export of its newest log."""
    prompts = tmp_path / "prompts.jsonl"
    rows = [
        {"prompt": f"What is {number} and 1?", "source": "gsm8k", "reference": ""} for number in range(200)
    ]
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "prompt_files": [str(prompts)],
        "max_tokens": 64,
        "attempts": [{"temperature": 0.1}, {"temperature": 0.5}],
    }
    (tmp_path / "distill.yaml").write_text(json.dumps(settings))
    asked = ["eval-set", "inspect_tasks/distill.py", "--model", "vllm/somebody", "--display", "none"]
    asked += ["-T", f"settings={tmp_path / 'distill.yaml'}", "--max-connections", str(IN_FLIGHT)]
    asked += ["--max-samples", str(IN_FLIGHT)]
    bench.kill_after("somebody", 100, *asked)
    bench.finish(*asked)
    requests = Counter(bench.asked("somebody"))
    assert len(requests) == len(rows) and sum(requests.values()) <= len(rows) + IN_FLIGHT
    base = {"name": "somebody", "revision": "abc"}
    counts = export(bench.log(), tmp_path / "aligned.jsonl", base)
    kept = [json.loads(line) for line in (tmp_path / "aligned.jsonl").read_text().splitlines()]
    assert counts["in"] == counts["out"] == len(rows)
    assert [row["prompt"] for row in kept] == [row["prompt"] for row in rows]
    assert {(row["model"], row["revision"]) for row in kept} == {("somebody", "abc")}
