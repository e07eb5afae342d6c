"""Bfloat16 for the frozen part of a model while it trains.

A frozen base needs no float32 master copy: its weights are rounded once, not in every forward as autocast does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn

Precision = Literal["auto", "float32", "bfloat16"]


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster than in float32 there; False where torch cannot tell."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Private names in torch 2.x: absent ones mean "cannot tell".
    probes = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return device.type == "cpu" and any(probe() for probe in probes if probe is not None)


@contextmanager
def rounded(model: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """``model``'s floating parameters in ``dtype`` for the duration; afterwards the very same tensors as before."""
    kept = {id(p): (p, p.data) for p in model.parameters() if p.is_floating_point()}
    for p, data in kept.values():
        p.data = data.to(dtype)
    try:
        yield
    finally:
        for p, data in kept.values():
            p.data = data
