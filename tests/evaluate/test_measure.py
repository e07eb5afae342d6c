"""Measuring: only what is unknown is asked, block by block, and judged with what is known."""

from __future__ import annotations

import mmap
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from rung.evaluate import Marked, latency, measure
from rung.ledger import Ledger
from rung.memory import PeakMemory
from rung.types import BudgetSpent, Example, Prediction


@pytest.fixture
def ledger(tmp_path: Path):
    made = Ledger(tmp_path / "ledger.sqlite", weights="w", dtype="float32")
    yield made
    made.close()


def right(examples: Sequence[Example]) -> list[Prediction]:
    return [Prediction(e.id, e.target, calls=1) for e in examples]


def test_only_unknown_examples_are_asked(ledger: Ledger, orders: SimpleNamespace) -> None:
    task, asked = orders.task(dev=100), []

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        asked.append(len(examples))
        return right(examples)

    measure(lambda: answer, "h", task, task.dev[:70], ledger)
    marked = measure(lambda: answer, "h", task, task.dev, ledger)
    assert asked == [64, 6, 30]
    assert [p.example_id for p in marked.predictions] == [e.id for e in task.dev]
    measure(lambda: pytest.fail("nothing is unknown, so no program is opened"), "h", task, task.dev, ledger)


def test_what_was_finished_when_the_budget_ended_is_kept(ledger: Ledger, orders: SimpleNamespace) -> None:
    task, checks = orders.task(dev=100), iter(range(9))

    def check() -> None:
        if next(checks) == 2:
            raise BudgetSpent("spent")

    with pytest.raises(BudgetSpent):
        measure(lambda: right, "h", task, task.dev, ledger, block=10, check=check)
    assert set(ledger.known("h", [e.id for e in task.dev])) == {e.id for e in task.dev[:20]}


def test_an_error_is_no_score(ledger: Ledger, orders: SimpleNamespace) -> None:
    task = orders.task(dev=20)

    def broken(examples: Sequence[Example]) -> list[Prediction]:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        measure(lambda: broken, "h", task, task.dev, ledger)
    assert not ledger.known("h", [e.id for e in task.dev])


def test_nothing_measured_has_no_value(orders: SimpleNamespace) -> None:
    result = Marked(orders.task(), (), ()).result()
    assert (result.value, result.low, result.high, result.n) == (None, None, None, 0)
    assert result.reason
    assert Marked(orders.task(), (), ()).lower(0.05) is None


def test_accuracy_with_wilsons_interval_and_the_exact_bound(orders: SimpleNamespace) -> None:
    task = orders.task(dev=10)
    wrong = {label: other for label, other in zip(orders.labels, reversed(orders.labels), strict=True)}
    outputs = [e.target for e in task.dev[:8]] + [wrong[e.target] for e in task.dev[8:]]
    marked = Marked(task, task.dev, tuple(Prediction(e.id, o) for e, o in zip(task.dev, outputs, strict=True)))
    result = marked.result()
    assert (result.value, result.n) == (0.8, 10)
    assert (result.low, result.high) == pytest.approx((0.49016, 0.94332), abs=1e-5)  # by hand: test_statistics
    assert marked.lower(0.05) == pytest.approx(0.49310, abs=1e-5)  # Clopper and Pearson's table, n = 10, 8 hits


def test_latency_is_the_median_of_lone_requests(orders: SimpleNamespace) -> None:
    sizes = []

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        sizes.append(len(examples))
        time.sleep(0.05 if len(sizes) == 1 else 0.001)
        return right(examples)

    seconds = latency(answer, orders.task(dev=9).dev)
    assert sizes == [1] * 5
    assert seconds is not None
    assert 0.001 <= seconds < 0.05
    assert latency(answer, []) is None


def test_peak_memory_sees_what_was_held_for_a_moment() -> None:
    with PeakMemory(every=0.005) as memory:
        # Not from the heap, which may have room that was counted before.
        held = mmap.mmap(-1, 80_000_000)
        held.write(bytes(80_000_000))
        before = memory.bytes
        time.sleep(0.05)
        held.close()
    assert memory.bytes >= before
    with PeakMemory(every=0.005) as small:
        pass
    assert memory.bytes - small.bytes > 40_000_000
