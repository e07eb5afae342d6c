"""Whole climbs on the orders: with an able fake it is known what must win; a random Llama shows near ties."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rung.adaptation import hash_of, load
from rung.engine import fake_model, load_model
from rung.evaluate import exact_lower
from rung.ladder import Climb, choose, default_folder
from rung.ladder.verdict import total_cost
from rung.ledger import Ledger
from rung.programs import opened
from rung.types import Cost, DataError, ModelRef, UserError

EVERY = (
    "majority,tfidf,zero-shot,chain-of-thought,magic-words,few-shot,few-shot-bm25,few-shot-embedding,few-shot-diverse"
)
# Issue 2, "What a person sees": what RUN/result.json holds at least.
KEYS = {
    "task": {"kind", "metric", "n_train", "n_dev", "n_test", "detectable_gap"},
    "chosen": {"rung", "adaptation", "verdict", "met", "why"},
    "test": {"value", "low", "high", "n", "opened_at"},
    "model": {"name", "sha256"},
}
ROW = {"name", "status", "candidates", "dev", "cost"}
DEV = {"value", "low", "high", "n"}
COST = {
    "build_seconds", "build_flops", "build_tokens", "build_money", "peak_bytes", "trainable_parameters", "labels",
    "tokens_per_request", "seconds_per_request", "flops_per_request", "money_per_request", "bytes",
}  # fmt: skip


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory, orders: SimpleNamespace) -> tuple[Path, dict[str, Any]]:
    """A climb of everything but training, with a target that few-shot is the first to prove."""
    folder = tmp_path_factory.mktemp("climbed")
    return folder, orders.climb(folder, EVERY, task=orders.task(target=0.85))


def rows(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in result["rungs"]}


def test_the_result_holds_what_it_must(climbed: tuple[Path, dict[str, Any]]) -> None:
    folder, result = climbed
    assert json.loads((folder / "result.json").read_text()) == result
    for key, inner in KEYS.items():
        assert inner <= set(result[key]), key
    assert {"target", "rungs", "seed", "seconds", "complete"} <= set(result)
    for row in result["rungs"]:
        assert set(row) >= ROW
        assert set(row["cost"]) == COST
        assert row["dev"] is None or set(row["dev"]) == DEV
    assert result["task"] | {"kind": "classify", "n_train": 40, "n_dev": 130, "n_test": 60} == result["task"]


def test_no_number_of_numpy_is_left_in_it(climbed: tuple[Path, dict[str, Any]]) -> None:
    def walk(value: Any) -> None:
        assert type(value) in (dict, list, str, int, float, bool, type(None)), (type(value), value)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inner)

    walk(climbed[1])


def test_it_stops_at_the_first_proven_rung(climbed: tuple[Path, dict[str, Any]]) -> None:
    result = climbed[1]
    assert {name: row["status"] for name, row in rows(result).items()} == {
        "majority": "missed", "tfidf": "missed", "zero-shot": "missed", "chain-of-thought": "missed",
        "magic-words": "missed", "few-shot": "proven", "few-shot-bm25": "not-reached",
        "few-shot-embedding": "not-reached", "few-shot-diverse": "not-reached",
    }  # fmt: skip
    assert result["chosen"]["rung"] == "few-shot"
    assert result["chosen"]["met"] is True
    assert rows(result)["zero-shot"]["dev"]["value"] == 0.6  # six orders in ten, by the model's rule
    assert rows(result)["few-shot"]["dev"]["value"] == pytest.approx(126 / 130)  # all but four that end on 7 in 40
    assert rows(result)["few-shot-bm25"]["reason"]["en"] == "few-shot met the target before"
    assert result["test"]["value"] == pytest.approx(58 / 60)


def test_the_seal_was_opened_once_and_for_the_chosen(climbed: tuple[Path, dict[str, Any]]) -> None:
    folder, result = climbed
    ledger = Ledger(folder / "ledger.sqlite")
    (event,) = ledger.events("test opened")
    chosen = next(c for c in result["candidates"] if c["name"] == result["chosen"]["candidate"])
    assert event["adaptation"] == chosen["hash"]
    tests = [e.id for e in ledger.examples("test")]
    asked = {h for h in ledger.adaptations() if ledger.known(h, tests)}
    ledger.close()
    assert asked == {chosen["hash"]}
    assert result["test"]["n"] == len(tests) == 60


def test_costs_are_measured(climbed: tuple[Path, dict[str, Any]]) -> None:
    table = rows(climbed[1])
    zero, few = table["zero-shot"]["cost"], table["few-shot"]["cost"]
    assert 0 < zero["tokens_per_request"] < few["tokens_per_request"]
    assert 0 < zero["flops_per_request"] < few["flops_per_request"]
    assert (zero["labels"], table["majority"]["cost"]["labels"], table["majority"]["cost"]["tokens_per_request"]) == (
        0,
        40,
        0,
    )
    assert few["labels"] > 0
    for row in (r for r in table.values() if r["dev"]):
        assert row["cost"]["bytes"] > 0
        assert row["cost"]["peak_bytes"] > 0
        assert row["cost"]["seconds_per_request"] >= 0


def test_every_rung_leaves_its_best_adaptation(climbed: tuple[Path, dict[str, Any]]) -> None:
    folder, result = climbed
    known = {(c["rung"], c["name"]): c["hash"] for c in result["candidates"]}
    for row in result["rungs"]:
        if row["dev"]:
            made = load(folder / row["adaptation"], ModelRef(**result["model"]))
            assert hash_of(made) == known[row["name"], row["best"]]


def test_an_adaptation_answers_as_the_ledger_says(
    climbed: tuple[Path, dict[str, Any]], orders: SimpleNamespace
) -> None:
    folder, result = climbed
    ledger = Ledger(folder / "ledger.sqlite")
    for row in (r for r in result["rungs"] if r["dev"]):
        made = load(folder / row["adaptation"])
        kept = [p.output for p, _ in ledger.predictions(hash_of(made), "dev")]
        with opened(made, orders.able()) as answer:
            assert [p.output for p in answer(orders.task().dev)] == kept, row["name"]
    ledger.close()


def test_a_finished_climb_gives_its_result_again(
    climbed: tuple[Path, dict[str, Any]], orders: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, result = climbed
    monkeypatch.setattr("rung.ladder.climb.Climb._walk", lambda self: pytest.fail("there is nothing left to do"))
    assert orders.climb(folder, EVERY, task=orders.task(target=0.85)) == result


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"volume": 5}, {"all": True}, {"rungs": "zero-shot"}, {"describe": "Which way?"}, {"target": 0.9}],
)
def test_another_climb_in_the_same_folder_is_refused(
    climbed: tuple[Path, dict[str, Any]], orders: SimpleNamespace, change: dict[str, Any]
) -> None:
    task = orders.task(target=change.pop("target", 0.85), description=change.pop("describe", ""))
    with pytest.raises(DataError, match="holds another climb"):
        orders.climb(climbed[0], change.pop("rungs", EVERY), task=task, **change)


def test_another_command_has_another_folder(orders: SimpleNamespace) -> None:
    task, model, rungs = orders.task(), orders.able(), choose("zero-shot")
    own = default_folder(task, model, rungs, 0, False)
    assert re.fullmatch(r"runs/orders-[0-9a-f]{8}", own.as_posix())
    assert own == default_folder(orders.task(), orders.able(), rungs, 0, False)
    others = [
        default_folder(task, model, rungs, 1, False), default_folder(task, model, rungs, 0, True),
        default_folder(task, model, rungs, 0, False, 5), default_folder(task, orders.able(3), rungs, 0, False),
        default_folder(orders.task(description="x"), model, rungs, 0, False),
        default_folder(task, model, choose("few-shot"), 0, False),
    ]  # fmt: skip
    assert len({own, *others}) == 7


def test_all_goes_on_after_the_proof(tmp_path: Path, orders: SimpleNamespace) -> None:
    result = orders.climb(tmp_path, "few-shot,few-shot-bm25", task=orders.task(target=0.8), all=True)
    assert [row["status"] for row in result["rungs"]] == ["proven", "proven"]
    costs = {row["name"]: total_cost(Cost(**row["cost"]), result["volume"]) for row in result["rungs"]}
    assert result["chosen"]["rung"] == min(costs, key=costs.__getitem__)  # "cheapest" is measured, not the first


def test_a_rung_that_cannot_run_says_why(tmp_path: Path, orders: SimpleNamespace) -> None:
    task = orders.task(train=12, target=0.8)
    result = orders.climb(tmp_path, "few-shot,few-shot-bm25,lora", task=task)
    assert [row["status"] for row in result["rungs"]] == ["proven", "not-reached", "skipped"]
    assert rows(result)["lora"]["reason"]["en"] == "needs 16 training examples, there are 12"
    assert rows(result)["lora"]["candidates"] == 0


def test_without_a_proof_the_cheapest_good_rung_is_chosen(tmp_path: Path, orders: SimpleNamespace) -> None:
    result = orders.climb(tmp_path, "zero-shot,few-shot", task=orders.task(target=0.99))
    assert [row["status"] for row in result["rungs"]] == ["missed", "missed"]
    assert result["chosen"]["rung"] == "few-shot"
    assert (result["chosen"]["met"], result["chosen"]["verdict"]) == (False, "missed")
    assert result["chosen"]["ahead"] is None  # it is the best itself
    assert "no rung is proven" in result["chosen"]["why"]["en"]
    assert "没有方法" in result["chosen"]["why"]["zh"]


def test_a_second_look_at_the_test_split_is_refused(tmp_path: Path, orders: SimpleNamespace) -> None:
    orders.climb(tmp_path, "zero-shot")
    (tmp_path / "result.json").unlink()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:  # as if other code had chosen otherwise the first time
        db.execute("UPDATE events SET detail = '{\"adaptation\": \"another\"}' WHERE kind = 'test opened'")
    db.close()
    with pytest.raises(DataError, match="was opened before, for another adaptation"):
        orders.climb(tmp_path, "zero-shot")


def test_a_task_without_a_test_split_has_no_test_figure(tmp_path: Path, orders: SimpleNamespace) -> None:
    result = orders.climb(tmp_path, "majority", task=orders.task(test=0))
    assert result["test"] is None
    assert result["complete"] is True


def test_unknown_rungs_get_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"Did you mean few-shot-bm25\?"):
        choose("zero-shot,few-shot-bm52")
    assert [rung.name for rung in choose("lora, majority")] == ["majority", "lora"]  # the ladder's own order


# --- the same climb again -----------------------------------------------------------------------------------------

TIMES = {"seconds", "at", "build_seconds", "seconds_per_request", "peak_bytes"}


def contents(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table of a ledger but for times and memory."""

    def timeless(text: Any) -> Any:
        if not isinstance(text, str) or not text.startswith("{"):
            return text
        body = {k: v for k, v in json.loads(text).items() if k not in TIMES}
        return json.dumps(body).replace(str(folder), "RUN")

    db = sqlite3.connect(folder / "ledger.sqlite")
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    tables = {}
    for name in names:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})") if row[1] not in TIMES]
        found = db.execute(f"SELECT {', '.join(columns)} FROM {name}").fetchall()
        tables[name] = [tuple(map(timeless, row)) for row in found]
    db.close()
    return tables


def outputs(folder: Path) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(folder / "ledger.sqlite")
    rows = "SELECT adaptation, example, output, text, valid, score FROM predictions ORDER BY 1, 2"
    found = db.execute(rows).fetchall()
    db.close()
    return found


def test_the_same_seed_gives_the_same_ledger_but_for_times(tmp_path: Path, orders: SimpleNamespace) -> None:
    for name in ("a", "b"):
        task = orders.task(train=20, dev=30, test=10)
        orders.climb(tmp_path / name, "tfidf,zero-shot,few-shot-embedding,lora", task=task)
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert set(first) == {"meta", "examples", "adaptations", "builds", "predictions", "calls", "events"}
    assert all(rows for table, rows in first.items() if table != "calls"), "or nothing is compared"
    assert not first["calls"]  # nothing was asked of an endpoint
    for table in first:
        assert first[table] == second[table], table


def random_llama(batch_size: int) -> Any:
    model = fake_model(seed=3)
    model.batch_size = batch_size
    return model


def test_predictions_do_not_depend_on_the_batch_size(tmp_path: Path, orders: SimpleNamespace) -> None:
    """Random weights: near ties everywhere, in which another order of summing would show."""
    plan = "zero-shot,few-shot-embedding"
    task = orders.task(train=8, dev=16, test=6)
    found = {}
    for size in (1, 8, 64):
        orders.climb(tmp_path / str(size), plan, task=task, model=random_llama(size))
        found[size] = outputs(tmp_path / str(size))
    assert len(found[1]) > 200
    assert found[1] == found[8] == found[64]


@pytest.mark.slow
def test_predictions_of_sprout_do_not_depend_on_the_batch_size(tmp_path: Path) -> None:
    from rung.task import load_task

    task = load_task(Path(__file__).parents[2] / "examples" / "customer_service.csv", input="text", output="intent")
    found = {}
    for size in (1, 8, 64):
        try:
            model = load_model("sprout")
        except UserError as error:
            pytest.skip(f"no embedded model here: {error}")
        model.batch_size = size
        Climb(task, model, tmp_path / str(size), choose("zero-shot,few-shot")).run()
        found[size] = outputs(tmp_path / str(size))
    assert found[1] == found[8] == found[64]


def test_what_a_calibration_asks_is_part_of_the_price(orders: SimpleNamespace, tmp_path: Path) -> None:
    """Tokens of all that the model was asked: the candidates on dev, and the leader on inputs without labels."""
    result = orders.climb(tmp_path, "zero-shot", task=orders.task(dev=24, test=0))
    names = [c["name"] for c in result["candidates"]]
    assert any(name.endswith("+batch") for name in names)
    cost = result["rungs"][0]["cost"]
    asked = [c["cost"]["tokens_per_request"] * c["dev"]["n"] for c in result["candidates"]]
    probed = cost["build_tokens"] - sum(asked)
    assert probed > 0
    # 3 inputs without content and 32 training inputs, about as long as those of dev.
    leader = next(c for c in result["candidates"] if c["name"].endswith("+batch"))
    assert probed == pytest.approx(35 * leader["cost"]["tokens_per_request"], rel=0.1)
    (tmp_path / "result.json").unlink()
    again = orders.climb(tmp_path, "zero-shot", task=orders.task(dev=24, test=0))
    assert again["rungs"][0]["cost"]["build_tokens"] == cost["build_tokens"]


def test_a_rung_pays_for_the_looks_of_those_below_it(orders: SimpleNamespace, tmp_path: Path) -> None:
    """Its prompts and demonstrations were chosen on the same dev examples."""
    plan = "majority,zero-shot,few-shot"
    result = orders.climb(tmp_path, plan, task=orders.task(target=0.99), all=True)
    n, looks = result["task"]["n_dev"], 0
    for row in result["rungs"]:
        looks += row["candidates"]
        assert row["bound"] == pytest.approx(exact_lower(row["dev"]["value"], n, 0.05 / (3 * looks)))


def test_the_sealed_test_confirms_by_itself(orders: SimpleNamespace, tmp_path: Path) -> None:
    """One adaptation, one look: its bound is at the whole 5 %, whatever was chosen on dev."""
    found = {
        target: orders.climb(tmp_path / str(target), "few-shot", task=orders.task(target=target))["test"]
        for target in (None, 0.5, 0.97)
    }
    for target, test in found.items():
        assert test["bound"] == pytest.approx(exact_lower(test["value"], test["n"], 0.05))
        assert test["confirmed"] == (None if target is None else test["bound"] >= target)
    assert found[0.5]["confirmed"] and not found[0.97]["confirmed"]
