"""Calibration offsets: a case by hand, and what they must do."""

import math

import numpy as np
import pytest
from scipy.special import softmax

from rung.incontext import CONTENT_FREE, batch_calibration, contextual_calibration


def test_by_hand():
    # two content-free inputs with label probabilities (.8, .2) and (.6, .4): mean (.7, .3)
    offsets = contextual_calibration(np.log([[0.8, 0.2], [0.6, 0.4]]))
    half = (math.log(0.7) - math.log(0.3)) / 2  # -log .7 and -log .3, shifted to mean 0
    assert offsets == pytest.approx((-half, half))


def test_log_probabilities_need_not_be_normalised():
    """Label log-probabilities are those of single tokens among the whole vocabulary; only their differences count."""
    table = np.log([[0.8, 0.2], [0.6, 0.4]])
    assert contextual_calibration(table - [[7.0], [3.0]]) == pytest.approx(contextual_calibration(table))


def test_the_content_free_distribution_becomes_uniform():
    table = np.random.default_rng(0).normal(0, 3, (3, 5))
    mean = softmax(table, axis=1).mean(axis=0)
    offsets = contextual_calibration(table)
    assert softmax(np.log(mean) + offsets) == pytest.approx(np.full(5, 0.2))
    one = table[:1]
    assert softmax(one[0] + contextual_calibration(one)) == pytest.approx(np.full(5, 0.2))
    assert sum(offsets) == pytest.approx(0)


def test_the_same_answer_as_the_papers_matrix():
    """Zhao et al. 2021: argmax softmax(W p) with W = diag(p_cf)^-1."""
    rng = np.random.default_rng(1)
    free, real = rng.normal(0, 2, (3, 4)), rng.normal(0, 2, (200, 4))
    p_cf = softmax(free, axis=1).mean(axis=0)
    expected = (softmax(real, axis=1) / p_cf).argmax(axis=1)
    assert (expected == (real + contextual_calibration(free)).argmax(axis=1)).all()
    assert (expected != real.argmax(axis=1)).any()


def test_batch_calibration_takes_off_a_constant_bias():
    """Two labels, inputs mirrored around 0: a bias on label 0 is found exactly up to the curvature, and every answer mends."""
    gaps = np.linspace(0.2, 2, 10)
    fair = np.concatenate([np.stack([gaps, -gaps], 1), np.stack([-gaps, gaps], 1)])
    assert batch_calibration(fair) == pytest.approx((0, 0))
    biased = fair + [1.5, 0]
    assert (biased.argmax(axis=1) != fair.argmax(axis=1)).any()
    repaired = biased + batch_calibration(biased)
    assert abs(softmax(repaired, axis=1).mean(axis=0)[0] - 0.5) < 0.1 < softmax(biased, axis=1).mean(axis=0)[0] - 0.5


def test_batch_calibration_with_a_known_prior():
    table = np.log([[0.8, 0.2], [0.6, 0.4]])
    assert batch_calibration(table, prior=(0.7, 0.3)) == pytest.approx((0, 0))  # it already answers with that prior
    assert batch_calibration(table, prior=(0.5, 0.5)) == pytest.approx(batch_calibration(table))


def test_a_tiny_probability_stays_finite():
    offsets = contextual_calibration([[0.0, -2000.0]])
    assert offsets == pytest.approx((-1000, 1000))


@pytest.mark.parametrize("table", [[], [[]], [0.0, 1.0], [[0.0, -math.inf]], [[0.0, math.nan]]])
def test_what_is_no_table_of_numbers_is_refused(table):
    with pytest.raises(ValueError, match="finite"):
        contextual_calibration(table)


def test_a_prior_must_be_positive_and_complete():
    for prior in ((1.0, 0.0), (1.0,)):
        with pytest.raises(ValueError, match="positive shares"):
            batch_calibration([[0.0, 0.0]], prior)


def test_content_free_inputs_are_given_in_both_languages():
    assert (
        "N/A" in CONTENT_FREE["en"]
        and "无" in CONTENT_FREE["zh"]
        and all("" in texts for texts in CONTENT_FREE.values())
    )
