"""A candidate whose training diverges: the others climb on, it is said why, and what it took counts; a full disk ends the sitting."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rung.finetune import finetune
from rung.ladder import Climb
from rung.report import three_sentences, write_report
from rung.rungs import Built, Context, Rung, Wave
from rung.rungs.trained import RECIPES
from rung.train import TrainingDiverged
from rung.types import Cost, DiskFull, Example, Sealed, UserError, digest

FEW = {"train": 16, "dev": 24, "test": 8}


@pytest.fixture
def climb(orders: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A climb of lora in which the trainings that ``fails`` says of (learning rate, paused) diverge at their last step."""

    def climb(fails: Any, rungs: str = "tfidf,lora", folder: Path = tmp_path) -> dict[str, Any]:
        trained: list[tuple[float, bool]] = []

        def diverging(model: Any, documents: Any, config: Any, settings: Any, **options: Any) -> Any:
            rate, paused = settings.learning_rate, options["until"] is not None
            trained.append((rate, paused))
            found = finetune(model, documents, config, settings, **options)
            if fails(rate, paused):
                found.handle.detach()
                error = TrainingDiverged("the loss became nan", zh="损失变成了 nan")
                error.report, error.cost = found.report, found.cost
                raise error
            return found

        monkeypatch.setattr("rung.rungs.trained.finetune", diverging)
        result = orders.climb(folder, rungs, task=orders.task(**FEW))
        return {**result, "trained": trained, "row": result["rungs"][1]}

    return climb


SLOW, FAST = RECIPES["lora"].rates


def test_the_next_candidate_goes_on_and_it_is_said_why(climb: Any, tmp_path: Path) -> None:
    plain = climb(lambda rate, paused: False, folder=tmp_path / "plain")
    leader = next(rate for rate, paused in plain["trained"] if not paused)
    other = FAST if leader == SLOW else SLOW
    found = climb(lambda rate, paused: rate == leader, folder=tmp_path / "failing")
    assert found["row"]["status"] == "measured" and f"lr{other:g}" in found["row"]["best"]
    assert [(row["name"].split("lr")[1], row["en"]) for row in found["left_out"]] == [
        (f"{leader:g}-quarter", "the loss became nan")
    ]
    assert (other, False) in found["trained"]
    # What the failed quarter took is part of the rung's price.
    own = [c["cost"]["build_flops"] for c in found["candidates"] if c["rung"] == "lora"]
    assert found["row"]["cost"]["build_flops"] > sum(own)


def test_a_leader_that_diverges_later_leaves_its_place_to_the_next(climb: Any) -> None:
    found = climb(lambda rate, paused: not paused and len(seen) < 2 and not seen.append(rate))
    assert len(seen) == 2 and len(found["left_out"]) == 2
    assert found["row"]["status"] == "measured"
    seen.clear()


seen: list[float] = []


def test_where_all_diverge_the_rung_fails_and_the_others_stand(climb: Any, tmp_path: Path) -> None:
    found = climb(lambda rate, paused: True)
    assert (found["row"]["status"], found["row"]["reason"]["zh"]) == ("failed", "损失变成了 nan")
    assert found["chosen"]["rung"] == "tfidf" and found["complete"]
    (tmp_path / "result.json").unlink()  # killed before its end: nothing is trained again
    again = climb(lambda rate, paused: pytest.fail("trained again"))
    assert again["left_out"] == found["left_out"] and again["row"] == found["row"]


def test_a_full_disk_ends_the_sitting_and_the_same_command_goes_on(
    climb: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("rung.train.save_file", full)
        with pytest.raises(DiskFull, match="checkpoint could not be written"):
            climb(lambda rate, paused: False)
    assert not (tmp_path / "result.json").exists()
    found = climb(lambda rate, paused: False)
    assert found["complete"] and found["row"]["status"] == "measured" and found["left_out"] == []
    assert json.loads((tmp_path / "result.json").read_text())["complete"]


def test_a_training_split_of_one_label_fails_tfidf_and_not_the_climb(orders: SimpleNamespace, tmp_path: Path) -> None:
    train = tuple(e for e in orders.examples(1000, 80) if e.target == "left")
    found = orders.climb(tmp_path, "majority,tfidf,zero-shot", task=replace(orders.task(**FEW), train=train))
    rows = {row["name"]: row for row in found["rungs"]}
    assert rows["tfidf"]["status"] == "failed" and "'left'" in rows["tfidf"]["reason"]["en"]
    assert "'left'" in rows["tfidf"]["reason"]["zh"] and rows["tfidf"]["reason"]["zh"] != rows["tfidf"]["reason"]["en"]
    assert rows["zero-shot"]["status"] == "measured"


@pytest.mark.parametrize("kind", ["classify", "generate"])
def test_inputs_without_a_word_are_read_by_their_signs(orders: SimpleNamespace, tmp_path: Path, kind: str) -> None:
    """Emoji alone: the n-grams of words have nothing to count, those of characters have."""
    faces = {"left": "\U0001f600", "right": "\U0001f622"}

    def drawn(first: int, n: int) -> tuple[Example, ...]:
        made = [(faces[label := orders.labels[i % 2]] * (1 + i // 2), label) for i in range(first, first + n)]
        return tuple(Example(digest(text), text, label) for text, label in made)

    labels = orders.labels if kind == "classify" else ()
    task = orders.task(dev=0, train=0, test=0, kind=kind, labels=labels, metric="accuracy" if labels else "exact-match")
    task = replace(task, train=drawn(0, 30), dev=drawn(30, 20))
    found = orders.climb(tmp_path, "tfidf", task=task)["rungs"][0]
    assert found["status"] == "measured" and found["dev"]["value"] == 1.0


def test_nearly_as_many_labels_as_examples_are_no_regression(orders: SimpleNamespace, tmp_path: Path) -> None:
    """scikit-learn warns of it, and a warning is an error here."""
    labels = tuple(f"label {i:02}" for i in range(24))
    train = tuple(replace(e, target=labels[i % 24]) for i, e in enumerate(orders.examples(1000, 30)))
    task = orders.task(train=16, dev=24, test=0, labels=labels)
    dev = tuple(replace(e, target=label) for e, label in zip(task.dev, labels, strict=True))
    found = orders.climb(tmp_path, "tfidf,linear-probe", task=replace(task, train=train, dev=dev))
    assert [row["status"] for row in found["rungs"]] == ["measured"] * 2


def test_a_training_input_that_does_not_fit_ends_no_prompt(orders: SimpleNamespace, tmp_path: Path) -> None:
    """It is one of those that calibration looks at, and no candidate has to answer it."""
    task, long = orders.task(**FEW), "order 7 please " * 600
    train = (Example(digest(long), long, "left", "orders.csv:2"), *task.train[1:])
    found = orders.climb(tmp_path, "zero-shot,few-shot,few-shot-bm25", task=replace(task, train=train))
    assert [(row["name"], row["status"], row["reason"]) for row in found["rungs"]] == [
        (name, "measured", None) for name in ("zero-shot", "few-shot", "few-shot-bm25")
    ]
    assert [c["name"].rsplit("+", 1)[1] for c in found["candidates"] if "+" in c["name"]].count("batch") == 3


def test_the_peak_of_a_training_is_remembered(orders: SimpleNamespace, tmp_path: Path) -> None:
    """What was trained in an earlier session took its memory there."""

    def propose(context: Context) -> Iterator[Wave]:
        made = context.adaptation("made", prompt=context.templates[0])
        context.keep_built(made, Built(Cost(peak_bytes=2**60)))
        yield Wave([made])

    rung = Rung("large", 5, propose, "large", "大")
    found = Climb(orders.task(**FEW), orders.able(), tmp_path, (rung,), general=orders.general).run()
    assert found["rungs"][0]["cost"]["peak_bytes"] == 2**60


def test_a_file_in_the_place_of_the_run_folder_is_told(orders: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="a file stands there"):
        orders.climb(tmp_path / "run", "majority", task=orders.task(**FEW))
    assert (tmp_path / "run").read_text(encoding="utf-8") == "mine"


def test_a_test_input_that_does_not_fit_is_told_and_the_climb_comes_to_its_end(
    orders: SimpleNamespace, tmp_path: Path
) -> None:
    """Nobody may look at test before the seal is open, and then it is too late to choose another."""
    task, long = orders.task(**FEW), "order 7 please " * 600
    sealed = (*orders.examples(3000, 5), Example(digest(long), long, "left", "orders.csv:9"))
    found = [orders.climb(tmp_path, "zero-shot", task=replace(task, test=Sealed(sealed))) for _ in range(2)]
    assert found[0] == found[1] and found[0]["complete"]
    assert found[0]["test"]["value"] is None and found[0]["test"]["n"] == 6
    assert "tokens" in found[0]["test"]["failed"]["en"]
    for language, told in (("en", "could not be answered"), ("zh", "无法作答")):
        assert told in three_sentences(found[0], language)[1]  # type: ignore[arg-type]
        assert write_report(tmp_path, language).exists()  # type: ignore[arg-type]
