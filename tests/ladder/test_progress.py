"""How far a climb is, on disk: what it says, and whether its process lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rung.ladder import Budget, Progress, Watch, alive, read_progress
from rung.ladder.progress import ProgressFile
from rung.ledger import Ledger
from rung.types import Result


def test_a_climb_leaves_its_state(tmp_path: Path, orders: SimpleNamespace):
    result = orders.climb(tmp_path, "majority,zero-shot", all=True)
    body = read_progress(tmp_path)
    assert body is not None
    assert body["ended"] == "finished"
    assert list(body["rows"].values()) == result["rungs"]
    assert body["best"]["zero-shot"]["value"] == result["rungs"][1]["dev"]["value"]
    assert len(body["tried"]["zero-shot"]) == result["rungs"][1]["candidates"]
    assert body["sizes"] == {"train": 40, "dev": 130, "test": 60}
    assert body["process"]["pid"] == os.getpid()
    assert not (tmp_path / "progress.json.new").exists()


def test_an_interrupted_climb_says_so(tmp_path: Path, orders: SimpleNamespace):
    class Impatient(Watch):
        def scored(self, rung: str, *rest: object) -> None:
            if rung == "zero-shot":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        orders.climb(tmp_path, "majority,zero-shot", all=True, watch=Impatient())
    body = read_progress(tmp_path)
    assert body is not None
    assert (body["ended"], body["at"], list(body["rows"])) == ("interrupted", "zero-shot", ["majority"])


def test_the_state_comes_back_as_it_was(orders: SimpleNamespace, monkeypatch: pytest.MonkeyPatch):
    from rung.ladder import progress as room

    clock = {"monotonic": 100.0, "time": 5000.0}
    monkeypatch.setattr(room.time, "monotonic", lambda: clock["monotonic"])
    monkeypatch.setattr(room.time, "time", lambda: clock["time"])
    state = Progress(budget_seconds=60)
    state.started(task=orders.task(), rungs=["zero-shot", "lora"], target=0.8, run=Path("x"))
    state.entered("zero-shot")
    state.scored("zero-shot", "zero-shot/bare", 64, 130, None)
    clock["monotonic"] += 10
    state.scored("zero-shot", "zero-shot/bare", 130, 130, Result("accuracy", 0.6, 0.5, 0.7, 130))
    state.note("a", "甲")
    body = json.loads(json.dumps(state.as_json()))
    clock["monotonic"], clock["time"] = 7.0, 5003.0  # read elsewhere, three seconds later
    back = Progress.from_json(body)
    assert (back.rungs, back.best, back.tried, back.notes, back.target) == (
        state.rungs, state.best, state.tried, state.notes, 0.8,
    )  # fmt: skip
    assert back.now is not None
    assert (back.now.done, back.now.first) == (130, 64)
    assert 7.0 - back.now.began == 13.0
    assert 7.0 - back.began == 13.0


def test_alive_is_this_process_and_not_one_with_its_number(tmp_path: Path):
    file = ProgressFile(tmp_path)
    assert alive(file.process)
    assert not alive({**file.process, "born": file.process["born"] - 100})  # the number was given again
    assert not alive({**file.process, "host": "elsewhere"})
    assert not alive({})
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert not alive({**file.process, "pid": child.pid})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 0}'])
def test_what_cannot_be_read_is_no_state(tmp_path: Path, text: str):
    assert read_progress(tmp_path) is None
    (tmp_path / "progress.json").write_text(text)
    assert read_progress(tmp_path) is None


def test_a_table_is_told_what_earlier_sessions_have_left_of_the_budget(tmp_path: Path, orders: SimpleNamespace):
    task, table = orders.task(dev=8, test=0), Progress(budget_seconds=1000)  # as the command line has it
    ledger = Ledger(tmp_path / "ledger.sqlite", weights=orders.able().sha256, dtype=orders.able().dtype)
    ledger.event("session", {"seconds": 900.0})
    ledger.close()
    orders.climb(tmp_path, "majority", task=task, budget=Budget(seconds=1000), watch=table)
    assert table.budget_seconds is not None and table.budget_seconds <= 100
