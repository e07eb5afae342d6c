"""The whole way: rows, balance, the same again, and on after a kill."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from rung.engine import FakeModel
from rung.synthesize import Filtering
from rung.task import load_task
from rung.types import DataError, UserError


def rows_of(raw: bytes) -> list[dict]:
    return [json.loads(line) for line in raw.decode().splitlines()]


def test_rows_are_right_balanced_and_say_where_they_come_from(ship: SimpleNamespace, tmp_path: Path) -> None:
    found = ship.run(tmp_path / "out", n=21)
    rows = rows_of(found.rows)
    assert Counter(row["output"] for row in rows) == {"left": 11, "right": 10}
    assert all(("starboard" in row["input"]) == (row["output"] == "right") for row in rows)
    assert len({row["input"] for row in rows}) == 21
    assert all(0.5 <= row["agreement"] <= 1 for row in rows)
    provenance = rows[0]["provenance"]
    assert set(provenance) == {"teacher", "writer", "prompt", "place", "candidate", "sample", "seed"}
    assert len({row["provenance"]["prompt"] for row in rows}) > 15  # each prompt is drawn anew
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report == found.figures
    assert report["accepted"] == 21
    assert report["candidates"] == 21 + sum(r["candidates"] for r in report["reasons"].values())
    task = load_task(tmp_path / "out" / "data.jsonl")  # what a student is trained on
    assert (task.kind, task.labels) == ("classify", ("left", "right"))


def test_a_label_that_the_teacher_never_reads_keeps_no_other_from_its_share(
    ship: SimpleNamespace, tmp_path: Path
) -> None:
    found = ship.run(tmp_path / "out", n=8, tries=40, rule=lambda p: ship.write(p).replace(" right", " left"))
    assert found.figures["labels"] == {"left": 4}
    assert found.figures["candidates"] == 40
    assert set(found.figures["reasons"]["other-label"]["rules"]) == {"right read as left"}
    assert set(found.figures["reasons"]["enough"]["rules"]) == {"left"}


def test_the_same_settings_give_the_same_bytes_and_another_seed_others(ship: SimpleNamespace, tmp_path: Path) -> None:
    one, two = ship.run(tmp_path / "one"), ship.run(tmp_path / "two")
    assert (one.rows, one.attempts, one.figures) == (two.rows, two.attempts, two.figures)
    assert ship.run(tmp_path / "other", seed=1).rows != one.rows


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def whole(ship: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    return ship.run(tmp_path_factory.mktemp("whole") / "out", n=40)


def test_a_run_killed_after_any_round_goes_on_to_the_same_rows(
    ship: SimpleNamespace, whole: SimpleNamespace, tmp_path: Path
) -> None:
    rounds = sum("round" in row for row in rows_of(whole.attempts))
    assert rounds >= 3
    for last in range(1, rounds):
        folder = tmp_path / str(last)
        seen = []

        def say(taken: int, accepted: int, wanted: int, last: int = last, seen: list[int] = seen) -> None:
            seen.append(taken)
            if len(seen) == last:
                raise Killed

        with pytest.raises(Killed):
            ship.run(folder, n=40, say=say)
        assert not (folder / "data.jsonl").exists()
        again = ship.run(folder, n=40)
        assert (again.rows, again.attempts) == (whole.rows, whole.attempts)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.52, 0.77, 0.999])
def test_half_a_round_on_the_disk_is_made_again(
    ship: SimpleNamespace, whole: SimpleNamespace, tmp_path: Path, share: float
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "attempts.jsonl").write_bytes(whole.attempts[: int(share * len(whole.attempts))])
    again = ship.run(tmp_path / "out", n=40)
    assert (again.rows, again.attempts) == (whole.rows, whole.attempts)


def test_a_finished_run_asks_nobody(ship: SimpleNamespace, whole: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "attempts.jsonl").write_bytes(whole.attempts)
    model = FakeModel(ship.write)
    model.generate = model.score_cuts = lambda *_, **__: pytest.fail("asked")  # type: ignore[attr-defined,method-assign]
    assert ship.run(tmp_path / "out", n=40, model=model).rows == whole.rows


def test_a_folder_of_other_settings_or_of_another_command_is_refused(ship: SimpleNamespace, tmp_path: Path) -> None:
    ship.run(tmp_path / "out", n=2)
    with pytest.raises(UserError, match="begun with other settings .*: n was 2, now 3") as wrong:
        ship.run(tmp_path / "out", n=3)
    assert "另一组设置" in wrong.value.zh
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="was not made by `rung data synthesize`"):
        ship.run(tmp_path / "own")
    for mine in ("notes of mine\n", "half a line", '{"number": 1}\n'):
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other" / "attempts.jsonl").write_text(mine)
        with pytest.raises(DataError, match="was not made by `rung data synthesize`"):
            ship.run(tmp_path / "other")
        assert (tmp_path / "other" / "attempts.jsonl").read_text() == mine
    with FileLock(str(tmp_path / "out" / ".lock")), pytest.raises(UserError, match="another process"):
        ship.run(tmp_path / "out", n=2)


def test_an_unknown_reason_to_keep_is_told_with_the_nearest(ship: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'duplicate'"):
        ship.run(tmp_path / "out", how=Filtering(keep=("duplicat",)))
    with pytest.raises(UserError, match="no reason 'invalid'"):  # what cannot be read is no example
        ship.run(tmp_path / "out", how=Filtering(keep=("invalid",)))


def test_held_out_items_do_not_come_through(ship: SimpleNamespace, whole: SimpleNamespace, tmp_path: Path) -> None:
    known = [row["input"] for row in rows_of(whole.rows)][:5]
    held = tmp_path / "test.jsonl"
    held.write_text("".join(json.dumps({"text": text}) + "\n" for text in known))
    found = ship.run(tmp_path / "out", n=40, how=Filtering((held,)))
    assert not {row["input"] for row in rows_of(found.rows)} & set(known)
    assert found.figures["reasons"]["leak"]["candidates"] >= 5
