"""How far a judge can be trusted: hand values, and a threshold that never saw what it is reported on."""

from __future__ import annotations

import random

import pytest
from sklearn.metrics import cohen_kappa_score

from rung.evaluate import Judged, Order, wilson
from rung.evaluate.agreement import (
    Calibrated,
    agreement,
    better,
    by_position,
    calibrate,
    choices,
    consistency,
    first_share,
    fold_of,
    kappa,
    leanings,
    no_better_than_chance,
    win_rate,
)
from rung.task.notes import Note


def pair(name: str, margin: float, bias: float = 0.0) -> Judged:
    """Prefers ``a`` by ``margin`` nats, and the first place by ``bias``."""
    one, two = bias + margin, bias - margin  # log p("1") - log p("2"), with a first and with b first
    return Judged(name, Order("1" if one > 0 else "2", (one, 0.0)), Order("1" if two > 0 else "2", (two, 0.0)))


ALWAYS_FIRST = [pair(f"e{i}", 0.1, bias=5) for i in range(12)]
FAIR = [pair(f"e{i}", 1.0 if i % 3 else -1.0) for i in range(12)]


def test_a_judge_that_goes_by_position_is_found_out() -> None:
    assert by_position(ALWAYS_FIRST)
    assert (consistency(ALWAYS_FIRST).value, first_share(ALWAYS_FIRST).value) == (0.0, 1.0)
    assert set(choices(ALWAYS_FIRST).values()) == {"tie"}
    assert set(leanings(ALWAYS_FIRST).values()) == {"a"}  # what the scores say without the place
    assert not by_position(FAIR)
    assert (consistency(FAIR).value, first_share(FAIR).value) == (1.0, 0.5)


def test_three_pairs_prove_no_bias() -> None:
    assert consistency(ALWAYS_FIRST[:3]).value == 0
    assert not by_position(ALWAYS_FIRST[:3])  # Wilson's interval of 0 of 3 ends at 0.56


def test_a_coin_is_no_better_than_chance_and_not_called_bound_to_the_place() -> None:
    coin = random.Random(0)
    said = [Judged(f"e{i}", Order(coin.choice("12"), None), Order(coin.choice("12"), None)) for i in range(200)]
    people = {j.example: coin.choice(("a", "b")) for j in said}
    assert not by_position(said)
    assert no_better_than_chance(agreement(choices(said), people))  # type: ignore[arg-type]
    assert not no_better_than_chance(agreement(choices(FAIR), choices(FAIR)))


def test_win_rate_counts_ties_half() -> None:
    said = dict(zip("uvwxyz", ("a", "a", "a", "b", "tie", "tie"), strict=True))
    found = win_rate(said)  # type: ignore[arg-type]
    assert (found.value, found.n) == (4 / 6, 6)
    assert (found.low, found.high) == wilson(4, 6)


def test_agreement_is_over_what_the_other_told_apart_with_ties_half() -> None:
    said = {"u": "a", "v": "b", "w": "tie", "x": "a", "y": "a"}
    people = {"u": "a", "v": "a", "w": "b", "x": "tie", "z": "b"}  # x: no side; y and z: one of the two only
    found = agreement(said, people)  # type: ignore[arg-type]
    assert (found.value, found.n) == (1.5 / 3, 3)
    assert (found.low, found.high) == wilson(1.5, 3)


def test_whom_a_metric_prefers() -> None:
    found = better({"u": 1.0, "v": 0.0, "w": 0.5, "x": None, "y": 1.0}, {"u": 0.0, "v": 0.3, "w": 0.5, "x": 1.0})
    assert found == {"u": "a", "v": "b", "w": "tie"}


def test_kappa_by_hand() -> None:
    # The table (judge down, people across; a, b, tie): 5 1 0 / 1 6 1 / 2 0 4 of 20.
    # p_o = 15/20; p_e = (6*8 + 8*7 + 6*5) / 400 = 134/400; kappa = (0.75 - 0.335) / 0.665
    table = {
        ("a", "a"): 5,
        ("a", "b"): 1,
        ("b", "a"): 1,
        ("b", "b"): 6,
        ("b", "tie"): 1,
        ("tie", "a"): 2,
        ("tie", "tie"): 4,
    }
    both = [cell for cell, n in table.items() for _ in range(n)]
    said, people = ({f"e{i}": cell[side] for i, cell in enumerate(both)} for side in (0, 1))
    found = kappa(said, people)  # type: ignore[arg-type]
    assert found.value == pytest.approx(0.415 / 0.665)
    assert found.value == pytest.approx(cohen_kappa_score([c[0] for c in both], [c[1] for c in both]))
    assert found.low is not None
    assert found.high is not None
    assert 0.2 < found.low < 0.5 < 0.75 < found.high < 1
    assert kappa(said, people) == found  # type: ignore[arg-type]


def test_full_agreement_on_a_few_pairs_is_no_certainty() -> None:
    said = {f"e{i}": ("a", "b")[i % 2] for i in range(8)}
    found = kappa(said, said)  # type: ignore[arg-type]
    # p_o = 1, p_e = 1/2; Wilson's interval of 8 of 8 begins at 0.6756: (0.6756 - 0.5) / 0.5
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(2 * (wilson(8, 8)[0] - 0.5))


def test_a_judge_of_ties_alone_has_no_kappa() -> None:
    found = kappa({"u": "tie", "v": "tie"}, {"u": "a", "v": "b"})
    assert found.value is None
    assert found.why


@pytest.mark.parametrize(
    "figure", [consistency([]), first_share([]), win_rate({}), agreement({}, {"u": "a"}), kappa({}, {})]
)
def test_no_data_gives_none_and_a_reason(figure: object) -> None:
    assert (figure.value, figure.low, figure.high, figure.n) == (None, None, None, 0)  # type: ignore[attr-defined]
    assert figure.why.en  # type: ignore[attr-defined]
    assert figure.why.zh  # type: ignore[attr-defined]


def test_unread_pairs_count_nowhere() -> None:
    unread = Judged("u", Order(None, None), Order("1", None))
    assert (consistency([unread]).n, first_share([unread]).n, choices([unread])) == (0, 0, {})
    assert consistency([unread, *FAIR]).n == len(FAIR)


# --- the threshold ----------------------------------------------------------------------------------------------------

# People call it equal where the judge prefers by less than a nat.
SCORED = [pair(f"e{i}", (1 if i % 2 else -1) * (0.2 + 0.05 * (i % 40))) for i in range(80)]
PEOPLE = {j.example: j.choose(1.0) for j in SCORED}


def test_a_threshold_is_found_where_people_see_no_difference() -> None:
    found = calibrate(SCORED, PEOPLE)  # type: ignore[arg-type]
    assert isinstance(found, Calibrated)
    assert 0.95 <= found.threshold <= 1.0
    assert set(found.choices) == set(PEOPLE)
    assert kappa(found.choices, PEOPLE).value == 1.0  # type: ignore[arg-type]
    without = kappa(choices(SCORED), PEOPLE).value  # type: ignore[arg-type]
    assert without is not None
    assert without < 0.8


def test_a_fold_has_no_say_in_its_own_threshold() -> None:
    # 60 pairs of fold 0, in which people saw no difference ever; 30 of the others, in which they always did.
    names = [f"n{i}" for i in range(1000)]
    held, rest = [n for n in names if fold_of(n) == 0][:60], [n for n in names if fold_of(n) != 0][:30]
    said = [pair(n, (1 if i % 2 else -1) * (0.2 + 0.05 * (i % 40))) for i, n in enumerate(held + rest)]
    people = {j.example: "tie" if j.example in set(held) else j.choice for j in said}
    found = calibrate(said, people)  # type: ignore[arg-type]
    assert isinstance(found, Calibrated)
    assert found.threshold > 1  # what all pairs together ask for
    assert found.by_fold[0] == 0
    assert all(found.by_fold[fold] > 1 for fold in found.by_fold if fold)
    assert {n: found.choices[n] for n in held} == {j.example: j.choice for j in said if j.example in set(held)}


def test_ratings_that_are_noise_calibrate_to_chance() -> None:
    # In sample the best of many thresholds would look better than chance; out of fold it does not.
    coin = random.Random(1)
    people = {j.example: coin.choice(("a", "b", "tie")) for j in SCORED}
    found = calibrate(SCORED, people)  # type: ignore[arg-type]
    assert isinstance(found, Calibrated)
    low = kappa(found.choices, people).low  # type: ignore[arg-type]
    assert low is not None
    assert low <= 0


def test_no_threshold_without_enough_ratings_or_without_scores() -> None:
    few = calibrate(SCORED[:19], PEOPLE)  # type: ignore[arg-type]
    assert isinstance(few, Note)
    assert "there are 19" in few.en
    unscored = [Judged(j.example, Order("1", None), Order("2", None)) for j in SCORED]
    assert isinstance(calibrate(unscored, PEOPLE), Note)  # type: ignore[arg-type]
