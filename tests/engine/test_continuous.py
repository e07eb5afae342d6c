"""Sequences that join and leave while others are written: the same texts and scores as one call gives; slots and budget."""

from __future__ import annotations

import math

import pytest
import torch

from rung.adapters.mixed import Mixed
from rung.engine import Constraint, fake_model
from rung.engine.continuous import Batch
from rung.engine.echo import families, read_tokens
from rung.engine.jobs import Scoring, Writing
from rung.types import Decoding, ModelError

DRAW = Decoding(max_tokens=9, temperature=1.1, top_p=0.9, seed=3)
SCHEMA = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"], "additionalProperties": False}


def new_batch(prefix: str = "", **options) -> Batch:
    model = fake_model()
    lanes = Mixed(model.hf)
    lanes.add("", None)
    made = Batch(model, lanes, **options)
    made.open("", model.encode(prefix) if prefix else ())
    return made


def asked() -> list[Writing]:
    """Of many kinds and lengths, some with the beginning that the lane knows."""
    return [
        Writing("", "red", Decoding(max_tokens=12)),
        Writing("", "x" * 150 + "red", DRAW, samples=3),
        Writing("", "blue", Decoding(max_tokens=40)),
        Writing("", "x" * 100, DRAW),
        Writing("", "red", Decoding(max_tokens=20, stop=("e", "é")), samples=2),
        Writing("", "json:", Decoding(max_tokens=40), Constraint.json(SCHEMA)),
        Writing("", "x" * 100 + "label:", Decoding(max_tokens=9), Constraint.labels(["left", "leftover", "right"])),
        Writing("", "x" * 130, Decoding(max_tokens=1)),
    ]


def same(batch: Batch, jobs: list[Writing], monkeypatch=None) -> None:
    for job in jobs:
        assert job.error is None
        expected = batch.model.generate([job.prompt], job.decoding, constraint=job.constraint, samples=job.samples)[0]
        for one, other in zip(job.found, expected, strict=True):
            assert (one.text, one.tokens, one.finished, one.prompt_tokens, one.flops) == (
                other.text, other.tokens, other.finished, other.prompt_tokens, other.flops,
            )  # fmt: skip
            assert one.logprob == pytest.approx(other.logprob, abs=1e-3)


@pytest.mark.parametrize(("between", "prefix"), [(0, "x" * 100), (1, ""), (3, "x" * 20)])
def test_who_joins_when_changes_no_text(between: int, prefix: str) -> None:
    """The prefix is copied into slots when it is short, and shared by them when it is long."""
    batch, jobs = new_batch(prefix), asked()
    for job in jobs:
        batch.add(job)
        for _ in range(between):
            batch.step()
    batch.run()
    assert (batch.held, batch.running) == (0, 0)
    same(batch, jobs)


def test_room_grows_while_texts_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.engine.continuous.COLUMNS", 2)
    batch, jobs = new_batch(), asked()
    for job in jobs:
        batch.add(job)
        batch.step()
    batch.run()
    same(batch, jobs)
    assert not any(pool.slots.keys for pool in batch._pools.values())  # quiet: nothing is held


def test_labels_are_scored_beside_what_is_written() -> None:
    batch = new_batch("x" * 100)
    labels = ["left", "leftover", "right"]
    scorings = [Scoring("", text, labels, (0.1, 0.0, 0.0)) for text in ("a:", "x" * 100 + "b:", "x" * 99)]
    jobs = asked()[:3]
    for job in (*jobs, *scorings):
        batch.add(job)
    before = batch.model.meter.forwards
    batch.step()
    assert batch.model.meter.forwards - before <= 2 + 3  # one to read all, one to write; perhaps some again alone
    batch.run()
    same(batch, jobs)
    for job in scorings:
        (expected,) = batch.model.score([job.prompt], labels, offsets=job.offsets)
        assert job.found.logprobs == pytest.approx(expected.logprobs, abs=1e-4)
        assert (job.found.tokens, job.found.flops) == (expected.tokens, expected.flops)


def test_what_rounding_could_decide_is_decided_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tolerance so wide that every step and every label is close, each is made again from a forward of its own."""
    batch = new_batch()
    jobs = [Writing("", text, Decoding(max_tokens=4)) for text in ("red", "blue")]
    labels = Scoring("", "red", ["left", "right"])
    monkeypatch.setattr(type(batch.model), "tolerance", property(lambda self: 1e9))
    for job in (*jobs, labels):
        batch.add(job)
    before = batch.model.meter.forwards
    batch.run()
    assert batch.model.meter.forwards - before == 1 + 3 + 2 * 4 + 1
    assert labels.found == batch.model.score(["red"], ["left", "right"])[0]
    same(batch, jobs)


def test_a_job_that_is_cancelled_is_gone_and_the_others_go_on() -> None:
    batch, jobs = new_batch(), asked()
    for job in jobs:
        batch.add(job)
    batch.step()
    for number in (1, 2, 5):
        jobs[number].cancel()
    waiting = Writing("", "late", DRAW)
    batch.add(waiting)
    waiting.cancel()
    batch.run()
    assert (batch.held, batch.running) == (0, 0)
    assert [job.done for job in jobs] == [i not in (1, 2, 5) for i in range(len(jobs))]
    assert not waiting.done
    same(batch, [job for job in jobs if job.done])


def test_no_more_is_held_than_there_is_room_for() -> None:
    batch = new_batch(tokens=60)
    jobs = [Writing("", f"{n}", Decoding(max_tokens=20)) for n in range(6)]
    most = []
    for job in jobs:
        batch.add(job)
    while batch.step():
        most.append((batch.held, batch.running))
    assert max(held for held, _ in most) <= 60
    assert max(running for _, running in most) == 2
    same(batch, jobs)
    for many in (Writing("", "x" * 50, Decoding(max_tokens=20)), Writing("", "x", DRAW, samples=9)):
        with pytest.raises(ModelError, match="and there are 60"):
            batch.add(many)
    with pytest.raises(ModelError, match="holds 8192"):
        batch.add(Writing("", "x" * 9000, DRAW))


def test_a_forward_that_fails_fails_who_was_in_it_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, jobs = new_batch(), asked()[:4]
    for job in jobs[:3]:
        batch.add(job)
    batch.step()
    monkeypatch.setattr("rung.engine.continuous.run_lanes", lambda *_: (_ for _ in ()).throw(RuntimeError("no memory")))
    batch.step()
    monkeypatch.undo()
    assert [str(job.error) for job in jobs[:3]] == ["no memory"] * 3
    assert (batch.held, batch.running) == (0, 0)
    batch.add(jobs[3])
    batch.run()
    same(batch, jobs[3:])


def test_log_probabilities_of_tokens() -> None:
    batch = new_batch()
    greedy, drawn = Writing("", "red", Decoding(max_tokens=5), tops=3), Writing("", "red", DRAW, samples=2, tops=0)
    batch.add(greedy)
    batch.add(drawn)
    batch.run()
    assert [t.id for t in greedy.tokens[0]] == list(greedy.found[0].tokens)
    assert all(t.tops[0] == (t.id, t.logprob) and len(t.tops) == 3 for t in greedy.tokens[0])
    for sample in (0, 1):
        total = math.fsum(t.logprob for t in drawn.tokens[sample])
        assert total == pytest.approx(drawn.found[sample].logprob, abs=1e-4)


def test_a_text_read_token_by_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against transformers' own forward; in pieces, where memory holds few logits."""
    model = fake_model()
    ids = model.encode("red and 好")
    with torch.no_grad():
        logs = model.hf(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    for budget in (1 << 27, 3 * model.shape.vocabulary):
        monkeypatch.setattr("rung.engine.echo.LOGITS_BUDGET", budget)
        ((*found,),) = read_tokens(model, [ids], 2)
        assert [t.id for t in found] == ids[1:]
        assert [t.logprob for t in found] == pytest.approx([float(logs[i, t]) for i, t in enumerate(ids[1:])], abs=1e-4)
        assert [t.tops[0][0] for t in found] == logs[:-1].argmax(-1).tolist()
    assert read_tokens(model, [ids[:1]], 2) == [[]]


@pytest.mark.parametrize("budget", [1 << 27, 1 << 13])
def test_texts_that_begin_alike_are_read_in_one_forward(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same numbers as each text alone, the shared tokens read once; also where memory holds the logits of few nodes."""
    model = fake_model()
    beginning = "a question of some length, and then another one: "
    texts = [model.encode(beginning + label) for label in ("red", "reddish", "好", "blue", "red")]
    alone = [read_tokens(model, [ids], 2)[0] for ids in texts]
    monkeypatch.setattr("rung.engine.echo.LOGITS_BUDGET", budget)
    before = model.meter.tokens
    together = read_tokens(model, texts, 2)
    passes = -(-len(set(tree_nodes(texts))) // max(1, budget // model.shape.vocabulary))
    assert model.meter.tokens - before == passes * len(set(tree_nodes(texts)))
    for found, expected, ids in zip(together, alone, texts, strict=True):
        assert [t.id for t in found] == ids[1:]
        assert [t.logprob for t in found] == pytest.approx([t.logprob for t in expected], abs=1e-4)
        assert [[i for i, _ in t.tops] for t in found] == [[i for i, _ in t.tops] for t in expected]


def tree_nodes(texts: list[list[int]]) -> list[tuple[int, ...]]:
    """Every beginning of every text that something is read behind."""
    return [tuple(ids[:n]) for ids in texts for n in range(1, len(ids))]


def test_texts_are_read_together_where_they_share_more_than_they_do_not() -> None:
    one, other = list(range(20)), list(range(100, 120))
    texts = [[*one, 1], [*other, 3, 4], [*one, 2], [*one, *range(40, 70)], [5], [*other, 3]]
    assert families(texts) == [[0, 2], [3], [4], [5, 1]]
    assert families([]) == []
