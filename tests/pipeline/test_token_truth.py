"""Token truth: each way in which a training file goes wrong in silence is seen on the tokens."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from data_builders.errors import InputError
from data_builders.tokens import ChatTokenizer
from pipeline.preflight import preflight
from pipeline.server import server_command
from pipeline.study import ServeSettings
from pipeline.token_truth import MASKED, TokenRow, prefix_problem, row_problem
from tests.pipeline.test_training_rules import ROW, SMOLLM2, adapter

REPO = Path(__file__).resolve().parents[2]
CHAT = ChatTokenizer(SMOLLM2)
TURNS = ROW["messages"]
ANSWER = TURNS[1]["content"]


def ids(turns: list[dict[str, str]], opening: bool = False) -> list[int]:
    return CHAT.ids(CHAT.render([turns], generation_prompt=opening))[0]


PROMPT, WHOLE = ids(TURNS[:1], opening=True), ids(TURNS)
END = CHAT.tokenizer.eos_token_id


def labelled(tokens: list[int], start: int, end: int) -> TokenRow:
    """A row whose tokens from `start` to `end` are learned."""
    return TokenRow(tokens, [token if start <= at < end else MASKED for at, token in enumerate(tokens)])


# Axolotl learns the answer and the end of turn, not the newline after it.
GOOD = labelled(WHOLE, len(PROMPT), len(WHOLE) - 1)


def problem(row: TokenRow, answer: str = ANSWER, limit: int = 2048) -> str | None:
    return row_problem(row, answer, CHAT.tokenizer, limit, thinking=False)


def test_a_sound_row_has_no_problem() -> None:
    assert WHOLE[-2] == END and problem(GOOD) is None
    assert prefix_problem(GOOD, PROMPT, CHAT.tokenizer.decode, thinking=False) is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (labelled(WHOLE, 0, 0), "nothing is learned"),
        (labelled(WHOLE, len(PROMPT), len(WHOLE) - 2), "not the end of turn"),
        (labelled(WHOLE, len(PROMPT) - 5, len(WHOLE) - 1), "the learned text is"),
        (labelled([WHOLE[0], *WHOLE], len(PROMPT) + 1, len(WHOLE)), "two beginnings of sequence"),
        (labelled(PROMPT + WHOLE[len(PROMPT) + 2 :], len(PROMPT), len(WHOLE) - 3), "the learned text is"),
        (TokenRow(WHOLE, [MASKED] * len(PROMPT) + [7] * (len(WHOLE) - len(PROMPT))), "aren't one piece"),
    ],
    ids=["masked", "no end", "prompt learned", "double bos", "cut", "others' labels"],
)
def test_a_broken_row_is_seen(row: TokenRow, message: str) -> None:
    assert message in (problem(row) or "")


def test_a_learned_thought_and_a_long_row_are_seen() -> None:
    thought = ids([TURNS[0], {"role": "assistant", "content": f"<think>\n\n</think>\n\n{ANSWER}"}])
    assert "think block is learned" in (problem(labelled(thought, len(PROMPT), len(thought) - 1)) or "")
    assert "sequence_len is 10" in (problem(GOOD, limit=10) or "")


def test_a_served_prompt_that_differs_is_shown_with_its_place() -> None:
    system = ids([{"role": "system", "content": "You are a helpful assistant."}, TURNS[0]], opening=True)
    said = prefix_problem(GOOD, system, CHAT.tokenizer.decode, thinking=False) or ""
    assert said.startswith("token 1: trained") and "system" in said
    opened = labelled(PROMPT + CHAT.ids(["<think>\n"])[0] + WHOLE[len(PROMPT) :], 0, 0)
    masked = TokenRow(opened.ids, [MASKED] * (len(opened.ids) - 1) + [END])
    assert prefix_problem(masked, PROMPT, CHAT.tokenizer.decode, thinking=False) is not None


def files(folder: Path, rows: list[TokenRow]) -> tuple[Path, Path]:
    config = yaml.safe_load((REPO / "axolotl_configs/smollm2_135m_cpu.yaml").read_text())
    config["datasets"][0]["path"] = str(folder / "rows.jsonl")
    (folder / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "tokens.jsonl").write_text(
        "".join(json.dumps({"ids": r.ids, "labels": r.labels}) + "\n" for r in rows)
    )
    return folder / "config.yaml", folder / "tokens.jsonl"


Served = Callable[[list[dict[str, str]]], list[int]]


@pytest.mark.parametrize(
    ("rows", "served", "message"),
    [
        ([], lambda turns: PROMPT, "Axolotl kept 0"),
        ([GOOD], lambda turns: PROMPT[:-1], "rows.jsonl:1: trained and served prompts differ"),
        (
            [labelled(WHOLE, len(PROMPT), len(WHOLE) - 2)],
            lambda turns: PROMPT,
            "rows.jsonl:1: .*not the end of turn",
        ),
    ],
    ids=["dropped row", "another template", "end not learned"],
)
def test_the_preflight_stops_on_a_mismatch(
    rows: list[TokenRow], served: Served, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        preflight(*_order(files(tmp_path, rows), served))


def _order(paths: tuple[Path, Path], served: Served) -> tuple[Path, Served, Path]:
    return paths[0], served, paths[1]


def test_the_preflight_counts_what_it_checked(tmp_path: Path) -> None:
    counts = preflight(*_order(files(tmp_path, [GOOD]), lambda turns: PROMPT))
    assert counts == {"rows": 1, "learned": len(WHOLE) - 1 - len(PROMPT), "longest": len(WHOLE)}


def test_the_server_gets_the_trained_templates_arguments_and_the_greatest_rank(tmp_path: Path) -> None:
    settings = ServeSettings(
        port=8026, max_model_len=64, max_num_seqs=1, gpu_memory_utilization=0.1, enforce_eager=True, start_seconds=1,
        chat_template_kwargs={"enable_thinking": False},
    )  # fmt: skip
    adapters = {"small": adapter(tmp_path / "a"), "large": adapter(tmp_path / "b", rank=40)}
    command = server_command(Path("models/x"), "x", adapters, settings)
    assert command[command.index("--default-chat-template-kwargs") + 1] == '{"enable_thinking": false}'
    assert command[command.index("--max-lora-rank") + 1] == "64"
