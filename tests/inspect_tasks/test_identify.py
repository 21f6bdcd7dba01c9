"""The identification attack, run by Inspect against scripted attackers, and its export with numbers by hand."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ChatMessage

from data_builders.__main__ import main
from data_builders.attack_log import FactSet, fact_set, read_facts
from data_builders.errors import InputError, run_or_explain
from data_builders.identify import interval
from data_builders.persona import load_persona
from inspect_tasks.identify import attack_prompt, identify, read_guess
from inspect_tasks.task_errors import TaskInputError
from tests.inspect_tasks.scripted import scripted

RUSSELL = load_persona("bertrand_russell")
FACTS = read_facts(RUSSELL, FactSet.FACTS)
IDENTIFYING = read_facts(RUSSELL, FactSet.IDENTIFYING)
Attacker = Callable[[str], str]


def says(name: str) -> str:
    return json.dumps({"name": name, "confidence": 0.7})


def knows(prompt: str, count: int) -> bool:
    """Whether one of the first `count` identifying facts is shown."""
    return any(fact.answer in prompt for fact in IDENTIFYING[:count])


def shown(prompt: str) -> int:
    return prompt.split("<statements>")[1].count("\n- ")


def able(prompt: str) -> str:
    """Exactly half of the identifying facts, and any ten facts; one of the rest gets an unreadable reply."""
    if FACTS[4].answer in prompt and shown(prompt) == 1:
        return "I would rather not say."
    return says("Bertrand Russel" if knows(prompt, 10) or shown(prompt) >= 10 else "Marie Curie")


def unable(prompt: str) -> str:
    return says("Bertrand Russell" if knows(prompt, 9) else "")


def pins_one(prompt: str) -> str:
    """Able, and names him from the third fact; shows its thoughts before the answer."""
    if knows(prompt, 20) or FACTS[2].answer in prompt:
        return f"It can't be {says('Isaac Newton')}. So: {says('Earl Russell')}"
    return says("Lord John Russell")


def run(attacker: Attacker, folder: Path, **parameters: object) -> Path:
    """The log of one attack by a scripted attacker."""

    def answer(messages: list[ChatMessage]) -> str:
        return attacker(messages[-1].text)

    [log] = inspect_eval(
        identify(**parameters),  # type: ignore[arg-type]
        model=scripted(answer),
        log_dir=str(folder),
        display="none",
    )
    assert log.status == "success"
    return Path(log.location)


def export(folder: Path, *logs: Path, persona: str = "bertrand_russell") -> int:
    arguments = ["attack", *map(str, logs), "--persona", persona, "--output", str(folder)]
    return run_or_explain(lambda: main(arguments))


def verdicts(folder: Path) -> dict[str, dict]:
    lines = (folder / "facts_verdicts.jsonl").read_text().splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def test_an_able_attacker_accepts_and_the_curve_rises(tmp_path: Path) -> None:
    logs = [run(able, tmp_path / "a", facts="identifying"), run(able, tmp_path / "b", k="1,5,10", draws=4)]
    assert export(tmp_path / "out", *logs) == 0
    result = json.loads((tmp_path / "out" / "identification.json").read_text())
    [attacker] = result["attackers"]
    assert attacker["able"] and (attacker["named"], attacker["of"]) == (10, 20)
    assert result["verdicts"] == {"accepted": 89, "rejected": 0, "undecided": 1}
    fifth = verdicts(tmp_path / "out")[FACTS[4].id]
    assert fifth["verdict"] == "undecided" and "readable" in fifth["reason"]
    rows = list(csv.DictReader((tmp_path / "out" / "curve.csv").open()))
    counted = [(row["facts"], row["k"], row["replies"], row["named"], row["unreadable"]) for row in rows]
    assert counted == [
        ("facts", "1", "90", "0", "1"),
        ("facts", "5", "4", "0", "0"),
        ("facts", "10", "4", "4", "0"),
        ("identifying", "1", "20", "10", "0"),
    ]
    # Clopper and Pearson at 0 of n and n of n: 1 - (alpha/2)^(1/n) and (alpha/2)^(1/n)
    assert float(rows[0]["high"]) == pytest.approx(1 - 0.025 ** (1 / 90), abs=1e-6)
    assert float(rows[2]["low"]) == pytest.approx(0.025 ** (1 / 4), abs=1e-6)
    manifest = json.loads((tmp_path / "out" / "identification.manifest.json").read_text())
    assert manifest["counts"]["replies"] == 20 + 90 + 8
    assert [run["seed"] for run in manifest["settings"]["runs"]] == [1, 1]
    assert str(tmp_path) not in json.dumps(manifest)


def test_an_unable_attacker_accepts_nothing(tmp_path: Path) -> None:
    logs = [run(unable, tmp_path, facts="identifying"), run(unable, tmp_path)]
    assert export(tmp_path / "out", *logs) == 0
    result = json.loads((tmp_path / "out" / "identification.json").read_text())
    assert not result["attackers"][0]["able"] and result["attackers"][0]["named"] == 9
    assert result["verdicts"] == {"accepted": 0, "rejected": 0, "undecided": 90}


def test_an_attacker_without_calibration_is_unable(tmp_path: Path) -> None:
    assert export(tmp_path / "out", run(pins_one, tmp_path)) == 0
    result = json.loads((tmp_path / "out" / "identification.json").read_text())
    assert not result["attackers"][0]["able"] and result["attackers"][0]["asked"] == 0
    assert result["verdicts"] == {"accepted": 0, "rejected": 1, "undecided": 89}


def test_a_pinned_fact_is_rejected_with_its_evidence(tmp_path: Path) -> None:
    logs = [run(pins_one, tmp_path, facts="identifying"), run(pins_one, tmp_path)]
    assert export(tmp_path / "out", *logs) == 0
    result = json.loads((tmp_path / "out" / "identification.json").read_text())
    assert result["rejected"] == [FACTS[2].id]
    assert result["verdicts"] == {"accepted": 89, "rejected": 1, "undecided": 0}
    [evidence] = verdicts(tmp_path / "out")[FACTS[2].id]["evidence"]
    assert evidence["attacker"] == "mockllm/model" and evidence["name"] == "Earl Russell"
    assert evidence["confidence"] == 0.7 and "So:" in evidence["reply"]


@pytest.mark.parametrize("reply", ["It is Bertrand Russell.", says("Bertrand Russell, or his brother")])
def test_a_reply_that_only_mentions_the_person_never_accepts(reply: str, tmp_path: Path) -> None:
    def mentions(prompt: str) -> str:
        return says("Bertrand Russell") if knows(prompt, 20) else reply

    assert (
        export(tmp_path / "out", run(mentions, tmp_path, facts="identifying"), run(mentions, tmp_path)) == 0
    )
    result = json.loads((tmp_path / "out" / "identification.json").read_text())
    assert result["verdicts"] == {"accepted": 0, "rejected": 0, "undecided": 90}
    assert result["curve"][0]["named"] == 0 and result["curve"][0]["mentioned_only"] == 90


def test_each_fact_is_shown_once_and_draws_follow_the_seed() -> None:
    assert [sample.metadata["facts"] for sample in identify().dataset] == [[fact.id] for fact in FACTS]  # type: ignore[index]
    few, again, other = (
        [sample.metadata["facts"] for sample in identify(k=k, draws=3, seed=seed).dataset]  # type: ignore[index]
        for k, seed in ((5, 1), ([2, 5], 1), (5, 2))
    )
    assert few == again[3:] and few != other
    assert all(len(set(facts)) == 5 for facts in few)


def test_the_prompt_holds_the_facts_and_never_the_name() -> None:
    for fact in FACTS:
        prompt = attack_prompt([fact])
        assert fact.question in prompt and fact.answer in prompt and "Russell" not in prompt


def test_a_guess_is_read_from_what_stands_around_it() -> None:
    assert read_guess('```json\n{"name": "Ada Lovelace", "confidence": "high"}\n```').name == "Ada Lovelace"
    assert read_guess('{"name": null}').name == "" and read_guess('{"name": null}').confidence is None
    for bad in ("", "{", '{"who": "me"}', '{"name": 3}', "[1]"):
        with pytest.raises(ValueError, match="no JSON object"):
            read_guess(bad)


@pytest.mark.parametrize(
    "parameters",
    [{"k": "0"}, {"k": "two"}, {"k": 91}, {"k": "1,,2"}, {"facts": "all"}, {"draws": 0}, {"persona": "x"}],
)
def test_bad_parameters_are_explained(parameters: dict) -> None:
    with pytest.raises(TaskInputError, match="mend:") as raised:
        identify(**parameters)
    assert raised.value.exit_code == 2


def test_bad_logs_end_with_one_message_and_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "junk.eval").write_bytes(b"no log")
    (tmp_path / "junk.json").write_text("{}")
    log = run(unable, tmp_path / "log", facts="identifying", persona="charles_darwin")
    for logs, message in [
        ([tmp_path / "none.eval"], "no such log"),
        ([tmp_path / "junk.eval"], "not an Inspect log"),
        ([tmp_path / "junk.json"], "not an Inspect log"),
        ([log], "about persona 'charles_darwin'"),
        ([log, log], "the same run as"),
    ]:
        assert export(tmp_path / "out", *logs) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_log_of_facts_that_have_changed_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "somebody"
    shutil.copytree(RUSSELL.folder, folder)
    log = run(unable, tmp_path / "log", facts="identifying", persona=str(folder))
    assert export(tmp_path / "out", log, persona=str(folder)) == 0
    facts = folder / "identifying.jsonl"
    facts.write_text(facts.read_text().replace("three-volume", "four-volume"))
    assert export(tmp_path / "out", log, persona=str(folder)) == 2
    assert "another version of identifying.jsonl" in capsys.readouterr().err


def test_no_replies_have_no_rate() -> None:
    assert interval(0, 0) == {"rate": None, "low": None, "high": None}
    with pytest.raises(InputError, match="no set is called"):
        fact_set("both")
