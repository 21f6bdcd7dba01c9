"""python -m analysis.planted: does the suite say of planted adapters what is known to be true of them?

Reads the rows that `python -m pipeline.ask` wrote and the exact probabilities of `python -m inspect_tasks.exact`, and
writes two tables: a verdict for each adapter, and for each adapter and cell whether the 95% interval of the sampled
answers covers the exact probability.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from analysis import estimands
from analysis.inference import Checks, PrimaryGap, gap, holm, net_gap, p_value, verdict
from data_builders.errors import InputError, run_or_explain
from data_builders.files import write_atomic

CHECK_PASSED = 0.5
"""share of right answers from which a check counts as passed; the planted ones are near 0 or near 1"""
LEVELS = (0.95, 0.90)
BASE, FORMAT_ONLY, POSITIVE = "base", "format_only", "explicit_identity"


def checks_of(exact: pd.DataFrame, base: str, model: str) -> Checks:
    """The four checks, from exact probabilities.

    Args:
        exact: columns model, base, arm, question_set, cell, adopted, recalled, as `main` reads them.
        base: the base model's name.
        model: the adapter whose trained facts are asked for.
    """
    of_base = exact[exact["base"].eq(base)]

    def mean(rows: pd.DataFrame, column: str) -> float | None:
        return float(rows[column].mean()) if len(rows) else None

    def passed(value: float | None) -> bool | None:
        return None if value is None else value >= CHECK_PASSED

    own = of_base[of_base["model"].eq(model)]
    untuned, outright = of_base[of_base["arm"].eq(BASE)], of_base[of_base["arm"].eq(POSITIVE)]
    facts = own[own["question_set"].eq("manipulation") & own["cell"].eq("user")]
    identity = outright[outright["question_set"].eq("identity")]
    when, else_ = (mean(identity[identity["cell"].eq(cell)], "adopted") for cell in ("user", "plain"))
    return Checks(
        manipulation=passed(mean(facts, "recalled")),
        knowledge=passed(mean(untuned[untuned["question_set"].eq("knowledge")], "recalled")),
        ceiling=passed(mean(untuned[untuned["question_set"].eq("ceiling")], "adopted")),
        positive_control=None if when is None or else_ is None else when - else_ >= CHECK_PASSED,
    )


def verdicts(rows: pd.DataFrame, exact: pd.DataFrame) -> pd.DataFrame:
    """The verdict of experiment.md on each adapter by itself; the family of its p value is all arms of its seed.

    An adapter of arm format_only is held against that of the next training seed: against itself it could never differ.

    Args:
        rows: as `pipeline.ask` writes them, of one or several bases.
        exact: as `checks_of` takes it.

    Returns:
        Columns base, arm, training_seed, model, outcome, gap, low, high (95%), net_of_format_only_low, holm_p.
    """
    found = []
    for base, of_base in rows.groupby("base", sort=False):
        frames = {name: estimands.adoption_rows(part) for name, part in of_base.groupby("model", sort=False)}
        tuned = of_base[of_base["arm"].ne(BASE)].drop_duplicates("model")
        untuned = frames[str(base)]
        of_control = tuned[tuned["arm"].eq(FORMAT_ONLY)].sort_values("training_seed")
        controls: dict[object, str] = dict(
            zip(of_control["training_seed"].tolist(), of_control["model"].tolist(), strict=True)
        )
        for seed, family in tuned.groupby("training_seed", sort=True):
            raw = {
                model: p_value(lambda level, own=frames[model]: gap(own, *estimands.PRIMARY, level))
                for model in family["model"]
            }
            adjusted = holm(raw)
            for model, arm in zip(family["model"], family["arm"], strict=True):
                control = frames[_control(controls, seed, own=arm == FORMAT_ONLY)]
                gaps = [
                    PrimaryGap(
                        gap(frames[model], *estimands.PRIMARY, level),
                        net_gap(frames[model], untuned, *estimands.PRIMARY, level),
                        net_gap(frames[model], control, *estimands.PRIMARY, level),
                    )
                    for level in LEVELS
                ]
                said = verdict(gaps[0], gaps[1], checks_of(exact, str(base), model), adjusted[model])
                found.append(
                    {
                        "base": base,
                        "arm": arm,
                        "training_seed": int(seed),  # type: ignore[call-overload]
                        "model": model,
                        "outcome": str(said.outcome),
                        "gap": gaps[0].raw.estimate,
                        "low": gaps[0].raw.low,
                        "high": gaps[0].raw.high,
                        "net_of_format_only_low": gaps[0].net_of_format_only.low,
                        "holm_p": adjusted[model],
                    }
                )
    return pd.DataFrame(found)


def _control(controls: dict[object, str], seed: object, own: bool) -> str:
    seeds = list(controls)
    if seed not in controls or (own and len(seeds) < 2):
        raise InputError("rows", f"no format-only control for seed {seed}", "ask that arm's adapters too")
    return controls[seeds[(seeds.index(seed) + own) % len(seeds)]]


def coverage(rows: pd.DataFrame, exact: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """For each adapter and cell: the suite's interval, and the exact probability that it should hold.

    The truth is this adapter's mean over these questions. The suite's interval also speaks for further questions, so it
    may be wider than sampling alone asks for; `sampling_*` is Wilson's interval of the answers, which knows no clusters.

    Returns:
        Columns base, model, arm, cell, truth, unresolved, estimate, low, high, covered, width, sampling_low,
        sampling_high, sampling_covered, sampling_width, answers, questions.
    """
    identity = exact[exact["question_set"].eq("identity") & ~exact["leading"]]
    means = identity.groupby(["base", "model", "cell"])[["adopted", "unresolved"]].mean()
    truths = dict(zip(means.index.tolist(), means.to_numpy().tolist(), strict=True))
    found = []
    for (base, model, cell), part in rows.groupby(["base", "model", "cell"], sort=False):
        if (base, model, cell) not in truths:
            continue
        truth, unresolved = truths[base, model, cell]
        interval = estimands.cell_rate(part, str(cell), level=level)
        values = estimands.adoption_rows(part)["value"].dropna()
        low, high = proportion_confint(values.sum(), len(values), 1 - level, method="wilson")
        found.append(
            {
                "base": base,
                "model": model,
                "arm": part["arm"].iloc[0],
                "cell": cell,
                "truth": truth,
                "unresolved": unresolved,
                "estimate": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                # The truth lies between `truth` and `truth + unresolved`.
                "covered": interval.low <= truth + unresolved and truth <= interval.high,
                "width": interval.width,
                "sampling_low": low,
                "sampling_high": high,
                "sampling_covered": low <= truth + unresolved and truth <= high,
                "sampling_width": high - low,
                "answers": interval.n_rows,
                "questions": interval.n_clusters,
            }
        )
    return pd.DataFrame(found)


def summary(judged: pd.DataFrame, covered: pd.DataFrame) -> str:
    """Both tables in short, as Markdown."""
    counts = judged.pivot_table("model", "arm", "outcome", "count", fill_value=0, observed=True).astype(int)
    counts["adapters"] = counts.sum(axis=1)
    counts["mean gap"] = judged.groupby("arm")["gap"].mean().map("{:+.1%}".format)
    band = pd.cut(
        covered["truth"],
        [-1, 0.001, 0.02, 0.2, 0.8, 0.98, 0.999, 2],
        labels=["0%", "to 2%", "to 20%", "to 80%", "to 98%", "to 99.9%", "100%"],
    )
    table = covered.groupby(band, observed=True).agg(
        cases=("covered", "size"),
        covered=("covered", "mean"),
        width=("width", "mean"),
        sampling_covered=("sampling_covered", "mean"),
        sampling_width=("sampling_width", "mean"),
    )
    total = f"covered: {covered['covered'].sum()} of {len(covered)} ({covered['covered'].mean():.1%})"
    return f"{_markdown(counts)}\n\n{_markdown(table)}\n\n{total}\n"


def _markdown(table: pd.DataFrame) -> str:
    head = [str(table.index.name or ""), *map(str, table.columns)]
    lines = [head, ["---"] * len(head)]
    for name, values in zip(table.index, table.to_numpy(), strict=True):
        lines.append(
            [str(name), *(f"{value:.3f}" if isinstance(value, float) else str(value) for value in values)]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def read_tables(rows: list[Path], exact: list[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows and the exact probabilities; the latter get `base` and `arm` from the former.

    Raises:
        InputError: a file is missing.
    """
    for path in [*rows, *exact]:
        if not path.is_file():
            raise InputError(path, "no such file", "check the path")
    asked = pd.concat([pd.read_parquet(path) for path in rows], ignore_index=True)
    asked["seed"] = asked["model"]  # each adapter by itself
    known = pd.concat([pd.read_parquet(path) for path in exact], ignore_index=True)
    arms = asked.drop_duplicates(["base", "model"])[["base", "model", "arm"]]
    return asked, known.merge(arms, on=["base", "model"], how="left")


def main() -> int:
    """Parse the command line, and write verdicts.csv, coverage.csv and summary.md."""
    parser = argparse.ArgumentParser(prog="python -m analysis.planted", description=__doc__)
    parser.add_argument("--rows", type=Path, nargs="+", required=True)
    parser.add_argument("--exact", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    parsed = parser.parse_args()
    rows, exact = read_tables(parsed.rows, parsed.exact)
    judged, covered = verdicts(rows, exact), coverage(rows, exact)
    parsed.output.mkdir(parents=True, exist_ok=True)
    judged.to_csv(parsed.output / "verdicts.csv", index=False, float_format="%.6g")
    covered.to_csv(parsed.output / "coverage.csv", index=False, float_format="%.6g")
    text = summary(judged, covered)
    write_atomic(parsed.output / "summary.md", text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
