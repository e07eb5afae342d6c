"""Several processes train one model: ``torchrun --nproc-per-node 2 -m rung pretrain TEXTS OUT``.

Each process holds the whole model and reads its share of every batch's rows; gradients are summed while they are made
(DistributedDataParallel). Losses are sums over the targets of the whole batch, whoever holds them, so that the curve is
that of one process. Only the first process writes. Sharding the model itself (FSDP2) is not done: Muon wants whole
matrices, and below some 3B parameters float32 weights, gradients and states fit one GPU of 80 GB.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

# Others wait while the first process encodes the texts. A process that dies is noticed by torchrun, not by waiting.
PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class Ranks:
    """The processes of one run, as one of them sees it; alone by default."""

    rank: int = 0
    world: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether this is the one process that writes and speaks."""
        return self.rank == 0

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The block runs in the first process, then in the others: they find the files that it wrote."""
        if not self.first:
            dist.barrier()
        yield
        if self.first and self.world > 1:
            dist.barrier()

    def part(self, rows: np.ndarray) -> np.ndarray:
        """This process's share of a batch's rows."""
        return rows[self.rank :: self.world]

    def shared(self, module: nn.Module) -> nn.Module:
        """``module`` with gradients averaged over the processes."""
        return nn.parallel.DistributedDataParallel(module) if self.world > 1 else module

    def summed(self, loss: Tensor) -> Tensor:
        """The sum of all processes' losses; its gradient is this one's, times what averaging will divide it by."""
        if self.world == 1:
            return loss
        own = loss * self.world
        return own + (self.total(loss) - own).detach()

    def total(self, value: Tensor) -> Tensor:
        """The sum of a number over the processes, without a gradient."""
        found = value.detach().clone()
        if self.world > 1:
            dist.all_reduce(found)
        return found


def number() -> int:
    """This process's number as torchrun tells it; 0 without torchrun."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def processes() -> Iterator[Ranks]:
    """Join the processes that torchrun started, or be alone: NCCL and one GPU each, Gloo on CPUs."""
    world, gpus = int(os.environ.get("WORLD_SIZE", "1")), torch.cuda.is_available()
    if world == 1:
        yield Ranks(device="cuda" if gpus else "cpu")
        return
    local = int(os.environ["LOCAL_RANK"])
    if gpus:
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if gpus else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(number(), world, f"cuda:{local}" if gpus else "cpu")
    finally:
        dist.destroy_process_group()
