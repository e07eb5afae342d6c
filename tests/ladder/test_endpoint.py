"""A climb over an endpoint in trouble ends as the calm one; nothing is paid twice, the budget holds, a kill loses nothing."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chaos_server import EVERYTHING, ChaosServer

from rung.engine import EndpointOptions
from rung.engine.endpoint import Price, endpoint_model
from rung.evaluate import measure
from rung.ladder import Budget
from rung.ledger import Ledger
from rung.report import summary, write_report
from rung.types import EndpointError, Prediction

pytest.importorskip("openai", reason="openai is in the endpoint extra")

PLAN = "majority,few-shot-bm25,few-shot-embedding,lora"
QUICK = EndpointOptions(timeout=10.0, first_wait=0.001, longest_wait=0.01)
PORT = 18917  # the address is part of what the ledger knows a model by, so servers to compare stand at the same one


@pytest.fixture
def rule(orders: SimpleNamespace) -> Any:
    """Right on six tenths of the orders, and on nearly all once three of them stand in the prompt."""

    def answer(prompt: str) -> str:
        numbers = [int(n) for n in re.findall(r"order (\d+) please", prompt)]
        if not numbers:
            return "neither"
        right = numbers[-1] % 10 < 6 or (len(numbers) > 2 and numbers[-1] % 40 != 7)
        label = orders.label_of(numbers[-1])
        return label if right else orders.labels[1 - orders.labels.index(label)]

    return answer


@pytest.fixture
def climb(rule: Any, orders: SimpleNamespace) -> Any:
    """``climb(folder, server)``: the result of one climb of PLAN at that server."""

    def climb(folder: Path, server: ChaosServer, rungs: str = PLAN, **options: Any) -> dict[str, Any]:
        price, asked = options.pop("price", None), options.pop("options", QUICK)
        model = endpoint_model("openai:orders", server.url, asked)
        model.price = price
        task = options.pop("task", None) or orders.task(train=8, dev=8, test=4)
        return orders.climb(folder, rungs, model=model, task=task, **options)

    return climb


@contextmanager
def serving(rule: Any, **how: Any) -> Iterator[ChaosServer]:
    with ChaosServer(rule, **how) as server:
        yield server


def essence(result: dict[str, Any]) -> dict[str, Any]:
    """What trouble and kills may not change: the choice, every figure, the tokens."""
    rows = [[r[k] for k in ("name", "status", "best", "candidates", "dev", "bound")] for r in result["rungs"]]
    tokens = [r["cost"]["build_tokens"] for r in result["rungs"]]
    candidates = [(c["name"], c["status"], c["dev"]) for c in result["candidates"]]
    test = {k: v for k, v in (result["test"] or {}).items() if k != "opened_at"}
    return {"rows": rows, "tokens": tokens, "candidates": candidates, "chosen": result["chosen"], "test": test}


def keys(folder: Path) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(folder / "ledger.sqlite")
    found = db.execute(
        "SELECT weights, adaptation, example, output, score FROM predictions ORDER BY 1, 2, 3"
    ).fetchall()
    db.close()
    return found


def test_in_trouble_a_climb_ends_as_in_peace_and_pays_nothing_twice(climb: Any, rule: Any, tmp_path: Path) -> None:
    with serving(rule) as server:
        calm = climb(tmp_path / "calm", server)
        assert server.twice == 0
        answers = server.answers
    with serving(rule, trouble=0.7, hang=0.05) as server:
        rough = climb(tmp_path / "rough", server)
        assert server.twice == 0
        assert abs(server.answers - answers) <= 3  # looks at what it offers that had to be repeated
        assert sum(server.made.values()) > 20  # and it was in trouble
    assert essence(rough) == essence(calm)
    assert rough["endpoint"]["labels"] == {"plain": "echo", "chat": "likeliest"}
    assert rough["endpoint"]["lost_calls"] > 0


def test_what_needs_weights_is_skipped_and_the_reason_is_told(climb: Any, rule: Any, tmp_path: Path) -> None:
    with serving(rule, offers=EVERYTHING - {"completions", "chat-likeliest"}) as server:
        result = climb(tmp_path, server, "zero-shot,few-shot-embedding,lora")
    rows = {row["name"]: row for row in result["rungs"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "zero-shot": "measured", "few-shot-embedding": "skipped", "lora": "skipped",
    }  # fmt: skip
    assert "which an endpoint does not give" in rows["lora"]["reason"]["en"]
    assert "远程接口不提供" in rows["lora"]["reason"]["zh"]
    cost = rows["zero-shot"]["cost"]
    assert (cost["flops_per_request"], cost["build_flops"], result["unit"]) == (None, None, "tokens")
    assert cost["tokens_per_request"] > 0
    assert cost["seconds_per_request"] > 0
    for language, said in (("en", "held to the labels"), ("zh", "限定在标签之内的生成")):
        assert said in result["endpoint"]["asked"][language]
        page = write_report(tmp_path, language).read_text(encoding="utf-8")  # type: ignore[arg-type]
        assert said in page
        assert rows["lora"]["reason"][language].replace("'", "&#39;") in page
        assert result["endpoint"]["base_url"] in page
        summary(result, language)  # type: ignore[arg-type]


def test_money_is_counted_and_its_budget_is_overrun_by_what_is_under_way_alone(
    climb: Any, rule: Any, tmp_path: Path
) -> None:
    price = Price(1000.0, 2000.0)  # a thousandth for each token read
    with serving(rule) as server:
        result = climb(tmp_path, server, price=price, budget=Budget.parse("$1", price=1.0))
        paid, most = price.of(server.tokens_in, server.tokens_out), 0.12  # of one call
        assert result["complete"] is False
        assert 1.0 <= paid <= 1.0 + QUICK.concurrency * most
        assert result["endpoint"]["money"] == pytest.approx(paid)
        assert "budget of 1 in money is spent" in json.dumps(result)
        before = server.answers
        again = climb(tmp_path, server, price=price, budget=Budget.parse("$1", price=1.0))
        assert server.answers == before  # the same budget buys nothing more
        assert again["endpoint"]["money"] == pytest.approx(paid)
        whole = climb(tmp_path, server, price=price, budget=Budget.parse("$900", price=1.0))
        assert whole["complete"]
        assert server.twice == 0
    assert whole["unit"] == "money"
    row = whole["rungs"][1]
    assert row["cost"]["money_per_request"] > 0
    assert row["cost"]["build_money"] > row["cost"]["money_per_request"]


def test_a_budget_of_tokens_counts_what_was_billed(
    climb: Any, rule: Any, orders: SimpleNamespace, tmp_path: Path
) -> None:
    """What calibration asks counts, and a call that two candidates share counts once."""
    with serving(rule) as server:
        climb(tmp_path / "whole", server, "zero-shot,few-shot", task=orders.task(train=40, dev=8, test=0))
        billed = server.tokens_in + server.tokens_out
    for limit in (billed - 100, billed + 1):
        with serving(rule) as server:
            task, budget = orders.task(train=40, dev=8, test=0), Budget(tokens=limit)
            cut = climb(tmp_path / str(limit), server, "zero-shot,few-shot", task=task, budget=budget)
            assert cut["complete"] is (limit > billed)
            if not cut["complete"]:
                assert limit <= server.tokens_in + server.tokens_out <= billed


def test_an_endpoint_that_is_gone_ends_the_climb_and_the_same_command_goes_on(
    climb: Any, rule: Any, tmp_path: Path
) -> None:
    with serving(rule, port=PORT) as server:
        whole = climb(tmp_path / "whole", server)
        expected = keys(tmp_path / "whole")
    with serving(rule, port=PORT) as server:
        calls = iter(range(10**6))

        def failing(digest: str) -> str:
            return "503" if next(calls) > 40 else ""

        server.draw = failing  # type: ignore[method-assign]
        with pytest.raises(EndpointError, match="the same command goes on"):
            climb(tmp_path / "rough", server, options=EndpointOptions(attempts=2, first_wait=0.001))
        kept = len(keys(tmp_path / "rough"))
        assert 0 < kept < len(expected)
        server.draw = lambda digest: ""  # type: ignore[method-assign]
        result = climb(tmp_path / "rough", server)
        assert server.twice == 0
    assert essence(result) == essence(whole)
    assert keys(tmp_path / "rough") == expected


def test_a_slow_call_holds_no_other_answer_back(tmp_path: Path, orders: SimpleNamespace) -> None:
    task, ledger, gate = orders.task(dev=8), Ledger(tmp_path / "l.sqlite", weights="w", dtype="d"), threading.Event()

    def program(examples: Any) -> list[Prediction]:
        (example,) = examples
        if example == task.dev[0]:
            assert gate.wait(60.0), "the others wait for the slow one"
        return [Prediction(example.id, "left")]

    def done(count: int, total: int) -> None:
        if len(ledger.known("h", (e.id for e in task.dev))) == 7:  # all others, while one is awaited
            gate.set()

    marked = measure(lambda: program, "h", task, task.dev, ledger, workers=3, done=done)
    assert [p.example_id for p in marked.predictions] == [e.id for e in task.dev]


@pytest.mark.slow
def test_without_log_probabilities_nothing_is_calibrated(climb: Any, rule: Any, tmp_path: Path) -> None:
    with serving(rule, offers=frozenset({"models", "chat"})) as server:
        result = climb(tmp_path, server, "zero-shot")
    assert result["endpoint"]["labels"] == {"plain": "parsed", "chat": "parsed"}
    assert not [c for c in result["candidates"] if "+" in c["name"]]
    assert result["rungs"][0]["dev"]["value"] > 0


@pytest.mark.slow
def test_killed_climbs_lose_nothing_that_was_paid(rule: Any, tmp_path: Path, orders_csv: Path) -> None:
    """SIGKILL of the real command, twice; what was under way at a kill is all that may be paid again."""
    words = [
        sys.executable, "-m", "rung", "climb", str(orders_csv), "--input", "text", "--output", "label", "--split", "60/20/20",
        "--rungs", "zero-shot", "--model", "openai:orders", "--concurrency", "4", "--json",
    ]  # fmt: skip

    def run(server: ChaosServer, folder: Path, kill_at: int | None = None) -> dict[str, Any]:
        process = subprocess.Popen(
            [*words, "--base-url", server.url, "--run", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while kill_at is not None and process.poll() is None and server.answers < kill_at:
            time.sleep(0.002)
        if kill_at is not None:
            process.send_signal(signal.SIGKILL)
        out, errors = process.communicate()
        if kill_at is None:
            assert process.returncode == 0, errors[-2000:]
        return json.loads(out) if out and kill_at is None else {}

    with serving(rule, port=PORT + 1) as server:
        calm = run(server, tmp_path / "calm")
        whole = server.answers
    with serving(rule, port=PORT + 1, trouble=0.2, hang=0.05) as server:
        for kill_at in (whole // 3, 2 * whole // 3):
            run(server, tmp_path / "rough", kill_at)
        rough = run(server, tmp_path / "rough")
        assert server.twice <= 2 * 4
    assert essence(rough) == essence(calm)
    assert keys(tmp_path / "rough") == keys(tmp_path / "calm")
