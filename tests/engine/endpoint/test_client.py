"""Calls in trouble: asked until they are answered, never paid twice, given up with a sentence; and the key stays secret."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chaos_server import EVERYTHING, TROUBLES

from rung.engine import EndpointOptions, load_model
from rung.engine.endpoint import Address
from rung.engine.endpoint.calls import parsed
from rung.engine.endpoint.failures import Failure, pause, retry_after
from rung.ledger import Ledger
from rung.types import BudgetSpent, Decoding, EndpointError, ModelError, UserError

QUICK = EndpointOptions(timeout=10.0, first_wait=0.001, longest_wait=0.01)
PROMPTS = [f"order {n} please\nIt goes" for n in range(12)]


def test_in_every_trouble_the_answers_are_those_of_peace(served: Any, sides: Callable[[int], str]) -> None:
    _, calm = served()
    expected = [s.logprobs for s in calm.score(PROMPTS, [" left", " right"])]
    options = replace(QUICK, timeout=2.0)
    for trouble in TROUBLES:
        server, model = served(options, trouble=0.9, hang=0.1, troubles=(trouble,))
        model._abilities = calm.abilities
        some = PROMPTS[:1] if trouble == "hang" else PROMPTS[:3]  # each of its silences takes its time
        assert [s.logprobs for s in model.score(some, [" left", " right"])] == expected[: len(some)], trouble
        assert server.made[trouble] > 0
        assert server.twice == 0
    assert [max((v, side) for v, side in zip(e, ("left", "right"), strict=True))[1] for e in expected] == [
        sides(n) for n in range(12)
    ]


def test_what_was_answered_is_not_asked_again_by_another_process(served: Any, tmp_path: Path) -> None:
    server, model = served()
    ledger = Ledger(tmp_path / "l.sqlite", weights="w", dtype="endpoint")
    abilities = model.prepare(ledger, None)
    first = model.score(PROMPTS, [" left", " right"])
    paid = server.answers
    again = load_model("openai:orders", base_url=server.url, options=QUICK)
    again.prepare(Ledger(tmp_path / "l.sqlite", weights="w", dtype="endpoint"), abilities)  # type: ignore[attr-defined]
    assert again.score(PROMPTS, [" left", " right"]) == first
    assert server.answers == paid
    assert again.as_json()["tokens_in"] == model.as_json()["tokens_in"] > 0  # type: ignore[attr-defined]


def test_the_same_prompt_twice_at_once_is_one_call(served: Any) -> None:
    server, model = served(pause=0.02)
    before = (model.abilities, server.answers)[1]
    made = model.generate(["order 5 please"] * 6, Decoding(max_tokens=4))
    for _ in range(100):  # the server counts an answer after it has sent it
        if server.answers > before:
            break
        time.sleep(0.02)
    time.sleep(0.05)
    assert server.answers == before + 1
    assert len({m[0].text for m in made}) == 1


def test_no_more_than_the_limit_are_under_way(served: Any) -> None:
    server, model = served(replace(QUICK, concurrency=3), pause=0.02)
    model.generate(PROMPTS, Decoding(max_tokens=4))
    assert server.most == 3


def test_after_the_last_attempt_the_error_names_the_call(served: Any) -> None:
    server, model = served(replace(QUICK, attempts=3), trouble=0.0)
    _ = model.abilities
    server.trouble, server.troubles = 1.0, ("503",)
    with pytest.raises(EndpointError, match="in 3 attempts, the last one: status 503") as error:
        model.generate(["order 77 please"], Decoding(max_tokens=4))
    assert "order 77 please" in str(error.value)
    assert "/completions" in str(error.value)
    assert "order 77 please" in error.value.zh


def test_one_call_that_fails_does_not_lose_the_others(served: Any, tmp_path: Path) -> None:
    _, model = served()
    ledger = Ledger(tmp_path / "l.sqlite", weights="w", dtype="endpoint")
    model.prepare(ledger, None)
    before = ledger.call_totals()[0]
    with pytest.raises(ModelError, match="status 400"):
        model.generate([*PROMPTS, "refuse me"], Decoding(max_tokens=4))
    assert ledger.call_totals()[0] == before + len(PROMPTS)


def test_a_key_is_sent_and_never_shown(served: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = "sk-secret-0123456789"
    monkeypatch.setenv("MY_KEY", secret)
    server, _ = served(key=secret)
    good = load_model("openai:orders", base_url=server.url, options=replace(QUICK, key_env="MY_KEY"))
    ledger = Ledger(tmp_path / "l.sqlite", weights="w", dtype="endpoint")
    good.prepare(ledger, None)  # type: ignore[attr-defined]
    good.generate(["order 5 please"], Decoding(max_tokens=4))
    assert secret not in repr(good.as_json()) + repr(vars(good)) + good.name  # type: ignore[attr-defined]
    ledger.close()
    assert secret.encode() not in b"".join(p.read_bytes() for p in tmp_path.iterdir())
    monkeypatch.setenv("MY_KEY", "sk-wrong-9876543210")
    bad = load_model("openai:orders", base_url=server.url, options=replace(QUICK, key_env="MY_KEY"))
    with pytest.raises(EndpointError, match="refuses the key") as error:
        bad.generate(["order 5 please"], Decoding(max_tokens=4))
    assert "sk-" not in str(error.value) + error.value.zh
    with pytest.raises(UserError, match="has no NO_SUCH"):
        load_model("openai:orders", base_url=server.url, options=replace(QUICK, key_env="NO_SUCH"))


def test_a_name_that_is_not_there_is_told_with_those_that_are(served: Any) -> None:
    server, _ = served(offers=EVERYTHING - {"completions", "chat"})
    model = load_model("openai:ordrs", base_url=server.url, options=QUICK)
    with pytest.raises(EndpointError, match="did you mean orders"):
        model.generate(["x"], Decoding())


def test_where_nothing_listens_the_error_says_so() -> None:
    model = load_model("openai:x", base_url="http://127.0.0.1:9/v1", options=replace(QUICK, attempts=2))
    with pytest.raises(EndpointError, match="the connection failed") as error:
        model.generate(["x"], Decoding())
    assert "ends with" not in str(error.value)  # the list of models was asked for: there is no prompt


def test_a_base_url_without_its_end_is_told(served: Any) -> None:
    server, _ = served()
    model = load_model("openai:orders", base_url=server.url.removesuffix("/v1"), options=replace(QUICK, attempts=2))
    with pytest.raises(EndpointError, match=f"--base-url {server.url}"):
        model.generate(["x"], Decoding())


def test_money_is_looked_at_before_each_call(served: Any) -> None:
    server, model = served(replace(QUICK, concurrency=1))
    _ = model.abilities
    before, left = server.answers, iter([True, True, True])

    def allow() -> None:
        if not next(left, False):
            raise BudgetSpent("spent")

    model.client.allow = allow
    with pytest.raises(BudgetSpent):
        model.generate(PROMPTS, Decoding(max_tokens=4))
    assert server.answers == before + 3


def test_a_character_that_a_server_cut_in_two_is_told_apart_from_a_whole_one() -> None:
    body = parsed(r'{"choices": [{"text": "good \ud83d", "whole": "\ud83d\ude00 \u4f60", "n": 1, "none": null}]}')
    assert body == {"choices": [{"text": "good \ufffd", "whole": "\U0001f600 你", "n": 1, "none": None}]}
    with pytest.raises(ValueError, match="Expecting"):
        parsed("{")


def test_a_server_that_asks_to_be_left_alone_is_left_alone(served: Any) -> None:
    server, model = served()
    _ = model.abilities
    server.trouble, server.troubles = 1.0, ("429",)  # with Retry-After: 0.02, four times
    started = time.perf_counter()
    model.generate(["order 5 please"], Decoding(max_tokens=4))
    assert server.made["429"] == 4
    assert time.perf_counter() - started >= 0.08


def test_waits_are_doubled_up_to_the_longest_and_never_shorter_than_asked() -> None:
    options = EndpointOptions(first_wait=1.0, longest_wait=5.0)
    for attempt, most in enumerate((1.0, 2.0, 4.0, 5.0, 5.0)):
        waits = [pause(Failure("x"), attempt, options) for _ in range(50)]
        assert most / 2 <= min(waits) <= max(waits) <= most
        assert len(set(waits)) > 1  # not all at once
    assert pause(Failure("x", asked=17.0), 0, options) == 17.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_understood(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("text", "url", "parsed"),
    [
        ("openai:a/b:c", "HTTP://LocalHost:8000/v1/", ("a/b:c", "http://localhost:8000/v1")),
        ("openai:a@2024@https://x.example/v1", None, ("a@2024", "https://x.example/v1")),
        ("openai:a", None, ("a", "https://api.openai.com/v1")),
    ],
)
def test_an_address_is_a_name_and_a_url(
    text: str, url: str | None, parsed: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    found = Address.parse(text, url)
    assert (found.name, found.base_url) == parsed
    assert Address.parse(found.text) == found
    assert found.sha256 != replace(found, name="other").sha256


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://x/v1",
        "http://me:pass@x/v1",
        "http://x/v1?key=1",
        "http://x:one/v1",
        "http://x:70000",
        "http://[::1",
        "http://a b/v1",
    ],
)
def test_a_url_that_is_none_or_holds_a_secret_is_refused(url: str) -> None:
    with pytest.raises(UserError) as error:
        Address.parse("openai:a", url)
    assert "pass" not in str(error.value) or "password" in str(error.value)


def test_a_key_that_cannot_be_sent_is_refused_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    address = Address.parse("openai:a", "http://localhost:8000/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-plain\n")  # as a file gives it
    assert address.key(None) == "sk-plain"
    monkeypatch.setenv("OPENAI_API_KEY", "你的密钥")
    with pytest.raises(UserError, match="OPENAI_API_KEY") as error:
        address.key(None)
    assert "你的密钥" not in str(error.value) + error.value.zh
