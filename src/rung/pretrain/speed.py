"""How fast training goes, and how much of what this machine can do that is.

The ceiling is measured, not read off a data sheet: products of large square matrices in the precision of the run, on
the threads of the run, just before it. Operations of a token are counted as the engine counts them: 6 for each
parameter outside the embedding (2 forward, 4 backward), the logits, and causal attention.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from transformers import PreTrainedModel

from rung.engine.flops import Shape

SIDES = {"cpu": 1024, "cuda": 8192}  # of the matrices: large enough that a larger one is no faster


def flops_per_token(model: PreTrainedModel, length: int) -> float:
    """Operations to train on one token of a row of ``length``: forward once, backward twice the forward."""
    return 3 * Shape.of(model).forward(tokens=1, pairs=(length + 1) / 2, reads=1)


def matmul_ceiling(
    device: str, precision: str, *, seconds: float = 0.2, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Operations a second of matrix products there: the fastest of as many as ``seconds`` allow, two at least."""
    kind = torch.device(device).type
    side = SIDES[kind]
    left, right = (torch.randn(side, side, device=device).to(getattr(torch, precision)) for _ in range(2))
    out = left @ right  # the first product also sets the library up
    best, began, rounds = float("inf"), clock(), 0
    while rounds < 2 or clock() - began < seconds:
        started = clock()
        torch.matmul(left, right, out=out)
        if kind == "cuda":
            torch.cuda.synchronize()
        best = min(best, clock() - started)
        rounds += 1
    return 2 * side**3 / best


class Pace:
    """Tokens a second and the share of ``ceiling`` (operations a second) since the last reading.

    The first step only starts the watch: it may have compiled the model.
    """

    def __init__(self, ceiling: float):
        self.ceiling = ceiling
        self.since: float | None = None
        self.tokens, self.flops = 0, 0.0

    def step(self, tokens: int, flops: float) -> None:
        """A step has ended that saw ``tokens`` with ``flops`` operations in all."""
        if self.since is None:
            self.since = time.perf_counter()
            return
        self.tokens, self.flops = self.tokens + tokens, self.flops + flops

    def read(self) -> dict[str, float]:
        """``tokens_per_second`` and ``share``, none of them after the first step alone; the watch starts anew."""
        assert self.since is not None, "read before the first step"
        now = time.perf_counter()
        seconds, self.since = now - self.since, now
        found = rates(self.tokens, self.flops, seconds, self.ceiling) if self.tokens else {}
        self.tokens, self.flops = 0, 0.0
        return found


def rates(tokens: int, flops: float, seconds: float, ceiling: float) -> dict[str, float]:
    """``tokens_per_second``, and as ``share`` the operations a second as a part of ``ceiling``."""
    return {"tokens_per_second": round(tokens / seconds, 1), "share": round(flops / seconds / ceiling, 4)}
