"""A climb that is stopped anywhere goes on as if it had not been: nothing lost, nothing bought twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rung import folders
from rung.ladder import Budget, Watch
from rung.ledger import Ledger
from rung.programs.direct import Direct
from rung.types import DataError

PLAN = "tfidf,zero-shot,lora"


class Killed(BaseException):
    """The process ends here; the next `run` is a new one."""


def essence(result: dict[str, Any]) -> dict[str, Any]:
    """What must be the same however often a climb was stopped: the choice, every figure, the operations."""
    rows = [
        (
            r["name"],
            r["status"],
            r["best"],
            r["candidates"],
            r["dev"],
            r["bound"],
            r["cost"]["build_flops"],
            r["forgetting"],
        )
        for r in result["rungs"]
    ]
    candidates = [(c["name"], c["hash"], c["status"], c["dev"]) for c in result["candidates"]]
    test = {k: v for k, v in (result["test"] or {}).items() if k != "opened_at"}
    return {"rows": rows, "candidates": candidates, "chosen": result["chosen"], "test": test}


def keys(folder: Path) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(folder / "ledger.sqlite")
    rows = "SELECT weights, adaptation, example, sample, dtype, output, score FROM predictions ORDER BY 1, 2, 3"
    made = db.execute(rows).fetchall()
    db.close()
    return made


@pytest.fixture(scope="module")
def climb(orders: SimpleNamespace) -> Callable[..., dict[str, Any]]:
    def climb(folder: Path, **options: Any) -> dict[str, Any]:
        return orders.climb(folder, PLAN, task=orders.task(train=16, dev=24, test=8), **options)

    return climb


@pytest.fixture(scope="module")
def whole(climb: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[Any]]:
    """The uninterrupted climb, and what its ledger holds."""
    folder = tmp_path_factory.mktemp("whole")
    return essence(climb(folder)), keys(folder)


@contextmanager
def killed_at(owner: Any, name: str, call: int, *, after: bool = False) -> Iterator[None]:
    """Die before (or after) the ``call``-th time that ``owner.name`` is called."""
    original, calls = getattr(owner, name), iter(range(10**6))

    def dying(*args: Any, **named: Any) -> Any:
        last = next(calls) == call
        if last and not after:
            raise Killed
        made = original(*args, **named)
        if last:
            raise Killed
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, dying)
        with pytest.raises(Killed):
            yield


@pytest.mark.parametrize("after", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["before", "after"])
@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [
        (Ledger, "keep_predictions", (0, 3, 9)),
        (Ledger, "keep_adaptation", (1, 4)),
        (Ledger, "keep_build", (0, 2)),  # tfidf, and lora: its adapter is saved, its row is not
        (Ledger, "event", (0, 2)),  # latencies
        (Ledger, "event", (3,)),  # what lora forgets
        (Ledger, "event", (4,)),  # the seal
        (Ledger, "keep_examples", (1,)),  # the test split, after the seal was opened
        (Direct, "answer", (2, 12)),
        (Path, "replace", (0,)),  # result.json
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_killed_around_a_write(
    climb: Any, whole: Any, tmp_path: Path, owner: Any, name: str, calls: tuple[int, ...], after: bool
) -> None:
    for call in calls:  # one climb, killed several times
        with killed_at(owner, name, call, after=after):
            climb(tmp_path)
        if (tmp_path / "result.json").exists():
            break
    assert essence(climb(tmp_path)) == whole[0]
    assert keys(tmp_path) == whole[1]


@pytest.mark.parametrize("call", [0, 3, *(pytest.param(i, marks=pytest.mark.slow) for i in (1, 2, 4, 5))])
def test_killed_between_the_renames_of_a_folder(climb: Any, whole: Any, tmp_path: Path, call: int) -> None:
    """Saving an adaptation, an adapter, a checkpoint: every rename is a moment to die at."""
    with killed_at(Path, "rename", call, after=call % 2 == 1):
        climb(tmp_path)
    assert essence(climb(tmp_path)) == whole[0]
    assert keys(tmp_path) == whole[1]
    assert not [p for p in tmp_path.rglob("*") if p.suffix in (".new", ".old")]


@pytest.mark.parametrize(
    "whole_way, last",  # which training dies, and whether at its first step or its last
    [
        (False, False),
        (True, False),
        pytest.param(False, True, marks=pytest.mark.slow),
        pytest.param(True, True, marks=pytest.mark.slow),
    ],
)
def test_killed_in_training(climb: Any, whole: Any, tmp_path: Path, whole_way: bool, last: bool) -> None:
    class Dying(Watch):
        def training(self, rung: str, candidate: str, at: int, steps: int, loss: float) -> None:
            ends_at = steps if whole_way else steps / 4
            if candidate.endswith("-quarter") != whole_way and (at >= ends_at or not last):
                raise Killed

    with pytest.raises(Killed):
        climb(tmp_path, watch=Dying())
    assert essence(climb(tmp_path)) == whole[0]
    assert keys(tmp_path) == whole[1]


def test_the_time_of_a_killed_session_counts(climb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill -9 runs no ``finally``: what was kept while working is all there is."""
    monkeypatch.setattr("rung.ladder.climb.Climb._tick", lambda self, every=1.0: every and self.ledger.tick(1, 123.0))
    with killed_at(Ledger, "keep_predictions", 3):
        climb(tmp_path)
    monkeypatch.undo()
    assert climb(tmp_path)["seconds"] > 123.0


def test_ctrl_c_tells_whoever_watches_and_can_be_gone_on_with(climb: Any, whole: Any, tmp_path: Path) -> None:
    told = []

    class Impatient(Watch):
        def scored(self, rung: str, candidate: str, done: int, total: int, result: Any) -> None:
            if rung == "zero-shot":
                raise KeyboardInterrupt

        def interrupted(self) -> None:
            told.append(True)

    with pytest.raises(KeyboardInterrupt):
        climb(tmp_path, watch=Impatient())
    assert told == [True]
    assert essence(climb(tmp_path)) == whole[0]


# --- budgets ------------------------------------------------------------------------------------------------------


def test_a_spent_budget_ends_cleanly_and_a_bigger_one_goes_on(climb: Any, whole: Any, tmp_path: Path) -> None:
    result = climb(tmp_path, budget=Budget.parse("10ktokens"))
    assert result["complete"] is False
    assert [row["status"] for row in result["rungs"]] == ["measured", "not-reached", "not-reached"]
    assert "budget of 10000 tokens is spent" in result["rungs"][1]["reason"]["en"]
    assert result["chosen"]["rung"] == "tfidf"  # the best so far
    assert result["test"] is None  # the seal stays shut: the next session may choose another
    kept = keys(tmp_path)
    assert 0 < len(kept) < len(whole[1])
    again = climb(tmp_path, budget=Budget.parse("10ktokens"))
    assert essence(again) == essence(result)
    assert keys(tmp_path) == kept  # the same budget buys nothing more
    assert json.loads((tmp_path / "result.json").read_text())["complete"] is False
    finished = climb(tmp_path, budget=Budget.parse("100Mtokens"))
    assert finished["complete"] is True
    assert finished["seconds"] > result["seconds"]
    assert essence(finished) == whole[0]
    assert keys(tmp_path) == whole[1]


def test_a_ledger_that_cannot_be_read_leaves_the_folder_free(climb: Any, tmp_path: Path) -> None:
    """The error is held, as a notebook holds its last one; the folder must not stay locked as long."""
    (tmp_path / "ledger.sqlite").write_bytes(b"something else, and long enough to be looked at" * 9)
    with pytest.raises(DataError, match="is no ledger") as held:
        climb(tmp_path)
    (tmp_path / "ledger.sqlite").unlink()
    assert climb(tmp_path, budget=Budget.parse("0s"))["complete"] is False
    assert held.value.__traceback__ is not None


def test_a_budget_spent_before_anything_was_measured_chooses_nothing(climb: Any, tmp_path: Path) -> None:
    result = climb(tmp_path, budget=Budget.parse("0s"))
    assert (result["chosen"], result["test"], result["complete"]) == (None, None, False)
    assert {row["status"] for row in result["rungs"]} == {"not-reached"}
    assert all(row["dev"] is None for row in result["rungs"])


def test_time_spent_before_counts_against_the_budget(climb: Any, tmp_path: Path) -> None:
    with killed_at(Ledger, "keep_predictions", 3):
        climb(tmp_path)
    with Ledger(tmp_path / "ledger.sqlite").db as db:
        db.execute("UPDATE events SET detail = '{\"seconds\": 1000}' WHERE kind = 'session'")
    db.close()
    result = climb(tmp_path, budget=Budget.parse("10m"))
    assert result["complete"] is False
    assert result["budget"]["seconds"] == 600
    assert result["seconds"] > 1000


def test_a_folder_takes_the_place_of_another_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a"
    for content in ("one", "two"):
        with folders.replacing(target) as fresh:
            (fresh / "file").write_text(content)
    with pytest.raises(RuntimeError), folders.replacing(target) as fresh:
        (fresh / "file").write_text("half")
        raise RuntimeError
    assert (target / "file").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
