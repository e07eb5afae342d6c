"""MinHash against the Jaccard similarity that it estimates, computed on the sets themselves."""

import numpy as np
import pytest

from rung.pretrain.clean.minhash import BANDS, ROWS, bands, signature, similarity


def pair(share, size, seed):
    """Two sets of hashes with that Jaccard similarity."""
    rng = np.random.default_rng(seed)
    every = rng.integers(0, 1 << 63, size, dtype=np.uint64)
    common = round(share * size)
    half = (size - common) // 2
    return np.concatenate([every[:common], every[common : common + half]]), np.concatenate(
        [every[:common], every[common + half :]]
    )


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_the_estimate_is_unbiased(share):
    found = [similarity(*map(signature, pair(share, 2000, seed))) for seed in range(40)]
    error = np.sqrt(share * (1 - share) / (BANDS * ROWS * 40))
    assert np.mean(found) == pytest.approx(share, abs=4 * error + 0.002)


def test_order_and_repeats_do_not_count():
    grams = np.arange(3000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert (signature(grams) == signature(np.concatenate([grams[::-1], grams[:7]]))).all()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_bands_are_shared_as_often_as_the_formula_says(share):
    met = [bool(set(bands(signature(one))) & set(bands(signature(two)))) for one, two in
           (pair(share, 600, seed) for seed in range(150))]  # fmt: skip
    expected = 1 - (1 - share**ROWS) ** BANDS
    assert np.mean(met) == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 150) + 0.01)


def test_a_band_knows_its_place():
    made = np.tile(np.arange(ROWS, dtype=np.uint32), BANDS)  # all bands have equal rows
    assert len(set(bands(made))) == BANDS
