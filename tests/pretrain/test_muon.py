"""Muon beside torch's own, and what its step is."""

import pytest
import torch

from rung.pretrain import muon
from rung.pretrain.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(8, 8), (6, 20), (20, 6)])
def test_singular_values_end_near_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonalised(matrix, torch.float32))
    assert values.min() > 0.3 and values.max() < 1.7


def test_a_step_is_torchs_step(monkeypatch):
    monkeypatch.setattr(muon, "has_fast_bfloat16", lambda device: True)
    torch.manual_seed(0)
    start = torch.randn(12, 5)
    grads = [torch.randn(12, 5) for _ in range(3)]
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    mine = Muon([ours], 0.01, weight_decay=0.1)
    reference = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for grad in grads:
        ours.grad, theirs.grad = grad.clone(), grad.clone()
        mine.step()
        reference.step()
    assert (ours - theirs).abs().max() < 2e-4  # bfloat16 in between, in another order of operations


def test_float32_where_bfloat16_is_slow(monkeypatch):
    seen = []
    monkeypatch.setattr(muon, "has_fast_bfloat16", lambda device: False)
    monkeypatch.setattr(muon, "orthogonalised", lambda m, dtype: seen.append(dtype) or torch.zeros_like(m))
    p = torch.nn.Parameter(torch.ones(3, 3))
    p.grad = torch.ones(3, 3)
    Muon([p], 0.1).step()
    assert seen == [torch.float32]


def test_a_vector_is_refused():
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        Muon([torch.nn.Parameter(torch.ones(4))], 0.1)


def test_no_gradient_no_step():
    p = torch.nn.Parameter(torch.ones(3, 3))
    Muon([p], 0.1).step()
    assert torch.equal(p, torch.ones(3, 3))
