"""Classification by label words: make the right option likelier than the others, whatever else the model might write."""

from __future__ import annotations

from torch import Tensor


def options(logprobs: Tensor, right: Tensor) -> Tensor:
    """Negative log-likelihood of the right option among the options, in nats, *summed* over the examples -> [].

        loss = - sum_i log ( exp l[i, right_i] / sum_j exp l[i, j] )

    logprobs [n, k]: l[i, j] is the log-probability of option j of example i, summed over its tokens, float32; -inf where an
    example has fewer than k options. right [n]: the column of the right one, which must be finite.
    This is what the answer is chosen by, so training pushes at exactly what is measured (Schick & Schütze 2021,
    arXiv 2001.07676, train so where every option is one token).
    """
    return -logprobs.log_softmax(-1).gather(-1, right[:, None]).sum()
