"""Context distillation: a model without the prompt learns to answer as the same model does with it."""

from __future__ import annotations

from torch import Tensor


def distill(logprobs: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher || student) in nats, *summed* over the examples -> [].

        loss = sum_i sum_j t[i, j] ( log t[i, j] - log s[i, j] )

    logprobs and teacher [n, k]: log-probabilities up to a constant per example, float32, over the options of an example or over
    tokens at a place; both are normalised here. -inf where an example has fewer than k options, in both.
    Snell et al. 2022, "Learning by Distilling Context" (arXiv 2209.15189). The teacher has no gradient, so the student's is that
    of cross-entropy with the teacher's distribution as the target.
    """
    absent = teacher.isneginf()
    student, wanted = (x.log_softmax(-1).masked_fill(absent, 0.0) for x in (logprobs, teacher))
    return (wanted.exp().masked_fill(absent, 0.0) * (wanted - student)).sum()
