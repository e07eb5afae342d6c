import numpy as np
import pytest
from paired import difference, holm, share


def test_a_share_of_hits_has_the_exact_interval():
    found = share(np.array([1.0] * 8 + [0.0] * 2))
    # scipy.stats.binomtest(8, 10).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((0.44390, 0.97479), abs=1e-5)
    assert str(found) == ".800 [.444, .975]"


def test_all_hits_still_have_a_lower_bound_below_one():
    found = share(np.ones(20))
    assert found.high == 1.0
    assert found.low == pytest.approx(0.025 ** (1 / 20))  # the textbook case of n hits in n


def test_means_over_draws_take_the_items_spread_not_the_draws():
    rng = np.random.default_rng(0)
    items = rng.random(400)
    found = share(items)
    assert found.value == pytest.approx(items.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * items.std() / 20, rel=0.15)


def test_a_difference_of_hits_takes_mcnemar_and_of_means_the_t_test():
    a, b = np.array([1.0] * 9 + [0.0]), np.array([0.0] * 9 + [1.0])
    found = difference(a, b)
    assert (found.test, found.value) == ("McNemar", pytest.approx(0.8))
    assert found.p == pytest.approx(22 / 1024)  # 2 * P(at most 1 of 10 coins)
    assert difference(a * 0.5, b * 0.5).test == "paired t"


def test_the_same_marks_differ_by_nothing():
    marks = np.array([0.0, 1 / 3, 1.0])
    found = difference(marks, marks)
    assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_holm_by_hand():
    # sorted .01 .02 .04: times 3, 2, 1, and never below the one before
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
