"""Several processes train one model: ``torchrun --nproc-per-node 2 -m rung pretrain TEXTS OUT``.

Each process holds the whole model and reads its share of every batch's rows; gradients are summed while they are made
(DistributedDataParallel). With ``--shard`` each holds a part of every weight, gradient and state, and a block is put together
only while it computes (FSDP2): for models that do not fit one GPU, some 3B parameters in 80 GB. Losses are sums over the targets
of the whole batch, whoever holds them, so that the curve is that of one process either way. Only the first process writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard

from rung.types import UserError

# Others wait while the first process encodes the texts. A process that dies is noticed by torchrun, not by waiting.
PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class Ranks:
    """The processes of one run, as one of them sees it; alone by default."""

    rank: int = 0
    world: int = 1
    device: str = "cpu"
    shard: bool = False  # each holds a part of the model, not all of it

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

    def shared(self, module: nn.Module, blocks: Iterable[nn.Module]) -> nn.Module:
        """``module`` with gradients averaged over the processes.

        With ``shard`` its parameters become parts, those of each of ``blocks`` put together on their own: make optimisers behind it.
        """
        if self.world == 1:
            return module
        if not self.shard:
            return nn.parallel.DistributedDataParallel(module)
        for part in (*blocks, module):
            sharded = fully_shard(part)
            sharded.set_force_sum_reduction_for_comms(not self.device.startswith("cuda"))  # Gloo cannot average
        return module

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
def processes(*, shard: bool = False) -> Iterator[Ranks]:
    """Join the processes that torchrun started, or be alone: NCCL and one GPU each, Gloo on CPUs.

    UserError where a model is to be held in parts by one process.
    """
    world, gpus = int(os.environ.get("WORLD_SIZE", "1")), torch.cuda.is_available()
    if shard and world == 1:
        raise UserError(
            "--shard divides a model among processes, and there is one: type torchrun --nproc-per-node 2 -m rung pretrain ...",
            zh="--shard 把模型分给多个进程，而现在只有一个：请用 torchrun --nproc-per-node 2 -m rung pretrain ... 启动",
        )
    if world == 1:
        yield Ranks(device="cuda" if gpus else "cpu")
        return
    local = int(os.environ["LOCAL_RANK"])
    if gpus:
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if gpus else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(number(), world, f"cuda:{local}" if gpus else "cpu", shard)
    finally:
        dist.destroy_process_group()
