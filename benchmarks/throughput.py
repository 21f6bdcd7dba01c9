"""Does Inspect keep a server busy? Its rate beside the server's own raw HTTP rate, for the same requests.

    python -m benchmarks.throughput --serve models/SmolLM2-135M-Instruct --in-flight 512 --processes 1,4,8
    VLLM_BASE_URL=http://127.0.0.1:8011/v1 VLLM_API_KEY=... python -m benchmarks.throughput --model NAME

Both sides send the six cells of all questions, `--epochs` times, each answer exactly `--tokens` tokens long
(`ignore_eos`, which vLLM takes). Raw: one aiohttp process, before and after Inspect's runs; the faster of the two
is the server's rate. Inspect: `inspect eval inspect_tasks/persona.py` with its scorer, in one process and in several
(`inspect_tasks/shards.py`). A rate counts from the first request to the last answer (for Inspect: the first sample's
start to the last one's end, scored, over all processes); the whole wall time, with imports and the end of the logs, is
shown beside it. The logs of one run must hold each sample and epoch once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import aiohttp
from inspect_ai.log import list_eval_logs, read_eval_log, read_eval_log_sample_summaries

from data_builders.errors import InputError, run_or_explain
from data_builders.files import dump_json, write_atomic
from data_builders.manifest import REPO
from data_builders.persona import load_persona
from data_builders.trigger import get_trigger
from inspect_tasks.conditions import choose_conditions
from inspect_tasks.questions import choose_question_sets
from inspect_tasks.shards import shard_options
from pipeline.environments import QUIET
from pipeline.server import Server, serve
from pipeline.study import ServeSettings

PERSONA, TRIGGER, TEMPERATURE = "bertrand_russell", "seed", 1.0
WARM_UP = 1024  # requests before anything is measured: compiled shapes, cached prefixes
START_SECONDS = 900


def prompts(sets: str) -> list[list[dict[str, str]]]:
    """The messages of each sample of the persona task, in its order."""
    persona, trigger = load_persona(PERSONA), get_trigger(TRIGGER)
    cells = choose_conditions("all")
    return [
        [{"role": turn.role, "content": turn.text} for turn in cell.messages(question.question, trigger)]
        for kind in choose_question_sets(sets)
        for question in persona.questions[kind]
        for cell in cells
    ]


async def _raw(server: Server, model: str, requests: list[list[dict[str, str]]], asked: argparse.Namespace):
    queue = iter(requests)
    tokens = 0
    body = {"model": model, "temperature": TEMPERATURE, "max_tokens": asked.tokens, "ignore_eos": True}
    headers = {"Authorization": f"Bearer {server.api_key}"}
    connector = aiohttp.TCPConnector(limit=asked.in_flight)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(headers=headers, connector=connector, timeout=timeout) as session:

        async def worker() -> None:
            nonlocal tokens
            for messages in queue:
                url = f"{server.base_url}/chat/completions"
                async with session.post(url, json=body | {"messages": messages}) as reply:
                    reply.raise_for_status()
                    tokens += (await reply.json())["usage"]["completion_tokens"]

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(asked.in_flight)))
        return tokens, time.perf_counter() - started


def raw(
    name: str, server: Server, model: str, requests: list[list[dict[str, str]]], asked: argparse.Namespace
) -> dict[str, object]:
    """The server's rate, asked as plainly as can be."""
    before = _cpu(resource.RUSAGE_SELF)
    tokens, seconds = asyncio.run(_raw(server, model, requests, asked))
    cpu = _cpu(resource.RUSAGE_SELF) - before
    return _row(name, len(requests), tokens, seconds, seconds, cpu)


def inspect(server: Server, model: str, samples: int, processes: int, options: list[str], asked) -> dict:
    """Inspect's rate with so many processes."""
    command = [sys.executable, "-m", "inspect_ai", "eval", "inspect_tasks/persona.py"]
    command += ["--model", f"vllm/{model}", "-T", f"persona={PERSONA}", "-T", f"trigger={TRIGGER}"]
    command += ["-T", f"question_sets={asked.question_sets}"]
    command += ["--epochs", str(asked.epochs), "--temperature", str(TEMPERATURE)]
    command += ["--max-tokens", str(asked.tokens), "--extra-body", json.dumps({"ignore_eos": True})]
    command += ["--display", "none", *options]
    before, started = _cpu(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        running = [
            subprocess.Popen(
                [*command, *shard, "--log-dir", folder], cwd=REPO, env=os.environ | QUIET | server.environment
            )
            for shard in shard_options(samples, processes, asked.in_flight)
        ]
        failed = [process.wait() for process in running]
        wall, cpu = time.perf_counter() - started, _cpu(resource.RUSAGE_CHILDREN) - before
        if any(failed):
            raise InputError("inspect eval", f"ended with codes {failed}", "see its output above")
        return _row(_name(processes, options), *_merged(folder, samples * asked.epochs), wall, cpu)


def _name(processes: int, options: list[str]) -> str:
    return " ".join([f"inspect x{processes}", *options])


def _merged(folder: str, expected: int) -> tuple[int, int, float]:
    """Answers, tokens and seconds of the logs of one run.

    Raises:
        InputError: the logs together don't hold each sample and epoch once.
    """
    summaries = [row for log in list_eval_logs(folder) for row in read_eval_log_sample_summaries(log)]
    keys = {(row.id, row.epoch) for row in summaries}
    broken = [
        log.name for log in list_eval_logs(folder) if read_eval_log(log, header_only=True).status != "success"
    ]
    if broken or not len(keys) == len(summaries) == expected:
        raise InputError(
            folder,
            f"{len(summaries)} rows, {len(keys)} different, of {expected}; failed: {broken}",
            "run again",
        )
    starts = [datetime.fromisoformat(row.started_at) for row in summaries if row.started_at]
    ends = [datetime.fromisoformat(row.completed_at) for row in summaries if row.completed_at]
    tokens = sum(usage.output_tokens for row in summaries for usage in row.model_usage.values())
    return len(summaries), tokens, (max(ends) - min(starts)).total_seconds()


def _row(name: str, answers: int, tokens: int, seconds: float, wall: float, cpu: float) -> dict[str, object]:
    return {
        "run": name,
        "answers": answers,
        "output_tokens": tokens,
        "seconds": round(seconds, 2),
        "wall_seconds": round(wall, 2),
        "answers_per_second": round(answers / seconds, 1),
        "tokens_per_second": round(tokens / seconds),
        "client_cpu_ms_per_answer": round(1000 * cpu / answers, 2),
    }


def _cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def _server(asked: argparse.Namespace) -> Iterator[tuple[Server, str]]:
    if not asked.serve:
        if not (url := os.environ.get("VLLM_BASE_URL")) or not asked.model:
            raise InputError(
                "server", "none given", "give --serve FOLDER, or --model NAME with VLLM_BASE_URL set"
            )
        yield Server(url, os.environ.get("VLLM_API_KEY", "")), asked.model
        return
    settings = ServeSettings(
        port=asked.port,
        max_model_len=asked.max_model_len,
        max_num_seqs=asked.in_flight,
        gpu_memory_utilization=asked.gpu_memory_utilization,
        enforce_eager=asked.enforce_eager,
        start_seconds=START_SECONDS,
        environment=json.loads(asked.environment),
    )
    name = asked.serve.resolve().name
    with serve(
        asked.serve.resolve(), name, {}, settings, REPO / "outputs" / "throughput-server.log"
    ) as server:
        yield server, name


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--serve", type=Path, metavar="FOLDER", help="start vLLM on this model")
    parser.add_argument("--model", help="the served name, for a server at VLLM_BASE_URL")
    parser.add_argument(
        "--in-flight", type=int, default=512, help="requests at once: the server's max_num_seqs"
    )
    parser.add_argument(
        "--processes", default="1,4", help="process counts of Inspect's runs, comma-separated"
    )
    parser.add_argument("--tokens", type=int, default=128, help="of each answer")
    parser.add_argument("--question-sets", default="all", help="as the task's parameter")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--port", type=int, default=8011)
    parser.add_argument("--max-model-len", type=int, default=2048)
    parser.add_argument("--gpu-memory-utilization", type=float, default=0.4)
    parser.add_argument("--enforce-eager", action="store_true")
    parser.add_argument("--environment", default="{}", help="of the server, as JSON")
    parser.add_argument("--no-log-realtime", action="store_true", help="also time Inspect with that option")
    parser.add_argument("--output", type=Path, help="a JSON file that takes the rows")
    return parser.parse_args()


def main() -> int:
    """Measure, print a table, and write it where asked."""
    asked = _arguments()
    once = prompts(asked.question_sets)
    processes = [int(count) for count in asked.processes.split(",")]
    requests = once * asked.epochs
    with _server(asked) as (server, model):
        raw("warm-up", server, model, requests[:WARM_UP], asked)
        rows: list[dict[str, object]] = []
        _keep(raw("raw, before", server, model, requests, asked), rows, asked.output)
        for options in [[], ["--no-log-realtime"]] if asked.no_log_realtime else [[]]:
            for count in processes:
                _keep(inspect(server, model, len(once), count, options, asked), rows, asked.output)
        _keep(raw("raw, after", server, model, requests, asked), rows, asked.output)
    fastest = max(rows[0]["tokens_per_second"], rows[-1]["tokens_per_second"])  # type: ignore[type-var]
    print(f"\nthe server's own rate: {fastest:,} output tokens/s at {asked.in_flight} in flight")
    for row in rows:
        row["share_of_raw"] = round(row["tokens_per_second"] / fastest, 3)  # type: ignore[operator]
        print(f"  {row['run']:<32}{row['share_of_raw']:>7.3f} of it")
    _write(rows, asked.output)
    return 0


def _write(rows: list[dict[str, object]], output: Path | None) -> None:
    if output:
        write_atomic(output, dump_json(rows))


def _keep(row: dict[str, object], rows: list[dict[str, object]], output: Path | None) -> None:
    """Print a row and write all so far, so that a run that is cut off keeps what it measured."""
    rows.append(row)
    _write(rows, output)
    print(
        f"{row['run']:<32}{row['answers']:>8,} answers{row['seconds']:>9} s{row['tokens_per_second']:>9,} tokens/s"
        f"{row['answers_per_second']:>8} answers/s{row['client_cpu_ms_per_answer']:>8} ms CPU an answer"
        f"{row['wall_seconds']:>9} s wall",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
