"""Tensors that several processes hold in parts (PyTorch's DTensor, as FSDP2 makes them), and the same tensors whole.

A whole is put together by all processes at once: each must ask, for the same tensors in the same order.
"""

from __future__ import annotations

from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def whole(tensor: Tensor) -> Tensor:
    """All of it, in every process; a tensor that is not held in parts is given back as it is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def parted(tensor: Tensor, like: Tensor) -> Tensor:
    """``tensor``, which every process has whole, held in parts as ``like`` is; as it is where ``like`` is whole."""
    if not isinstance(like, DTensor):
        return tensor
    # No data travels: each process cuts its own part.
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
