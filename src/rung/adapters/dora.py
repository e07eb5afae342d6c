"""DoRA (Liu et al. 2024, arXiv 2402.09353): LoRA turns the rows of W, and one number per row says how long each is.

    W' = m * (W + s B A) / n,    n = ||W + s B A|| of each row (one row per output),    m [out] trained, at first ||W||

LoRA alone changes the length and the direction of a row together; full training mostly changes one of them at a time, and
DoRA can do so too (section 3.2 of the paper). With y = W x + b + s B A x, which is LoRA's answer, DoRA's is

    y' = y + (m / n - 1) (y - b)

so that a fresh adapter, where m = n, changes no bit. n counts as a constant in the gradients (section 4.3: as good, and it
saves keeping W + s B A). Merged it costs nothing; while it trains, each forward computes B A of every layer once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def norms(weight: Tensor) -> Tensor:
    """The length of each row of W [out, in] -> [out], in float32, without gradients."""
    # Contiguous, so that equal rows have equal lengths to the last bit, whatever the strides. A row of zeros has nothing to
    # turn and stays one; divided by 0 it would be NaN.
    whole = weight.detach().float().contiguous()
    return torch.linalg.vector_norm(whole, dim=1).clamp_min(torch.finfo(torch.float32).tiny)


def stretch(y: Tensor, bias: Any, magnitude: Tensor, lengths: Tensor) -> Tensor:
    """y [..., out] of LoRA, with its ``bias`` [out] or None inside -> y' of DoRA; gradients for y and the magnitude m [out]."""
    # The difference from 1 is what is rounded to the type of y: in bfloat16 a step of m is below what 1 + step can tell.
    longer = (magnitude / lengths - 1).to(y.dtype)
    return y + longer * (y if bias is None else y - bias)


def scaled(weight: Tensor, magnitude: Tensor) -> Tensor:
    """W' [out, in] of W + s B A [out, in], float32, without gradients."""
    return weight * (magnitude.detach() / norms(weight)).unsqueeze(1)
