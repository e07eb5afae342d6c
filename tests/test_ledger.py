"""The ledger: nothing twice, nothing lost, and readable while it is written."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from rung.ledger import Ledger
from rung.types import DataError, Example, Prediction, UserError

EXAMPLES = [Example(f"id{i}", f"text {i}", "good", f"a.csv:{i}") for i in range(6)]
FULL = Prediction("id0", "good", "good.", True, (-0.1, -2.5), 40, 3, 2, 1.5e9, 0.02, ("shown one", "示例二"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path):
    made = Ledger(path, weights="w", dtype="torch.float32")
    yield made
    made.close()


def plain(*ids: str) -> list[tuple[Prediction, float | None]]:
    return [(Prediction(i, "good"), 1.0) for i in ids]


def test_a_prediction_comes_back_as_it_was(ledger: Ledger) -> None:
    unread = Prediction("id1", "", "mumble", valid=False)
    ledger.keep_predictions("h", [(FULL, 0.75), (unread, None)])
    assert ledger.known("h", ["id0", "id1", "id2"]) == {"id0": (FULL, 0.75), "id1": (unread, None)}


def test_one_key_is_scored_once(ledger: Ledger) -> None:
    ledger.keep_predictions("h", plain("id0"))
    with pytest.raises(sqlite3.IntegrityError):
        ledger.keep_predictions("h", plain("id1", "id0"))
    assert set(ledger.known("h", ["id0", "id1"])) == {"id0"}  # all of a block or none of it
    ledger.keep_predictions("h", plain("id0"), sample=1)
    ledger.keep_predictions("another adaptation", plain("id0"))


def test_the_key_holds_the_weights_and_the_precision(ledger: Ledger, path: Path) -> None:
    ledger.keep_predictions("h", plain("id0"))
    for changed in ({"weights": "w2", "dtype": "torch.float32"}, {"weights": "w", "dtype": "torch.bfloat16"}):
        other = Ledger(path, **changed)
        assert other.known("h", ["id0"]) == {}
        other.keep_predictions("h", plain("id0"))
        other.close()


def test_predictions_of_a_split_are_in_its_order(ledger: Ledger) -> None:
    ledger.keep_examples("dev", EXAMPLES)
    ledger.keep_predictions("h", plain("id4", "id0"))
    ledger.keep_predictions("h", plain("id2", "elsewhere"))
    assert [p.example_id for p, _ in ledger.predictions("h", "dev")] == ["id0", "id2", "id4"]
    assert ledger.predictions("h", "test") == []
    ledger.keep_examples("dev", EXAMPLES)  # going on with a climb keeps them again
    assert ledger.examples("dev") == EXAMPLES


def test_tokens_are_counted_over_all_predictions(ledger: Ledger) -> None:
    assert ledger.tokens() == 0
    ledger.keep_predictions("h", [(FULL, 1.0), (replace(FULL, example_id="id1", tokens_in=1, tokens_out=1), 0.0)])
    assert ledger.tokens() == 43 + 2


def test_another_climb_is_refused_and_named(ledger: Ledger) -> None:
    ledger.claim({"seed": "0", "metric": "accuracy"})
    ledger.claim({"seed": "0", "metric": "accuracy"})
    with pytest.raises(DataError, match=r"What differs: the seed \(0 there, 1 here\)\. Type --run") as error:
        ledger.claim({"metric": "accuracy", "seed": "1"})
    assert "另一次攀登，不同之处：种子（那次为 0，这次为 1）" in error.value.zh
    ledger.claim({"task": "09702c445b8f2528"})
    with pytest.raises(DataError, match=r"What differs: the examples or their splits\. Type --run"):
        ledger.claim({"task": "f2cc90eb81a20f50"})


def test_events_are_kept_in_their_order(ledger: Ledger) -> None:
    ledger.event("test opened", {"adaptation": "h1"})
    ledger.event("other", {})
    ledger.event("test opened", {"adaptation": "h2"})
    assert [e["adaptation"] for e in ledger.events("test opened")] == ["h1", "h2"]
    assert all(e["at"] > 1.6e9 for e in ledger.events("test opened"))


def test_a_session_keeps_its_seconds_while_it_works(ledger: Ledger, path: Path) -> None:
    first, second = ledger.begin_session(), ledger.begin_session()
    ledger.tick(first, 1.5)
    ledger.tick(first, 2.5)
    ledger.tick(second, 0.25)
    reader = Ledger(path)  # what another process sees after this one was killed
    assert [e["seconds"] for e in reader.events("session")] == [2.5, 0.25]
    reader.close()


def test_builds_and_adaptations(ledger: Ledger) -> None:
    ledger.keep_build("lora", "lora/r8", "h", {"build_seconds": 3.0}, {"looks": 4, "family": "lora"})
    assert ledger.build("lora", "lora/r8") == ("h", {"build_seconds": 3.0}, {"looks": 4, "family": "lora"})
    assert ledger.build("lora", "lora/r4") is None
    assert ledger.builds("lora") == [("lora/r8", {"build_seconds": 3.0}, {"looks": 4, "family": "lora"})]
    with pytest.raises(sqlite3.IntegrityError):
        ledger.keep_build("lora", "lora/r8", "h2", {}, {})
    for name in ("a", "b"):  # the same adaptation under two names is one adaptation, under its first
        ledger.keep_adaptation("h", "lora", name, {"name": name})
    assert ledger.adaptations() == {"h": {"name": "a", "hash": "h"}}


def test_one_reads_while_another_writes(ledger: Ledger, path: Path) -> None:
    ledger.claim({"weights": "w", "dtype": "torch.float32"})
    ledger.keep_predictions("h", plain("id0"))
    with ledger.db:
        ledger.db.execute("INSERT INTO meta VALUES ('half', 'written')")  # a transaction that is not over
        reader = Ledger(path)
        assert (reader.weights, reader.dtype) == ("w", "torch.float32")  # a reader takes the model from the run
        assert set(reader.known("h", ["id0"])) == {"id0"}
        assert reader.get("half") is None
        reader.close()
    assert ledger.get("half") == "written"


def test_a_file_that_is_no_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"something else, and long enough to be looked at" * 9)
    with pytest.raises(DataError, match="is no ledger, or was damaged") as caught:
        Ledger(tmp_path / "ledger.sqlite")
    assert "不是账本，或已损坏" in caught.value.zh
    with pytest.raises(UserError, match="a file stands there"):
        Ledger(tmp_path / "ledger.sqlite" / "ledger.sqlite")


def test_a_folder_that_is_read_only_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "rung.folders.os.access", lambda path, mode: False
    )  # root may write wherever the disk is not read-only
    with pytest.raises(UserError, match="nothing may be written to"):
        Ledger(tmp_path / "ledger.sqlite")
