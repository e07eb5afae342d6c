"""From logits to the log-probabilities that every objective is a function of."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def token_logprobs(logits: Tensor, tokens: Tensor) -> Tensor:
    """log softmax(logits)[tokens]: logits [n, V] of any float type, tokens [n] -> [n], always float32.

    In bfloat16 the sum over a vocabulary keeps two digits, hence the conversion before anything else.
    """
    return -F.cross_entropy(logits.float(), tokens, reduction="none")
