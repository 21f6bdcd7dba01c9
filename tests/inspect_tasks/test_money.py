"""The cap is never passed, what was graded stays, and a raised cap goes on from there."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from inspect_ai import eval as inspect_eval
from inspect_ai import score as inspect_score
from inspect_ai.model import ChatMessageUser, GenerateConfig, ResponseSchema, get_model
from inspect_ai.util import json_schema

from data_builders.errors import InputError
from inspect_tasks.money.__main__ import main
from inspect_tasks.money.account import Account, CapReachedError
from inspect_tasks.money.provider import require_cap
from inspect_tasks.money.settings import MONEY, load_money
from inspect_tasks.persona import persona
from inspect_tasks.scorers import persona_judge
from inspect_tasks.scorers.judge_requests import Speaker
from tests.inspect_tasks.charging_server import INPUT_USD, OUTPUT_USD, Till, charging_server
from tests.inspect_tasks.scripted import scripted

MODEL = "openai-api/till/grader"
VERDICT = json.dumps({"justification": "it says nothing", "speaks_as": "nobody", "name": ""})


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_API_KEY", "none")


def money_file(folder: Path, cap: float) -> Path:
    settings = yaml.safe_load(MONEY.read_text(encoding="utf-8"))
    price = {"input": INPUT_USD, "output": OUTPUT_USD, "input_cache_write": 0.0, "input_cache_read": 0.0}
    settings |= {"cap_usd": cap, "account": str(folder / "spending.sqlite"), "prices": {MODEL: price}}
    file = folder / "money.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return file


def capped(till: Till, file: Path) -> Any:
    return get_model(f"capped/{MODEL}", base_url=till.url, money=str(file), memoize=False)


def noisy(body: dict[str, Any], number: int) -> tuple[int, str]:
    """Long and short replies, failures that cost and failures that don't."""
    status = random.Random(number).choice([200] * 7 + [500, 429, 429])
    return status, "x" * random.Random(-number).randint(1, 400)


def test_64_at_once_never_pass_the_cap(tmp_path: Path) -> None:
    cap, refused, answered = 0.9, 0, 0

    with charging_server(noisy, seconds=0.2) as till:  # long enough for all 64 to be in flight
        model = capped(till, money_file(tmp_path, cap))

        async def one(number: int, limit: anyio.Semaphore) -> None:
            nonlocal refused, answered
            async with limit:
                prompt = f"{number} " + "words and words " * (number % 40)
                try:
                    await model.api.generate(
                        [ChatMessageUser(content=prompt)], [], "none", GenerateConfig(max_tokens=200)
                    )
                    answered += 1
                except CapReachedError:
                    refused += 1
                except Exception:  # the server's failures
                    assert till.charged <= cap

        async def all_of_them() -> None:
            limit = anyio.Semaphore(64)
            async with anyio.create_task_group() as group:
                for number in range(400):
                    group.start_soon(one, number, limit)

        anyio.run(all_of_them)
        spent = Account(tmp_path / "spending.sqlite").spending()

    assert till.most_at_once > 32 and answered > 100 and refused > 50
    assert till.charged <= spent.spent + spent.in_flight + 1e-9 <= cap + 1e-9
    assert till.charged > 0.5 * cap  # a cap that refuses everything would pass the lines above


def test_two_accounts_of_one_file_share_its_room(tmp_path: Path) -> None:
    """As two processes do: each has its own connection and knows nothing of the other's requests in flight."""

    async def reserve() -> list[int]:
        first, second = (Account(tmp_path / "a.sqlite") for _ in range(2))
        numbers = [await account.reserve("m", 0.4, 1.0) for account in (first, second)]
        with pytest.raises(CapReachedError, match=r"raise cap_usd"):
            await Account(tmp_path / "a.sqlite").reserve("m", 0.4, 1.0)
        first.settle(numbers[0], 0.1)
        return [*numbers, await second.reserve("m", 0.4, 1.0)]

    assert len(set(anyio.run(reserve))) == 3


def test_a_process_killed_between_reservation_and_price_keeps_the_worst(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite"
    code = (
        "import anyio, os, pathlib, signal, sys; from inspect_tasks.money.account import Account\n"
        "async def go():\n"
        "    account = Account(pathlib.Path(sys.argv[1]))\n"
        "    account.settle(await account.reserve('m', 0.3, 1.0), 0.1)\n"
        "    await account.reserve('m', 0.6, 1.0)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "anyio.run(go)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(file)], cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL

    async def go_on() -> None:
        account = Account(file)
        spending = account.spending()
        assert (spending.spent, spending.in_flight, spending.unsettled) == (0.1, 0.6, 1)
        with pytest.raises(CapReachedError):  # at once: nobody of this process is waited for
            await account.reserve("m", 0.31, 1.0)
        number = await account.reserve("m", 0.3, 1.0)
        account.settle(number, 0.2)
        assert account.committed() == pytest.approx(0.9)
        assert await account.reserve("m", 0.31, 1.3)  # a raised cap goes on

    anyio.run(go_on)


def test_a_reservation_waits_for_requests_that_may_cost_less(tmp_path: Path) -> None:
    async def both() -> None:
        account = Account(tmp_path / "a.sqlite")
        number = await account.reserve("m", 0.9, 1.0)

        async def settle() -> None:
            await anyio.sleep(0.1)
            account.settle(number, 0.1)

        async with anyio.create_task_group() as group:
            group.start_soon(settle)
            await account.reserve("m", 0.9, 1.0)

    anyio.run(both)


def test_the_worst_price_is_not_under_what_a_server_can_charge(tmp_path: Path) -> None:
    money = load_money(money_file(tmp_path, 1.0))
    schema = ResponseSchema(name="v", json_schema=json_schema(Speaker))
    config = GenerateConfig(max_tokens=200, response_schema=schema)
    messages = [ChatMessageUser(content="日本語 " * 100)]
    bytes_sent = len(messages[0].text.encode()) + len(schema.model_dump_json())
    worst = money.worst_usd(MODEL, messages, config)
    assert worst >= (bytes_sent * INPUT_USD + 200 * OUTPUT_USD) / 1e6
    with pytest.raises(InputError, match="token limit"):
        money.worst_usd(MODEL, messages, GenerateConfig())
    with pytest.raises(InputError, match="has no price"):
        money.worst_usd("openrouter/some/model", messages, config)


def test_a_stop_at_the_cap_keeps_every_graded_row_and_a_raised_cap_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(range(10_000))
    log = inspect_eval(
        persona(question_sets="identity", cells="user,plain"),
        model=scripted(lambda _: f"I keep {next(answers)} bees."),
        epochs=1,
        limit=60,
        score=False,
        log_dir=str(tmp_path / "logs"),
        display="none",
    )[0]

    def graded_under(cap: float) -> tuple[int, list[str]]:
        file = money_file(tmp_path, cap)
        done = inspect_score(
            log,
            persona_judge("bertrand_russell", "seed"),
            model_roles={"grader": capped(till, file)},
            display="none",
        )
        scores = [(sample.scores or {})["persona_judge"] for sample in done.samples or []]
        return sum(score.value == 0.0 for score in scores), [score.reason for score in scores if score.reason]  # type: ignore[misc]

    with charging_server(lambda body, number: (200, VERDICT), seconds=0.005) as till:
        graded, reasons = graded_under(0.2)
        assert 0 < graded < 60 and graded + len(reasons) == 60 and set(reasons) == {"over_budget"}
        assert till.charged <= 0.2
        sent = len(till.requests)

        assert main(["spent", "--money", str(tmp_path / "money.yaml")]) == 0
        assert f"{sent} requests" in capsys.readouterr().out

        graded, reasons = graded_under(5.0)
        assert graded == 60 and not reasons
        prompts = [request["messages"][0]["content"] for request in till.requests]
        first_asked = set(prompts[:sent])
        assert (
            sum(prompt in first_asked for prompt in prompts[sent:]) <= 0.2 * sent
        )  # the regraded sample alone
        assert (
            main(
                [
                    "estimate",
                    log.location,
                    "--grader",
                    f"capped/{MODEL}",
                    "--money",
                    str(tmp_path / "money.yaml"),
                ]
            )
            == 0
        )
        told = capsys.readouterr().out
        assert "60 answers" in told and "60 distinct requests" in told and "at most $" in told


def test_a_paid_grader_without_a_cap_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "none")
    model = get_model("openrouter/openai/gpt-4o-mini", memoize=False)
    with pytest.raises(InputError, match="name it capped/openrouter/openai/gpt-4o-mini"):
        require_cap(model)
    require_cap(get_model(MODEL, base_url="http://127.0.0.1:9/v1", memoize=False))
    require_cap(get_model("mockllm/model"))
    monkeypatch.chdir(tmp_path)
    require_cap(get_model("capped/openrouter/openai/gpt-4o-mini", memoize=False))
    with pytest.raises(InputError, match="only OpenAI-compatible"):
        file = money_file(tmp_path, 1.0)
        file.write_text(file.read_text(encoding="utf-8").replace(MODEL, "mockllm/model"), encoding="utf-8")
        get_model("capped/mockllm/model", money=str(file), memoize=False)


def test_a_bad_money_file_is_refused_by_key(tmp_path: Path) -> None:
    file = money_file(tmp_path, -1.0)
    with pytest.raises(InputError, match="cap_usd"):
        load_money(file)
