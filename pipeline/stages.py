"""A study's stages, as doit tasks: each runs when the content of what it stands on has changed, and says so.

doit keeps, in the run folder, the hash of every input of every stage; this file only names inputs and outputs.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain
from doit.tools import config_changed

from analysis.parts import Part
from data_builders.errors import InputError
from data_builders.files import dump_json, read_yaml, sha256, write_atomic
from data_builders.manifest import REPO, from_repo, manifest_path, model_provenance
from data_builders.mix import build
from data_builders.persona import load_persona
from data_builders.recipe import Recipe, load_recipe
from pipeline import base_model, environments
from pipeline.adapter import CONFIG, WEIGHTS, fingerprint, provenance_of, require_adapter
from pipeline.evaluation import evaluate, note_logs, shown_prompts
from pipeline.server import Server, serve, template_arguments
from pipeline.study import Study, load_study
from pipeline.training import train

STAGES = ("model", "data", "train", "eval", "report")


class Progress:
    """What the user reads: which stage runs, which is up to date, how long each took."""

    def __init__(self, outstream: Any, options: Any) -> None:
        self.failures: list[BaseException] = []
        self.started: dict[str, float] = {}

    def initialize(self, tasks: Any, selected_tasks: Any) -> None: ...
    def get_status(self, task: Any) -> None: ...
    def skip_ignore(self, task: Any) -> None: ...
    def cleanup_error(self, exception: Any) -> None: ...
    def teardown_task(self, task: Any) -> None: ...
    def complete_run(self) -> None: ...

    def execute_task(self, task: Any) -> None:
        if task.actions:
            self.started[task.name] = time.monotonic()
            print(f"[{task.name}] ...", flush=True)

    def add_success(self, task: Any) -> None:
        if task.actions:
            print(f"[{task.name}] done in {self._took(task)}", flush=True)

    def skip_uptodate(self, task: Any) -> None:
        if task.actions:
            print(f"[{task.name}] up to date", flush=True)

    def add_failure(self, task: Any, fail: Any) -> None:
        print(f"[{task.name}] failed after {self._took(task)}", file=sys.stderr, flush=True)

    def _took(self, task: Any) -> str:
        return f"{time.monotonic() - self.started[task.name]:.0f} s"

    def runtime_error(self, msg: str) -> None:
        print(msg, file=sys.stderr)


class Run:
    """One walk through a study's stages; the server starts with the first model that is asked and stops at the end."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.problem: Exception | None = None
        self._beside = [load_study(REPO / other) for other in study.beside]
        self._stack = ExitStack()
        self._server: Server | None = None
        self._one_server = threading.Lock()
        self._keeper = ThreadPoolExecutor(1)

    def until(self, stage: str) -> None:
        """Run `stage` and what it stands on; for the report, the studies beside this one first.

        Raises:
            InputError: a stage found its input wanting.
        """
        for other in self._beside if stage == "report" else []:
            print(f"{other.title} ({other.file.name})", flush=True)
            Run(other).until("eval")
        self.study.folder.mkdir(parents=True, exist_ok=True)
        config = {
            "dep_file": str(self.study.folder / ".stages.json"),
            "backend": "json",
            "reporter": Progress,
            "verbosity": 2,
            "num_process": self.study.at_once if self.study.at_once > 1 else 0,
            "par_type": "thread",  # the work itself is done by processes that the stages start
        }
        loader = ModuleTaskLoader({"DOIT_CONFIG": config, "task_stages": lambda: self._tasks()})
        with self._stack:
            try:
                code = DoitMain(loader).run(["run", stage])
            except KeyboardInterrupt:
                if self.study.at_once > 1:  # nothing can stop the other threads; the server ends with us
                    os._exit(130)
                raise
        if self.problem:
            raise self.problem
        if code:
            raise InputError(str(self.study.file), f"stage {stage} could not run", "see the message above")

    def _tasks(self) -> Iterator[dict[str, Any]]:
        study, folder = self.study, self.study.folder
        base_files = [study.base_model / name for name in ("config.json", "tokenizer.json")]
        yield self._stage("model", self._bring_model, [], base_files, str(study.base_model))
        persona = load_persona(study.persona)
        builders = REPO / "data_builders"
        for recipe_file, recipe in {adapter.arm.recipe: adapter.recipe for adapter in study.trained}.items():
            inputs = [REPO / recipe_file, *load_persona(recipe.persona).files, *base_files]
            # One that isn't there is named by the stage itself, with the command that makes it.
            inputs += [path for path in sources_of(recipe) if path.is_file()]
            inputs += [*sorted(builders.glob("*.py")), builders / "triggers.yaml"]
            outputs = [REPO / recipe.output, manifest_path(REPO / recipe.output)]
            name = f"data:{Path(recipe_file).stem}"
            yield self._stage(name, lambda file=recipe_file: self._build_data(file), inputs, outputs)
        yield self._all("data")
        weights = base_model.weight_files(study.base_model)
        for adapter in study.trained:
            inputs = [REPO / study.training.config, REPO / adapter.recipe.output, *weights, *base_files]
            outputs = [adapter.folder / CONFIG, adapter.folder / WEIGHTS]
            yield self._stage(
                f"train:{adapter.name}",
                lambda adapter=adapter: train(study, adapter) and None,
                inputs,
                outputs,
                after=["model"],
                settings=str(adapter.seed),
            )
        yield self._all("train")
        asked = study.evaluation.model_dump() | {"persona": study.persona, "trigger": study.trigger}
        tasks = REPO / "inspect_tasks"
        code = [
            *sorted(tasks.rglob("*.py")),
            *sorted(tasks.rglob("*.md")),
            REPO / "data_builders" / "triggers.yaml",
        ]
        for name, files in ({study.base_name: weights} | self._adapter_files()).items():
            inputs = [*files, *code, *persona.files, *base_files]
            yield self._stage(
                f"eval:{name}",
                lambda name=name: self._evaluate(name),
                inputs,
                [markers(study)[name]],
                dump_json(asked),
                ["train"],
            )
        yield self._all("eval")
        report_code = sorted((REPO / "analysis").rglob("*.py")) + sorted(
            (REPO / "analysis" / "templates").glob("*")
        )
        studies = [*self._beside, study]
        marked = [marker for one in studies for marker in markers(one).values()]
        report_inputs = [*marked, *report_code, *(one.file for one in studies)]
        report_inputs += [REPO / one.identification for one in studies if one.identification]
        yield self._stage("report", self._report, report_inputs, [folder / "index.html", folder / "rows.csv"])

    def _stage(
        self,
        name: str,
        action: Callable[[], object],
        inputs: list[Path],
        outputs: list[Path],
        settings: str = "",
        after: list[str] | None = None,
    ) -> dict[str, Any]:
        def guarded() -> bool:
            try:
                action()
            except Exception as problem:
                self.problem = problem
                return False
            return True

        return {
            "basename": name,
            "actions": [guarded],
            "file_dep": [str(path) for path in inputs],
            "targets": [str(path) for path in outputs],
            "task_dep": after or [],
            "uptodate": [config_changed(settings)] if settings or not inputs else [],
            "verbosity": 2,
        }

    def _all(self, group: str) -> dict[str, Any]:
        """The task that stands for every stage named `group`:NAME"""
        names = {
            "data": [Path(adapter.arm.recipe).stem for adapter in self.study.trained],
            "train": [adapter.name for adapter in self.study.trained],
            "eval": [self.study.base_name, *self.study.served],
        }[group]
        return {
            "basename": group,
            "actions": None,
            "task_dep": [f"{group}:{name}" for name in dict.fromkeys(names)],
        }

    def _adapter_files(self) -> dict[str, list[Path]]:
        return {name: [path / CONFIG, path / WEIGHTS] for name, path in self.study.served.items()}

    def _bring_model(self) -> None:
        base_model.bring(self.study.base_name, self.study.base_model)

    def _build_data(self, recipe: str) -> None:
        for path in sources_of(load_recipe(REPO / recipe)):
            if not path.is_file():
                rule = f"no such file, which {recipe} mixes in: what {self.study.base_name} answered itself"
                raise InputError(path, rule, f"make distill STUDY={from_repo(self.study.file)}")
        counts = build(REPO / recipe)
        print(f"  {Path(recipe).stem}: {counts['out']} rows, {counts['by_source']}")

    def _evaluate(self, name: str) -> None:
        log_dir = self.study.folder / "logs" / name
        logs = evaluate(self.study, name, self._running_server(), log_dir)
        note_logs(log_dir / "current.json", logs)

    def _running_server(self) -> Server:
        with self._one_server:
            server = self._server
            if server is None:
                for folder in self.study.served.values():
                    require_adapter(folder)
                start = functools.partial(
                    self._stack.enter_context, serve_study(self.study, self.study.served)
                )
                if threading.current_thread() is threading.main_thread():
                    server = start()
                else:  # the kernel ends the server with the thread that started it: one that lasts as long as we do
                    server = self._keeper.submit(start).result()
                self._server = server
            return server

    def _report(self) -> None:
        from analysis.report import write_parts

        studies = [*self._beside, self.study]
        parts = [part(study) for study in studies]
        binding = {one.key: one.run for one in parts}
        write_atomic(
            self.study.folder / "run.json",
            dump_json({one.key: {**one.run, "prompts": one.prompts} for one in parts}),
        )
        headlines = write_parts(parts, self.study.folder, title=self.study.title, run=binding, bundle=True)
        for headline in headlines:
            print(f"\n{headline.table()}\n")


def sources_of(recipe: Recipe) -> list[Path]:
    """The files that a recipe mixes, beside the persona's own."""
    return [REPO / source for source in (recipe.aligned, recipe.facts_from) if source]


def markers(study: Study) -> dict[str, Path]:
    """Model name -> the file that says which of its logs are current."""
    return {name: study.folder / "logs" / name / "current.json" for name in [study.base_name, *study.served]}


def part(study: Study) -> Part:
    """A study that was run, as a part of a report."""
    logs = [
        marker.parent / log
        for marker in markers(study).values()
        for log in json.loads(marker.read_text(encoding="utf-8"))["logs"]
    ]
    return Part(
        key=study.file.stem,
        title=study.title,
        logs=logs,
        base=study.base_name,
        notes=study.notes,
        prompts=shown_prompts(study, logs),
        run=describe(study),
        intro=study.intro,
        curve=REPO / study.identification if study.identification else None,
    )


def serve_study(study: Study, adapters: dict[str, Path]) -> Any:
    """The context in which the study's base and `adapters` are served."""
    arguments = study.serve.chat_template_kwargs or template_arguments(study.axolotl)
    settings = study.serve.model_copy(update={"chat_template_kwargs": arguments})
    if not environments.has_gpu():
        dtype = "bfloat16" if environments.cpu_computes_bf16() else "float32"
        settings = settings.model_copy(update={"dtype": dtype})
    return serve(study.base_model, study.base_name, adapters, settings, study.folder / "server.log")


def describe(study: Study) -> dict[str, Any]:
    """What binds a run together: configuration, data, adapters, versions, machine. No host names, no absolute paths."""
    adapters = {
        name: {"sha256": fingerprint(folder), "note": study.notes[name], "made": provenance_of(folder)}
        for name, folder in study.served.items()
    }
    data = {
        adapter.arm.recipe: json.loads(
            manifest_path(REPO / adapter.recipe.output).read_text(encoding="utf-8")
        )
        for adapter in study.trained
    }
    return {
        "study": study.model_dump(mode="json", exclude={"file"}),
        "axolotl": read_yaml(REPO / study.training.config),
        "data": data,
        "base_model": model_provenance(study.base_model),
        "adapters": adapters,
        "persona": {path.name: sha256(path) for path in load_persona(study.persona).files},
        "versions": environments.versions(),
        "machine": environments.machine(),
    }
