"""Bfloat16 for the frozen part of a model while it trains, and how much memory that took.

A frozen base needs no float32 master copy: its weights are rounded once, not in every forward as autocast does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
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


class PeakMemory:
    """The most memory that a block of code held beyond what was held at its start, in bytes.

    On a GPU torch counts; on Linux the kernel's high-water mark is reset and read again; elsewhere None: not measured.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.bytes: int | None = None

    def __enter__(self) -> PeakMemory:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before: int | None = torch.cuda.memory_allocated(self.device)
        else:
            self._before = _reset_high_water()
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            return
        after = torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else _status("VmHWM")
        self.bytes = None if after is None else max(0, after - self._before)


def _reset_high_water() -> int | None:
    """Resets the process's peak to its present size, and gives that size; None where the kernel has no such file."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: "5" resets VmHWM, see proc(5)
    except OSError:
        return None
    return _status("VmRSS")


def _status(name: str) -> int | None:
    match = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(match[1]) * 1024 if match else None
