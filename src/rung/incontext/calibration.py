"""Offsets per label that take the prompt's own bias off the label scores.

A prompt favours some labels before it has read the input: common words, the majority of the demonstrations, the last one shown.
Both functions estimate that prior as probabilities p_j over the labels and return

    offset_j = -log p_j + mean_k log p_k

to be **added** to the label log-probabilities before the argmax. The mean is 0, so the scale of the scores stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import log_softmax, logsumexp

from rung.types import Language

# Inputs without content (Zhao et al. 2021, section 5, use "N/A", "[MASK]" and the empty string).
CONTENT_FREE: dict[Language, tuple[str, ...]] = {"en": ("N/A", "", "[MASK]"), "zh": ("无", "", "空")}


def contextual_calibration(logprobs: Sequence[Sequence[float]] | np.ndarray) -> tuple[float, ...]:
    """Offsets from the label log-probabilities of content-free inputs, [n_inputs, n_labels] in nats, n_inputs >= 1.

    Zhao et al. 2021, "Calibrate Before Use" (arXiv 2102.09690): p_cf = mean over the content-free inputs of the probabilities,
    normalised over the labels; W = diag(p_cf)^-1, b = 0, and the answer is argmax softmax(W p + b), which is the argmax of
    log p - log p_cf. With these offsets the content-free distribution is uniform. Raises ``ValueError`` for numbers not finite.
    """
    return _offsets(_log_mean(logprobs))


def batch_calibration(
    logprobs: Sequence[Sequence[float]] | np.ndarray, prior: Sequence[float] | None = None
) -> tuple[float, ...]:
    """Offsets from the label log-probabilities of unlabelled inputs of the task, [n_inputs, n_labels] in nats, n_inputs >= 1.

    Zhou et al. 2024, "Batch Calibration" (arXiv 2309.17249): log p(y_j | x) - log mean_i p(y_j | x_i), the mean over real inputs
    instead of content-free ones. It assumes that the labels are equally common; ``prior`` (their shares, > 0) replaces that
    assumption: offset_j = log prior_j - log p_j. Use training inputs, so that an answer never depends on the other inputs it is
    asked with.
    """
    estimated = _log_mean(logprobs)
    if prior is None:
        return _offsets(estimated)
    shares = np.asarray(prior, dtype=np.float64)
    if shares.shape != estimated.shape or not (shares > 0).all():
        raise ValueError(f"prior needs {len(estimated)} positive shares, one per label, and is {list(prior)}")
    return _offsets(estimated - np.log(shares))


def _log_mean(logprobs: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """log of the mean probability of each label, [n_labels]; in log space, so that a tiny share stays finite."""
    table = np.asarray(logprobs, dtype=np.float64)
    if table.ndim != 2 or 0 in table.shape or not np.isfinite(table).all():
        raise ValueError(
            f"log-probabilities must be finite, [n_inputs, n_labels], and are of shape {list(table.shape)}"
        )
    return logsumexp(log_softmax(table, axis=1), axis=0) - np.log(len(table))


def _offsets(log_prior: np.ndarray) -> tuple[float, ...]:
    return tuple(float(x) for x in log_prior.mean() - log_prior)
