"""The commands on a model behind an endpoint: a climb, and its adaptation at work again, found by the name that it keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chaos_server import ChaosServer
from typer.testing import CliRunner

from rung.cli import app
from rung.types import UserError

pytest.importorskip("openai", reason="openai is in the endpoint extra")


def rung(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def server(orders: SimpleNamespace) -> Iterator[ChaosServer]:
    def rule(prompt: str) -> str:
        numbers = re.findall(r"order (\d+) please", prompt)
        return orders.label_of(int(numbers[-1])) if numbers else "neither"

    with ChaosServer(rule) as server:
        yield server


def test_a_climb_and_its_adaptation_at_work(
    server: ChaosServer, orders_csv: Path, tmp_path: Path, orders: SimpleNamespace
) -> None:
    lines = orders_csv.read_text(encoding="utf-8").splitlines()
    orders_csv.write_text("\n".join(lines[:41]) + "\n", encoding="utf-8")
    words = (
        "climb",
        str(orders_csv),
        "--input",
        "text",
        "--output",
        "label",
        "--rungs",
        "few-shot-bm25",
        "--run",
        str(tmp_path / "run"),
    )
    there = ("--model", "openai:orders", "--base-url", server.url)
    climbed = rung(*words, *there, "--json", "--price", "2", "--budget", "$1")
    assert climbed.exit_code == 0, climbed.output + repr(climbed.exception)
    result = json.loads(climbed.stdout)
    assert result["model"]["name"] == f"openai:orders@{server.url}"
    assert 0 < result["endpoint"]["money"] < 1
    made = str(tmp_path / "run" / "adaptations" / "few-shot-bm25")
    told = rung("predict", made, *(f"order {n} please" for n in range(500, 505)))
    assert told.stdout.split() == [orders.label_of(n) for n in range(500, 505)]
    measured = rung(
        "evaluate", made, str(orders_csv), "--input", "text", "--output", "label", "--json", "--concurrency", "2"
    )
    assert json.loads(measured.stdout)["value"] == 1.0
    other = rung("predict", made, "order 1 please", "--model", "openai:orders", "--base-url", server.url + "/v2")
    assert "was made for" in str(other.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--concurrency", "4"), "--concurrency is for a model behind an endpoint"),
        (("--base-url", "http://localhost:1/v1"), "--base-url is for a model behind an endpoint"),
        (("--model", "openai:m", "--base-url", "http://localhost:1/v1", "--budget", "$3"), "needs a price"),
        (("--model", "openai:m", "--base-url", "nowhere"), "is no base URL"),
        (
            ("--model", "openai:m", "--base-url", "https://x.example/v1", "--api-key-env", "NO_SUCH_KEY"),
            "has no NO_SUCH_KEY",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(words: tuple[str, ...], said: str, orders_csv: Path) -> None:
    found = rung("climb", str(orders_csv), "--input", "text", "--output", "label", *words)
    assert isinstance(found.exception, UserError)
    assert said in str(found.exception)
    assert found.exception.zh != str(found.exception)
