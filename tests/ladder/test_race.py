"""The race: who is clearly behind stops, near-equals stay, and the whole of dev is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rung.evaluate import Marked
from rung.ladder.race import behind, race, stages
from rung.types import Adaptation, Example, Prediction


@pytest.fixture
def run(orders: SimpleNamespace):
    """run(rates, n, drop) -> (runners, examples asked of each candidate); a seeded draw says where each errs."""
    task = orders.task(dev=400)
    other = {"left": "right", "right": "left"}

    def run(rates: Sequence[float], n: int = 400, drop: bool = True):
        draws = {f"h{i}": np.random.default_rng(i).random(400) < rate for i, rate in enumerate(rates)}
        asked: dict[str, list[int]] = {hash: [] for hash in draws}

        def ask(adaptation: Adaptation, hash: str, examples: Sequence[Example]) -> Marked:
            asked[hash].append(len(examples))
            made = [Prediction(e.id, e.target if draws[hash][i] else other[e.target]) for i, e in enumerate(examples)]
            return Marked(task, tuple(examples), tuple(made))

        candidates = [(Adaptation(f"r/{h}", "r", "classify", "en"), h) for h in draws]
        return race(candidates, task.dev[:n], ask, drop=drop), asked

    return run


def test_stages() -> None:
    assert stages(400) == [64, 128, 256, 400]
    assert stages(64) == [64]
    assert stages(30) == [30]
    assert stages(65) == [64, 65]


def test_a_clear_loser_stops_early(run) -> None:
    runners, asked = run([0.9, 0.3])
    assert [r.finished for r in runners] == [True, False]
    assert asked == {"h0": [64, 128, 256, 400], "h1": [64]}
    assert len(runners[1].marked.predictions) == 64  # what was measured stays


def test_near_equals_all_finish(run) -> None:
    runners, asked = run([0.8, 0.79, 0.81])
    assert all(r.finished for r in runners)
    assert all(stops == [64, 128, 256, 400] for stops in asked.values())


def test_equal_candidates_all_finish(run) -> None:
    runners, _ = run([1.0, 1.0])
    assert [r.finished for r in runners] == [True, True]


def test_without_dropping_everyone_runs_over_all_of_dev(run) -> None:
    runners, asked = run([0.9, 0.1], drop=False)
    assert all(r.finished for r in runners)
    assert asked == {"h0": [400], "h1": [400]}


def test_a_lone_candidate_needs_no_stages(run) -> None:
    assert run([0.5])[1] == {"h0": [400]}


def test_nobody_is_dropped_before_sixty_four_examples(run) -> None:
    runners, _ = run([1.0, 0.0], n=63)
    assert all(r.finished for r in runners)


def test_by_macro_f1_who_finds_the_rare_label_is_not_stopped_for_its_accuracy(orders: SimpleNamespace) -> None:
    """One of ten is "left": who always says "right" has .90, and who finds "left" at the price of false alarms .80."""
    base = orders.task(dev=200, metric="macro-f1")
    dev = tuple(replace(e, target="right" if i % 10 else "left") for i, e in enumerate(base.dev))
    task = replace(base, dev=dev)
    says = {
        "always": lambda i: "right",
        "finds": lambda i: "left" if i % 10 in (0, 3, 6) else "right",
        "neither": lambda i: "left" if i % 10 else "right",
    }

    def ask(adaptation: Adaptation, hash: str, examples: Sequence[Example]) -> Marked:
        return Marked(task, tuple(examples), tuple(Prediction(e.id, says[hash](i)) for i, e in enumerate(examples)))

    def raced(*names: str) -> dict[str, bool]:
        made = [(Adaptation(f"r/{name}", "r", "classify", "en"), name) for name in names]
        return {r.hash: r.finished for r in race(made, task.dev, ask)}

    assert raced("always", "finds") == {"always": False, "finds": True}
    assert raced("finds", "neither") == {"finds": True, "neither": False}
    assert raced("always", "always") == {"always": True}
    task = replace(task, metric="accuracy")
    assert raced("always", "finds") == {"always": True, "finds": False}


def test_behind_is_two_standard_errors() -> None:
    # Differences: k times -1, the rest 0; mean -k/n against 2 sd/sqrt(n), n = 100: from k = 4 on (0.04 > 0.0394).
    leader = np.ones(100)
    for k, expected in ((3, False), (4, True)):
        own = leader.copy()
        own[:k] = 0
        assert behind(own, leader) is expected
    assert behind(np.zeros(100), leader)  # no spread at all, and behind
    assert not behind(leader, leader)
