"""The choice of the next token: greedy or sampled, and whether rounding could have decided it.

A sequence's randomness is a function of (seed, prompt, sample index, step) only, so a sample stays the same whatever
batch it is drawn in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rung.types import Decoding, ModelError


@dataclass(frozen=True)
class Pick:
    """A token, and whether a difference within the tolerance could have given another one."""

    token: int
    close: bool


def check(decoding: Decoding) -> None:
    """Raises :class:`ModelError` for settings that mean nothing."""
    if decoding.max_tokens < 1:
        raise ModelError(f"max_tokens must be at least 1, not {decoding.max_tokens}", zh="max_tokens 至少为 1")
    if decoding.temperature < 0 or not 0 < decoding.top_p <= 1:
        raise ModelError(
            f"temperature must be 0 or more and top_p in (0, 1], not {decoding.temperature} and {decoding.top_p}",
            zh=f"temperature 须不小于 0，top_p 须在 (0, 1] 内，而不是 {decoding.temperature} 和 {decoding.top_p}",
        )
    if "" in decoding.stop:
        raise ModelError("an empty stop string would stop at once; remove it", zh="空的 stop 字符串会立即停止；请删除")


def uniform(seed: int, prompt: str, sample: int, step: int) -> float:
    """A number in [0, 1) that belongs to this step of this sample of this prompt (``prompt`` is its digest)."""
    return (_key(seed, prompt, sample, step) >> 64) / 2**64


def gumbel(seed: int, prompt: str, sample: int, step: int, size: int) -> Tensor:
    """Standard Gumbel noise [size] that belongs to this step of this sample of this prompt."""
    draw = np.random.Generator(np.random.Philox(key=_key(seed, prompt, sample, step)))
    waits = np.maximum(draw.standard_exponential(size, dtype=np.float32), np.float32(1e-30))
    return torch.from_numpy(-np.log(waits))


def _key(seed: int, prompt: str, sample: int, step: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}|{prompt}|{sample}|{step}".encode()).digest()[:16])


def greedy(logits: Tensor, tolerance: float) -> Pick:
    """The likeliest token of ``logits`` [V]; the lowest id among equals."""
    best = int(logits.argmax())
    return Pick(best, int((logits > logits[best] - tolerance).sum()) > 1)


def sampled(logits: Tensor, temperature: float, top_p: float, noise: Tensor, tolerance: float) -> Pick:
    """A draw from softmax(logits / temperature), cut to its nucleus, as the argmax of the logits plus Gumbel noise.

    The argmax form (Maddison et al. 2014) has one border, between the best two, however flat the distribution is;
    walking along cumulative probabilities would be near some border at every step.
    top_p keeps the smallest set of likeliest tokens whose probability reaches it (Holtzman et al. 2020, section 3.1).
    """
    scaled = logits / temperature
    slack = tolerance / temperature
    noisy, probabilities = scaled + noise, scaled.softmax(-1)
    close = False
    while True:  # likeliest draw first; on average 1 / top_p turns, and no sorting of the vocabulary
        best = int(noisy.argmax())
        inside, surely, perhaps = _in_nucleus(best, scaled, probabilities, top_p, slack)
        if inside:
            break
        close = close or perhaps
        noisy[best] = float("-inf")
    for rival in (noisy > noisy[best] - slack).nonzero().flatten().tolist():
        close = close or (rival != best and _in_nucleus(rival, scaled, probabilities, top_p, slack)[2])
    return Pick(best, close or not surely)


def _in_nucleus(
    token: int, scaled: Tensor, probabilities: Tensor, top_p: float, slack: float
) -> tuple[bool, bool, bool]:
    """Whether a token is in the nucleus: by these numbers; for any rounding within ``slack``; for some rounding."""
    if top_p >= 1:
        return True, True, True
    here = scaled[token]
    above = float(probabilities[scaled > here].sum())
    least = float(probabilities[scaled > here + slack].sum())
    most = float(probabilities[scaled > here - slack].sum() - probabilities[token])
    return above < top_p, most < top_p - slack or most <= 0, least < top_p + slack
