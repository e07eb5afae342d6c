"""Supervised fine-tuning: make the wanted answers more likely."""

from __future__ import annotations

from torch import Tensor


def sft(logprobs: Tensor) -> Tensor:
    """Negative log-likelihood in nats, *summed* over the answer tokens: logprobs [n_targets] -> [].

    A sum, because whoever accumulates several microbatches divides by the number of targets of all of them once.
    """
    return -logprobs.sum()
