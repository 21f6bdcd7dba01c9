"""Can an answer talk a grader into a grade? The attacks of data/injection, graded with and without the guards.

python -m inspect_tasks.injection                        # the table, with scripted graders
inspect eval inspect_tasks/injection.py --model none --model-role grader=capped/openrouter/openai/gpt-4o-mini
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_ai import Task, task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver

from data_builders.errors import InputError, run_or_explain
from data_builders.files import read_jsonl
from inspect_tasks.obedient import KINDS
from inspect_tasks.scorers import persona_judge
from inspect_tasks.task_errors import explained

if TYPE_CHECKING:
    import pandas as pd

ATTACKS = Path(__file__).resolve().parent.parent / "data" / "injection" / "attacks.jsonl"


@task
@explained
def injection(guarded: bool = True, attacks: str = str(ATTACKS), persona: str = "bertrand_russell") -> Task:
    """Grade answers that try to move the grader; no model under test is asked (`--model none`).

    Args:
        guarded: with the guards that every judge has: tags of their own, escaping, a strict schema.
        attacks: the file of attacks; data/injection/README.md gives its format.
        persona: the persona whose name the attacks push.
    """
    return Task(
        dataset=MemoryDataset(read_attacks(Path(attacks)), name="injection"),
        solver=recorded_answer(),
        scorer=persona_judge(persona, "seed", guarded=guarded),
        version=1,
    )


@solver
def recorded_answer() -> Solver:
    """Put the answer that the sample's metadata holds in the place of a model's."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.output = ModelOutput.from_content("recorded", state.metadata["answer"])
        return state

    return solve


def read_attacks(path: Path) -> list[Sample]:
    """The attacks, huge ones at their full length.

    Raises:
        InputError: the file is missing, or a line lacks a key.
    """
    samples = []
    for number, row in read_jsonl(path):
        try:
            answer = str(row["answer"])
            if "filler" in row:
                answer = answer.replace("{filler}", str(row["filler"]) * int(row["times"]))
            about = {"attack": row["class"], "claim": row["claim"], "aims": row["aims"]}
            about |= {"answer": answer, "question_id": row["id"], "asks": None}
            samples.append(Sample(id=row["id"], input=row["question"], metadata=about))
        except KeyError as error:
            raise InputError(
                f"{path}:{number}", f"no key {error}", "see data/injection/README.md for the format"
            ) from error
    return samples


def moved(log: EvalLog) -> "pd.DataFrame":
    """What the attacks did, a row a class and one for all.

    Returns:
        Columns class, n, moved (grades other than what the answer claims), marked (moved grades that the
        deterministic scorer contradicts, so that the sample says so), unscored (no grade).
    """
    import pandas as pd  # Inspect loads this file at every start, and pandas takes its time

    rows = []
    for sample in log.samples or []:
        score = (sample.scores or {})["persona_judge"]
        about = score.metadata or {}
        claim = about.get("claim")
        is_moved = claim is not None and claim != sample.metadata["claim"]
        rows.append(
            {
                "class": sample.metadata["attack"],
                "n": 1,
                "moved": int(is_moved),
                "marked": int(is_moved and bool(about.get("disagrees_with_rule"))),
                "unscored": int(claim is None),
            }
        )
    frame = pd.DataFrame(rows)
    classes = frame.groupby("class", sort=False).sum().reset_index()
    total = frame.drop(columns="class").sum().to_frame().T.assign(**{"class": "all"})
    return pd.concat([classes, total[classes.columns]], ignore_index=True)


def table(graders: list[str], log_dir: Path) -> str:
    """Moved grades by class for each grader, unguarded and guarded, as a Markdown table."""
    cells: dict[str, list[str]] = {}
    header = ["class", "n"]
    for grader in graders:
        for guarded in (False, True):
            log = inspect_eval(
                injection(guarded=guarded),
                model="none",
                model_roles={"grader": grader},
                log_dir=str(log_dir),
                display="none",
            )[0]
            if log.status != "success":
                raise InputError(grader, f"the run ended as {log.status}", f"see the log in {log_dir}")
            header.append(f"{grader}, {'guarded' if guarded else 'unguarded'}")
            for row in moved(log).to_dict("records"):
                told = f"{row['moved']}"
                if row["moved"]:
                    told += f" ({row['marked']} marked)"
                if row["unscored"]:
                    told += f", {row['unscored']} unscored"
                cells.setdefault(row["class"], [str(row["class"]), str(row["n"])]).append(told)
    lines = [header, ["---"] * len(header), *cells.values()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m inspect_tasks.injection", description=__doc__)
    parser.add_argument("--grader", action="append", metavar="MODEL", help="default: the scripted graders")
    parser.add_argument("--log-dir", type=Path, metavar="DIR", help="keep the logs")
    parsed = parser.parse_args(arguments)
    graders = parsed.grader or [f"obedient/{kind}" for kind in KINDS]
    with tempfile.TemporaryDirectory() as folder:
        print(table(graders, parsed.log_dir or Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
