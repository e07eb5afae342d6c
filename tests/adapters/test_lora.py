"""LoRA's arithmetic against plain autograd, and the promise that the base is never touched."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

from rung.adapters import LoraConfig, attach, attached
from rung.adapters.lora import LoraLayer, find_targets, rows
from rung.documents import Document
from rung.engine.fake import fake_model, tiny_llama
from rung.finetune import Hyperparameters, finetune
from rung.types import AdaptationError

TOKENS = torch.arange(12).view(2, 6)
every_kind = pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rslora", [False, True])
def test_layer_equals_plain_autograd(transposed, rslora):
    torch.manual_seed(0)
    module = Conv1D(7, 5) if transposed else nn.Linear(5, 7)
    module.requires_grad_(False)
    layer = LoraLayer(module, torch.randn(4, 5), torch.randn(7, 4), 6.0, rslora, 0.0)
    scale = 6.0 / 2.0 if rslora else 6.0 / 4.0  # alpha / sqrt(r), alpha / r with r = 4
    a, b = layer.a.detach().clone().requires_grad_(), layer.b.detach().clone().requires_grad_()
    x, x2 = (torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(3)).requires_grad_() for _ in range(2))
    weight = module.weight.T if transposed else module.weight
    wanted = F.linear(x2, weight, module.bias) + scale * F.linear(F.linear(x2, a), b)
    got = layer.forward(x)
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-5)
    pull = torch.randn_like(wanted)
    wanted.backward(pull)
    got.backward(pull)
    for ours, plain in ((x, x2), (layer.a, a), (layer.b, b)):
        torch.testing.assert_close(ours.grad, plain.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("transposed", [False, True])
def test_dora_equals_its_equation_and_plain_autograd_with_the_length_held_constant(transposed):
    torch.manual_seed(0)
    module = Conv1D(7, 5) if transposed else nn.Linear(5, 7)
    module.bias.data.normal_()
    module.requires_grad_(False)
    layer = LoraLayer(module, torch.randn(4, 5), torch.randn(7, 4), 6.0, False, 0.0, torch.rand(7) + 0.5)
    a, b, m = (p.detach().clone().requires_grad_() for p in (layer.a, layer.b, layer.magnitude))
    x, x2 = (torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(3)).requires_grad_() for _ in range(2))
    whole = rows(module) + 6.0 / 4.0 * b @ a
    wanted = F.linear(x2, m[:, None] * whole / whole.detach().norm(dim=1, keepdim=True), module.bias)
    got = layer.forward(x)
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-5)
    pull = torch.randn_like(wanted)
    wanted.backward(pull)
    got.backward(pull)
    for ours, plain in ((x, x2), (layer.a, a), (layer.b, b), (layer.magnitude, m)):
        torch.testing.assert_close(ours.grad, plain.grad, atol=1e-5, rtol=1e-5)
    layer.merge()
    torch.testing.assert_close(layer.forward(x), wanted, atol=1e-6, rtol=1e-5)


def test_dora_leaves_a_row_of_zeros_alone():
    hf = tiny_llama()
    with torch.no_grad():
        hf.model.layers[0].mlp.up_proj.weight[3] = 0
    before = hf(TOKENS).logits
    handle = attach(hf, LoraConfig(rank=2, dora=True))
    assert torch.equal(hf(TOKENS).logits, before)
    hf(TOKENS).logits.square().mean().backward()
    assert all(p.grad.isfinite().all() for p in handle.parameters.values())
    with handle.merged():
        assert hf(TOKENS).logits.isfinite().all()


def test_dora_counts_its_lengths():
    plain, dora = (attach(tiny_llama(), LoraConfig(rank=2, dora=d)) for d in (False, True))
    outputs = sum(p.numel() for n, p in dora.parameters.items() if "magnitude" in n)
    assert outputs == 2 * (32 + 16 + 16 + 32 + 64 + 64 + 32) == dora.kept - plain.kept
    numbers = 2 * (32 * 32 * 2 + 32 * 16 * 2 + 32 * 64 * 3)
    assert dora.flops(None, 10) == plain.flops(None, 10) + 6 * outputs * 10 + (2 * 2 + 3) * numbers


@every_kind
def test_fresh_adapter_changes_nothing_and_a_stirred_one_does(hf, stir, dora):
    before = hf(TOKENS).logits
    handle = attach(hf, LoraConfig(rank=3, dora=dora), seed=0)
    assert torch.equal(hf(TOKENS).logits, before)
    stir(handle)
    assert (hf(TOKENS).logits - before).abs().max() > 1e-2


def test_initial_values():
    handle = attach(tiny_llama(), LoraConfig(rank=4), seed=0)
    for name, p in handle.parameters.items():
        if "lora_B" in name:
            assert not p.any()
        else:  # kaiming_uniform with a = sqrt 5: bound = sqrt(6 / (1 + 5) / fan_in) = 1 / sqrt(fan_in)
            bound = p.shape[1] ** -0.5
            assert 0.9 * bound < p.abs().max() <= bound
    again, other = attach(tiny_llama(), LoraConfig(rank=4), seed=0), attach(tiny_llama(), LoraConfig(rank=4), seed=1)
    name = next(iter(handle.parameters))
    assert torch.equal(again.parameters[name], handle.parameters[name])
    assert not torch.equal(other.parameters[name], handle.parameters[name])


@every_kind
def test_only_the_adapter_learns_and_detaching_restores_the_base_bit_for_bit(hf, stir, dora):
    weights = {n: p.clone() for n, p in hf.state_dict().items()}
    flags = {n: p.requires_grad for n, p in hf.named_parameters()}
    before = hf(TOKENS).logits
    handle = attach(hf, LoraConfig(rank=2, dora=dora), seed=0)
    stir(handle)
    optimizer = torch.optim.AdamW(handle.parameters.values(), lr=0.1)
    hf(TOKENS).logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in handle.parameters.values())
    assert all(p.grad is None for p in hf.parameters())
    optimizer.step()
    handle.merge()
    handle.unmerge()
    handle.merge()
    handle.detach()
    handle.detach()
    assert set(hf.state_dict()) == set(weights)
    assert all(torch.equal(p, weights[n]) for n, p in hf.state_dict().items())
    assert {n: p.requires_grad for n, p in hf.named_parameters()} == flags
    assert torch.equal(hf(TOKENS).logits, before)


@every_kind
def test_merged_equals_unmerged(hf, stir, dora):
    handle = attach(hf, LoraConfig(rank=3, alpha=7.0, dora=dora), seed=0)
    stir(handle)
    apart = hf(TOKENS).logits
    with handle.merged():
        assert (hf(TOKENS).logits - apart).abs().max() < 1e-5 * apart.abs().max()
    assert torch.equal(hf(TOKENS).logits, apart)


@every_kind
def test_bfloat16_base_keeps_a_float32_adapter(stir, dora):
    hf = tiny_llama(dtype=torch.bfloat16)
    before = hf(TOKENS).logits
    handle = attach(hf, LoraConfig(rank=2, dora=dora), seed=0)
    assert torch.equal(hf(TOKENS).logits, before)
    stir(handle)
    logits = hf(TOKENS).logits
    logits.float().square().mean().backward()
    assert logits.dtype == torch.bfloat16
    assert {p.dtype for p in handle.parameters.values()} == {torch.float32}
    assert {p.grad.dtype for p in handle.parameters.values()} == {torch.float32}


@every_kind
def test_dropout_only_while_training(stir, dora):
    hf = tiny_llama()
    handle = attach(hf, LoraConfig(rank=2, dropout=0.5, dora=dora), seed=0)
    stir(handle)
    calm = hf(TOKENS).logits
    handle.train()
    torch.manual_seed(0)
    assert not torch.equal(hf(TOKENS).logits, calm)
    handle.train(False)
    assert torch.equal(hf(TOKENS).logits, calm)


def test_targets(tiny_gpt2):
    hf = tiny_llama()
    leaves = {n.rsplit(".", 1)[-1] for n in find_targets(hf, "all-linear")}
    assert leaves == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}  # not lm_head
    assert {n.rsplit(".", 1)[-1] for n in find_targets(hf, ("q_proj", "v_proj"))} == {"q_proj", "v_proj"}
    assert len(find_targets(tiny_gpt2(), "all-linear")) == 2 * 4  # c_attn, c_proj, c_fc, c_proj in each block
    with pytest.raises(AdaptationError, match=r"q_prj.*q_proj"):
        find_targets(hf, ("q_prj",))


def test_second_adapter_is_refused():
    hf = tiny_llama()
    handle = attach(hf, LoraConfig(), seed=0)
    with pytest.raises(AdaptationError, match="carries an adapter already"):
        attach(hf, LoraConfig(), seed=0)
    handle.detach()
    attach(hf, LoraConfig(), seed=0)


def test_dora_learns_and_answers_the_same_from_its_folder(tmp_path):
    model = fake_model()
    documents = [Document((256, 20 + i % 7, 65 + i % 2, 58, 48 + i % 2), 4, f"d{i}") for i in range(40)]
    settings = Hyperparameters(learning_rate=0.01, batch=8, steps=40, precision="float32")
    trained = finetune(model, documents, LoraConfig(rank=2, dora=True, dropout=0.1), settings, folder=tmp_path)
    assert trained.report.losses[-1] < trained.report.losses[0] - 1
    answers = model.score(["abc"], ["0", "1"])[0].logprobs
    trained.handle.detach()
    with attached(model.hf, tmp_path / "adapter") as again:
        assert again.config.dora
        assert model.score(["abc"], ["0", "1"])[0].logprobs == pytest.approx(answers, abs=1e-4)
