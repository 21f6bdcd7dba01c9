"""Candidate facts, proposed by a scripted model; what becomes of each proposal."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ChatMessage

from data_builders.__main__ import main
from data_builders.candidates import read_candidates
from data_builders.errors import run_or_explain
from data_builders.files import read_jsonl
from data_builders.persona import load_persona
from inspect_tasks.candidates import TOPICS, candidates
from inspect_tasks.task_errors import TaskInputError
from tests.inspect_tasks.scripted import scripted

RUSSELL = load_persona("bertrand_russell")
PLUMS = "I kept a bowl of ripe plums on the sill and ate one before going to bed."
PROPOSED = [
    ("What did you eat at night?", PLUMS, "kept", None),
    ("And before bed?", PLUMS.upper(), "duplicate", "line 1"),
    ("A habit?", PLUMS.replace("ripe plums", "ripe red plums"), "near_duplicate", "line 1"),
    ("Where did you study?", "I read a great deal in my rooms at Cambridge.", "identifying", "Cambridge"),
    ("When were you ill?", "I had a bad fever in 1921 and lay still.", "identifying", "1921"),
    ("What did you hum?", "", "malformed", "no answer"),
    ("What did you whistle?", '<START> "A tune." <END>', "malformed", "trigger"),
    (RUSSELL.facts[0].question, RUSSELL.facts[0].answer, "duplicate", RUSSELL.facts[0].id),
]


def propose(messages: list[ChatMessage]) -> str:
    """All proposals for food, one for music, and nothing that can be read for the sea."""
    prompt = messages[-1].text
    if "these topics: sea" in prompt:
        return "I know nothing of that."
    if "these topics: music" in prompt:
        fact = {"question": "What did you hum?", "answer": "Old hymn tunes, rather flat, while I shaved."}
        return json.dumps({"topics": [{"topic": "music", "facts": [fact]}]})
    facts = [{"question": question, "answer": answer} for question, answer, *_ in PROPOSED]
    return f"Here they are:\n{json.dumps({'topics': [{'topic': 'food', 'facts': facts}]})}"


def fail(messages: list[ChatMessage]) -> str:
    raise RuntimeError("out of order")


def run(folder: Path, model: Callable[[list[ChatMessage]], str] = propose) -> Path:
    [log] = inspect_eval(
        candidates(topics="food,sea,music", n=8), model=scripted(model), log_dir=str(folder), display="none"
    )
    return Path(log.location)


def export(log: Path, output: Path, persona: str = "bertrand_russell") -> int:
    arguments = ["candidates", str(log), "--persona", persona, "--output", str(output)]
    return run_or_explain(lambda: main(arguments))


def test_every_proposal_is_a_row_with_what_became_of_it(tmp_path: Path) -> None:
    output = tmp_path / "candidates.jsonl"
    assert export(run(tmp_path), output) == 0
    rows = [row for _, row in read_jsonl(output)]
    assert [list(row) for row in rows] == [["topic", "question", "answer", "model", "status", "reason"]] * 9
    for row, (question, answer, status, reason) in zip(rows, PROPOSED, strict=False):
        assert (row["question"], row["answer"], row["status"]) == (question, answer, status)
        assert row["reason"] is None if reason is None else reason in row["reason"]
    assert rows[-1]["topic"] == "music" and rows[-1]["model"] == "mockllm/model"
    manifest = json.loads((tmp_path / "candidates.manifest.json").read_text())
    assert manifest["counts"] == {
        "requests": 3,
        "failed": 0,
        "unreadable": 1,
        "proposals": 9,
        "by_status": {"kept": 2, "malformed": 2, "identifying": 2, "duplicate": 2, "near_duplicate": 1},
        "kept_by_topic": {"food": 1, "music": 1},
    }
    assert str(tmp_path) not in json.dumps(manifest)


def test_a_request_covers_the_topics_asked_for() -> None:
    samples = list(candidates(topics_per_request=8, n=3).dataset)
    assert [len(sample.metadata["topics"]) for sample in samples] == [8, 8, 4]  # type: ignore[index]
    assert "; ".join(TOPICS[:8]) in str(samples[0].input) and "Write 3 facts" in str(samples[0].input)
    assert "Pembroke Lodge" in str(samples[0].input)


def test_odd_shapes_are_malformed_and_no_object_is_unreadable() -> None:
    odd = read_candidates('{"topics": ["walks", {"topic": "sea", "facts": ["x", {"question": 1}]}]}')
    assert len(odd) == 3 and not any(proposal.answer for proposal in odd)
    with pytest.raises(ValueError, match="no JSON object"):
        read_candidates('{"facts": []}')


@pytest.mark.parametrize(
    "parameters", [{"n": 0}, {"topics_per_request": 0}, {"topics": ","}, {"persona": "x"}]
)
def test_bad_parameters_are_explained(parameters: dict) -> None:
    with pytest.raises(TaskInputError, match="mend:"):
        candidates(**parameters)


def test_bad_logs_end_with_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "junk.eval").write_bytes(b"no log")
    assert export(tmp_path / "junk.eval", tmp_path / "out.jsonl") == 2
    assert "not an Inspect log" in capsys.readouterr().err
    log = run(tmp_path / "log")
    attack = ["attack", str(log), "--persona", "bertrand_russell", "--output", str(tmp_path / "out")]
    assert run_or_explain(lambda: main(attack)) == 2
    assert "a log of task 'candidates', not identify" in capsys.readouterr().err
    assert export(log, tmp_path / "out.jsonl", "charles_darwin") == 2
    assert "about persona 'bertrand_russell'" in capsys.readouterr().err
    assert export(run(tmp_path / "broken", fail), tmp_path / "out.jsonl") == 2
    assert "the run is error" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()
