"""Modified Kneser-Ney against counts and discounts by hand, and against the definition, on every history."""

import kneser_ney
import numpy as np
import pytest
from kneser_ney import KneserNey, count_grams, discounts


def test_counts_and_continuations_by_hand():
    # 0 1 0 1 2: bigrams 01 (twice), 10, 12; trigrams 010, 101, 012
    (unigrams, one), (bigrams, two), (trigrams, three) = count_grams(np.array([0, 1, 0, 1, 2]), 3, 3)
    assert unigrams.tolist() == [0, 1, 2]
    assert one.tolist() == [
        1,
        1,
        1,
    ]  # 0 behind 1 only, 1 behind 0 only, 2 behind 1 only: the highest order counts alone
    assert bigrams.tolist() == [0 * 3 + 1, 1 * 3 + 0, 1 * 3 + 2]
    assert two.tolist() == [1, 1, 1]  # 01 behind 1 (its first occurrence is behind nothing), 10 behind 0, 12 behind 0
    assert len(trigrams) == 3 and three.tolist() == [1, 1, 1]


def test_discounts_by_hand():
    # n1 = 4, n2 = 2, n3 = 1, n4 = 1: Y = 4 / 8; D1 = 1 - 2 Y 2/4, D2 = 2 - 3 Y 1/2, D3 = 3 - 4 Y 1/1
    assert discounts(np.array([1, 1, 1, 1, 2, 2, 3, 4, 9])).tolist() == [0.0, 0.5, 1.25, 1.0]
    assert discounts(np.array([7, 7, 8])) is kneser_ney.FALLBACK  # nothing is rare: nothing to estimate from


def test_a_probability_by_hand(monkeypatch):
    """Bigrams with a discount of 1/2 each: 0 1 0 1 2 0 1, P(1 | 0)."""
    monkeypatch.setattr(kneser_ney, "discounts", lambda counts: np.array([0.0, 0.5, 0.5, 0.5]))
    model = KneserNey(np.array([0, 1, 0, 1, 2, 0, 1]), vocabulary=4, order=2)
    # Continuations: 0 behind 1 and 2: 2; 1 behind 0: 1; 2 behind 1: 1. Total 4, freed 3 * 0.5; uniform 1/4.
    one = (1 - 0.5) / 4 + 1.5 / 4 * 0.25
    # c(0 .) = 3, all of them 1: c(01) = 3, freed 0.5
    expected = (3 - 0.5) / 3 + 0.5 / 3 * one
    assert np.exp(model.logprobs(np.array([0, 1]))) == pytest.approx([expected])
    three = 1.5 / 4 * 0.25  # a token never seen: what the unigrams leave
    assert np.exp(model.logprobs(np.array([3, 3]))) == pytest.approx([three])  # an unseen history: the unigrams alone


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    return KneserNey(rng.zipf(1.5, size=4000) % 12, vocabulary=12, order=4)


@pytest.mark.parametrize("history", [[0], [1, 2], [1, 1, 1], [3, 0, 1, 1, 2], [9, 9, 9, 9]])
def test_probabilities_sum_to_one(model, history):
    total = sum(np.exp(model.logprobs(np.array([*history, token]))[-1]) for token in range(12))
    assert total == pytest.approx(1.0)


def test_a_longer_context_helps_where_there_is_one():
    stream = np.tile([0, 1, 2, 0, 2, 1], 400)
    noisy = np.where(np.random.default_rng(0).random(len(stream)) < 0.1, 3, stream)
    losses = [-KneserNey(noisy, 4, order).logprobs(stream[:60]).mean() for order in (1, 2, 3)]
    assert losses[0] > losses[1] > losses[2] and losses[2] < 0.5
