"""Intervals and paired tests against hand values, scipy and brute force."""

from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from rung.evaluate import Marked, exact_lower, mcnemar, mcnemar_interval, needed, paired_difference, wilson
from rung.evaluate.statistics import bootstrap_interval, bootstrap_lower, worth
from rung.task.metrics import METRICS
from rung.types import Example, Prediction, Sealed, Task


def mean(sums: np.ndarray) -> np.ndarray:
    """Hits over items, from summed parts (hits, items)."""
    return sums[..., 0] / sums[..., 1]


def counts(hits: list[int]) -> np.ndarray:
    return np.array([[h, 1] for h in hits], dtype=float)


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (0, 30), (8, 10), (126, 130), (30, 30), (511, 1821)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_wilson_equals_scipys(hits: int, n: int, confidence: float) -> None:
    theirs = binomtest(hits, n).proportion_ci(confidence, method="wilson")
    assert wilson(hits, n, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_of_eight_in_ten_by_hand() -> None:
    # z = 1.96: (0.8 + 0.19208 -+ 1.96 sqrt(0.016 + 0.009604)) / 1.38416
    assert wilson(8, 10) == pytest.approx((0.49016, 0.94332), abs=1e-5)


def test_no_item_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least one item"):
        wilson(0, 0)
    with pytest.raises(ValueError, match="at least one item"):
        exact_lower(0.0, 0, 0.05)


@pytest.mark.parametrize(("hits", "n", "alpha"), [(8, 10, 0.05), (126, 130, 3e-4), (30, 30, 0.01), (1, 64, 1e-4)])
def test_the_lower_bound_equals_scipys_clopper_pearson(hits: int, n: int, alpha: float) -> None:
    theirs = binomtest(hits, n, alternative="greater").proportion_ci(1 - alpha).low
    assert exact_lower(hits / n, n, alpha) == pytest.approx(theirs, abs=1e-9)


def test_the_lower_bound_by_hand() -> None:
    # All of n right: P(n hits) = p ** n = alpha, so the bound is alpha ** (1 / n). None right: 0.
    assert exact_lower(1.0, 20, 0.05) == pytest.approx(0.05 ** (1 / 20), abs=1e-12)
    assert exact_lower(0.0, 20, 0.05) == 0.0


@pytest.mark.parametrize("n", [10, 64, 300])
@pytest.mark.parametrize("truth", [0.02, 0.1, 0.3, 0.5, 0.85, 0.98])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 200])
def test_the_lower_bound_is_too_high_in_at_most_alpha_of_cases(n: int, truth: float, alpha: float) -> None:
    # Exactly, by summing the binomial: Wilson's bound fails this at (64, 0.1, 0.05 / 200) five times over.
    hits = np.arange(n + 1)
    wrong = np.array([exact_lower(h / n, n, alpha) > truth for h in hits])
    assert binom.pmf(hits, n, truth)[wrong].sum() <= alpha * (1 + 1e-9)


def test_needed_is_the_smallest_number_that_proves_it() -> None:
    n = needed(0.9, 0.85, 0.05)
    assert n is not None
    assert exact_lower(0.9, n, 0.05) >= 0.85 > exact_lower(0.9, n - 1, 0.05)
    # All right at target 0.85: 0.05 ** (1 / n) >= 0.85, n >= log 0.05 / log 0.85 = 18.43.
    assert needed(1.0, 0.85, 0.05) == 19
    assert needed(0.85, 0.85, 0.05) is None
    assert needed(0.8500001, 0.85, 0.05) is None  # more than a million examples


def test_mcnemar_by_hand() -> None:
    # 5 against 1 discordant: 2 (C(6,5) + C(6,6)) / 2^6 = 14/64.
    a = np.array([1] * 5 + [0] + [1] * 10)
    b = np.array([0] * 5 + [1] + [1] * 10)
    assert mcnemar(a, b) == pytest.approx(14 / 64)
    assert mcnemar(a, b) == mcnemar(b, a)
    assert mcnemar(a, a) == 1.0


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 1), (0, 9), (3, 12), (20, 20), (7, 31)])
def test_mcnemar_is_the_two_sided_binomial_tail(only_a: int, only_b: int) -> None:
    a = np.array([1] * only_a + [0] * only_b + [1, 0])
    b = np.array([0] * only_a + [1] * only_b + [1, 0])
    n, few = only_a + only_b, min(only_a, only_b)
    tail = 2 * sum(comb(n, k) for k in range(few + 1)) / 2**n
    assert mcnemar(a, b) == pytest.approx(min(1.0, tail))


def test_the_paired_bootstrap_agrees_with_every_resample_there_is() -> None:
    a, b = counts([1, 1, 1, 0, 1, 1]), counts([0, 1, 0, 0, 1, 1])
    draws = np.array([[a[i, 0] - b[i, 0] for i in pick] for pick in itertools.product(range(6), repeat=6)]).mean(1)
    difference, low, high = paired_difference(a, b, mean, 0.9)
    assert difference == pytest.approx(2 / 6)
    # The values are multiples of 1/6; a quantile of 2,000 draws is at most one of them off.
    assert low == pytest.approx(np.quantile(draws, 0.05), abs=1 / 6 + 1e-9)
    assert high == pytest.approx(np.quantile(draws, 0.95), abs=1 / 6 + 1e-9)


def test_pairs_cancel_what_both_share() -> None:
    generator = np.random.default_rng(0)
    hits = (generator.random(200) < 0.5).astype(int)
    worse = hits.copy()
    worse[np.flatnonzero(hits)[:12]] = 0  # the same but for twelve items
    difference, low, high = paired_difference(counts(list(hits)), counts(list(worse)), mean)
    assert difference == pytest.approx(12 / 200)
    assert 0.02 < low < high < 0.1  # unpaired it would be wide: 1.96 sqrt(2 / 4 / 200) = 0.098 on either side
    with pytest.raises(ValueError, match="one shape"):
        paired_difference(counts([1, 0]), counts([1]), mean)


def test_the_bootstrap_interval_of_a_mean_is_near_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(0.6, 0.1, 400)
    parts = np.stack([values, np.ones(400)], axis=1)
    low, high = bootstrap_interval(parts, mean)
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.0015)
    assert bootstrap_interval(parts, mean) == (low, high)  # seeded
    assert bootstrap_lower(parts, mean, 0.05) == pytest.approx(values.mean() - 1.645 * values.std() / 20, abs=0.0015)


def test_a_shared_level_lowers_the_bootstrap_bound() -> None:
    parts = np.stack([np.random.default_rng(2).random(100), np.ones(100)], axis=1)
    bounds = [bootstrap_lower(parts, mean, alpha) for alpha in (0.5, 0.05, 0.01, 0.001, 1e-6)]
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == 5


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_interval_of_mcnemar_leaves_0_out_where_the_test_is_significant(alpha: float) -> None:
    for only_a, only_b in itertools.product(range(12), repeat=2):
        a, b = np.array([1] * only_a + [0] * only_b + [1, 0]), np.array([0] * only_a + [1] * only_b + [1, 0])
        low, high = mcnemar_interval(a, b, alpha)
        assert (low > 0 or high < 0) is (mcnemar(a, b) < alpha)
        assert low - 1e-12 <= (only_a - only_b) / len(a) <= high + 1e-12
        if only_a + only_b:
            theirs = binomtest(only_a, only_a + only_b).proportion_ci(1 - alpha)
            scale = (only_a + only_b) / len(a)
            assert (low, high) == pytest.approx(((2 * theirs.low - 1) * scale, (2 * theirs.high - 1) * scale))


@pytest.mark.parametrize(("n", "truth", "alpha"), [(64, 0.9, 0.05 / 200), (130, 0.9, 0.005), (64, 0.7, 0.05 / 60)])
def test_the_bootstrap_bound_of_hits_is_too_high_in_at_most_alpha_of_cases(n: int, truth: float, alpha: float) -> None:
    # value - z * standard error fails this: 33, 4 and 7 times too often. What a smaller share proves no more, none below does.
    wrong = 0.0
    for hits in range(n, -1, -1):
        if bootstrap_lower(counts([1] * hits + [0] * (n - hits)), mean, alpha) <= truth:
            break
        wrong += binom.pmf(hits, n, truth)
    assert wrong <= alpha


def test_items_of_a_graded_metric_are_worth_more_than_hits() -> None:
    hits = counts([1] * 80 + [0] * 20)
    assert worth(hits, mean) == pytest.approx(100, rel=0.1)
    assert worth(counts([1] * 9), mean) == 9
    graded = np.stack([np.random.default_rng(3).normal(0.6, 0.1, 100), np.ones(100)], axis=1)
    assert worth(graded, mean) == pytest.approx(100 * 0.24 / 0.01, rel=0.25)


@pytest.mark.parametrize("hit", [0, 1])
def test_a_few_answers_all_alike_are_no_certainty(hit: int) -> None:
    parts = counts([hit] * 3)
    assert bootstrap_interval(parts, mean) == pytest.approx(wilson(3 * hit, 3))
    assert bootstrap_lower(parts, mean, 0.05) == pytest.approx(0.05 ** (1 / 3) if hit else 0.0)  # p ** 3 = alpha


LABELS = ("a", "b", "rare")


def labelled(targets: list[str], outputs: list[str]) -> Marked:
    """Answers to a task of three labels, judged by macro F1."""
    task = Task("t", "classify", "macro-f1", "en", (), (), Sealed(()), labels=LABELS)
    examples = tuple(Example(str(i), str(i), target) for i, target in enumerate(targets))
    return Marked(task, examples, tuple(Prediction(e.id, output) for e, output in zip(examples, outputs, strict=True)))


def test_two_right_answers_do_not_prove_a_rare_label() -> None:
    """All of 100 are right, two of them of a rare label: 13 of 100 resamples lack it, and say nothing of its F1."""
    rare = labelled(every := [*"ab" * 49, "rare", "rare"], every)
    result = rare.result()
    assert result.value == result.high == 1.0
    assert result.low == pytest.approx(2 / 3)  # not Wilson's .963 of 100 hits
    assert rare.lower(0.05) == pytest.approx(2 / 3)
    common = labelled(every := [*"ab" * 30, *["rare"] * 40], every).result()
    assert common.low == pytest.approx(wilson(100, 100)[0])  # no resample lacks it


def test_a_rare_label_that_is_never_right_does_not_leave_the_mean() -> None:
    targets, outputs = [*"ab" * 49, "rare", "rare"], [*"ab" * 49, "a", "a"]
    result = labelled(targets, outputs).result()
    assert result.value == pytest.approx((2 * 49 / 100 + 1 + 0) / 3)
    parts = labelled(targets, outputs).parts()
    lacking = parts[:-2].sum(0)  # a resample without it: all that is left is right
    low, high = METRICS["macro-f1"].ends(parts.sum(0)) or pytest.fail("macro F1 has ends")
    assert METRICS["macro-f1"].combine(lacking) == 1.0
    assert (low(lacking), high(lacking)) == (pytest.approx(2 / 3), 1.0)
    assert low(parts.sum(0)) == high(parts.sum(0)) == pytest.approx(result.value)


def test_only_a_mean_over_labels_or_fields_has_ends() -> None:
    whole = np.ones(9)
    assert {name for name, metric in METRICS.items() if metric.ends(whole)} == {"macro-f1", "field-f1"}


def test_the_interval_of_macro_f1_holds_the_truth_with_a_rare_label() -> None:
    """Truth by the confusion of a simulated judge: 97 % right on two labels, 30 % on one that is 2 % of the items."""
    share, right = np.array([0.49, 0.49, 0.02]), np.array([0.97, 0.97, 0.3])
    confusion = np.array([[0 if i == j else share[j] for j in range(3)] for i in range(3)])
    confusion *= ((1 - right) / confusion.sum(1))[:, None]
    joint = share[:, None] * (confusion + np.diag(right))
    truth = np.mean(2 * np.diag(joint) / (joint.sum(0) + joint.sum(1)))
    generator, held, held_without, samples = np.random.default_rng(0), 0, 0, 0
    for _ in range(60):
        cells = generator.choice(9, size=100, p=joint.ravel())
        if not (cells // 3 == 2).any():
            continue
        marked = labelled([LABELS[i] for i in cells // 3], [LABELS[i] for i in cells % 3])
        low, high = marked.result().low or 0.0, marked.result().high or 1.0
        plain = bootstrap_interval(marked.parts(), METRICS["macro-f1"].combine)
        samples, held, held_without = (
            samples + 1,
            held + (low <= truth <= high),
            held_without + (plain[0] <= truth <= plain[1]),
        )
    assert held >= 0.9 * samples > held_without
