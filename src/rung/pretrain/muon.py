"""Muon (Jordan et al. 2024): momentum whose step is orthogonalised, for the matrices inside a network's blocks.

    B <- mu B + (1 - mu) G                  momentum
    O <- NS5((1 - mu) G + mu B)             Nesterov's look ahead, then five Newton-Schulz steps towards U V^T of its SVD
    W <- (1 - lr decay) W - 0.2 sqrt(max(rows, columns)) lr O

The factor before O gives the step the size that AdamW's would have (Liu et al. 2025, arXiv 2502.16982), so that both may share
rates. As ``torch.optim.Muon`` in all but one thing: that one always orthogonalises in bfloat16, which on a processor without
hardware for it took 70 % of a training step; here it is bfloat16 only where that is the faster one. Of matrices held in parts
(FSDP2) the momentum is in parts too; one matrix at a time is put together to be orthogonalised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from rung.precision import has_fast_bfloat16
from rung.shards import parted, whole

# The quintic's coefficients: steepest at zero, and singular values end between 0.5 and 1.5 (Jordan's post).
A, B, C = 3.4445, -4.7750, 2.0315
STEPS = 5


def orthogonalised(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """About U V^T of ``matrix`` = U S V^T [rows, columns], computed in ``dtype``; all-zero for an all-zero matrix."""
    x = matrix.to(dtype)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(STEPS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=B, alpha=C), x, beta=A)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """``params``: matrices only; raises ValueError for another shape."""

    def __init__(
        self, params: Iterable[torch.nn.Parameter], lr: float, *, weight_decay: float = 0.1, momentum: float = 0.95
    ):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(f"Muon steps matrices; a parameter has the shape {tuple(p.shape)}")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step from the gradients that are there."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._step(p, p.grad, group["lr"], group["weight_decay"], group["momentum"])
        return loss

    def _step(self, p: Tensor, grad: Tensor, lr: float, decay: float, momentum: float) -> None:
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(p)
        buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        dtype = torch.bfloat16 if has_fast_bfloat16(p.device) else torch.float32
        update = orthogonalised(whole(grad.lerp(buffer, momentum)), dtype).to(p.dtype)
        p.mul_(1 - lr * decay)
        p.add_(parted(update, p), alpha=-lr * 0.2 * math.sqrt(max(p.shape)))
