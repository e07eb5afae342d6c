"""From logits to the log-probabilities that every objective is a function of."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def token_logprobs(logits: Tensor, tokens: Tensor) -> Tensor:
    """log softmax(logits)[tokens]: logits [n, V] of any float type, tokens [n] -> [n], always float32.

    In bfloat16 the sum over a vocabulary keeps two digits, hence the conversion before anything else.
    """
    return -F.cross_entropy(logits.float(), tokens, reduction="none")


def option_logprobs(logits: Tensor, rows: Tensor, tokens: Tensor, options: Tensor, shape: tuple[int, int]) -> Tensor:
    """Log-probability of each option of each example, summed over its tokens: -> [n, k] = ``shape``, float32.

    logits [R, V] of any float type; pick p says that token ``tokens[p]``, read in row ``rows[p]``, belongs to option
    ``options[p]``, counted through the flat table [n * k]. Options that share their first tokens share rows.
    A place of the table without a pick is -inf: that example has fewer options.
    """
    whole = logits.float()
    picked = whole[rows, tokens] - whole.logsumexp(-1)[rows]
    sums = picked.new_zeros(shape[0] * shape[1]).index_add(0, options, picked)
    empty = picked.new_ones(len(sums), dtype=torch.bool).index_fill(0, options, False)
    return sums.masked_fill(empty, float("-inf")).view(shape)
