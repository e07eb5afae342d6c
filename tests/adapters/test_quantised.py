"""QLoRA: NF4 with double quantisation against thirty lines of our own, PEFT over bitsandbytes, and plain autograd."""

import gc
import json
import logging
import subprocess
import sys
import weakref
from functools import partial

import pytest
import torch
from decoders import DECODERS
from scipy.stats import norm
from torch import nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

from rung.adaptation import hash_folder
from rung.adapters import LoraConfig, QloraConfig, attach, attach_folder, attached, quantised, save
from rung.adapters.quantised import FourBit, QloraLayer, pack
from rung.documents import Document
from rung.engine.fake import fake_model, tiny_llama
from rung.engine.flat import forward_flat
from rung.finetune import Hyperparameters, finetune
from rung.types import AdaptationError, UserError

bnb = pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the quant and dev extras")
pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's and bitsandbytes' own
TOKENS = torch.arange(5, 17).view(2, 6)


WIDE = [
    tiny_llama,
    *(partial(build, 32, 0.3) for build in DECODERS[1:]),
]  # blocks of 64 weights, answers that differ clearly
every_shape = pytest.mark.parametrize("build", WIDE, ids=["llama", "qwen2", "gpt2", "neox"])


def logits(hf):
    with torch.no_grad():
        return forward_flat(hf, TOKENS.tolist())


def learnable(n=40):
    return [Document((256, 20 + i % 7, 65 + i % 2, 58, 48 + i % 2), 4, f"d{i}") for i in range(n)]


# --- the numbers ---------------------------------------------------------------------------------------------------


def nf4_levels() -> torch.Tensor:
    """Dettmers et al. 2023, appendix E: quantiles of N(0, 1), 8 above zero and 7 below, and zero itself."""
    offset = 0.5 * ((1 - 1 / 30) + (1 - 1 / 32))  # the outermost quantile
    above = norm.ppf([offset + (0.5 - offset) * i / 8 for i in range(8)])
    below = -norm.ppf([offset + (0.5 - offset) * i / 7 for i in range(7)])
    levels = torch.tensor([*above, 0.0, *below], dtype=torch.float64).sort().values
    return (levels / levels.max()).float()


def nearest(numbers: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    return levels[(numbers.unsqueeze(-1) - levels).abs().argmin(-1)]


def blocks(numbers: torch.Tensor, size: int) -> torch.Tensor:
    return F.pad(numbers.flatten(), (0, -numbers.numel() % size)).view(-1, size)


def dynamic_levels() -> torch.Tensor:
    """Dettmers et al. 2022 (arXiv 2110.02861): a sign, a decimal exponent in unary, and a fraction in the bits left."""
    levels = [0.0, 1.0]
    for exponent in range(7):
        edges = torch.linspace(0.1, 1, 2**exponent + 1, dtype=torch.float64)
        middles = (edges[:-1] + edges[1:]) / 2 * 10.0 ** (exponent - 6)
        levels += [*middles.tolist(), *(-middles).tolist()]
    return torch.tensor(levels).sort().values.float()


def reference(weight: torch.Tensor) -> torch.Tensor:
    """What ``weight`` becomes: blocks of 64 by their largest, and those in 8 bits by blocks of 256 around their mean."""
    rows = blocks(weight, 64)
    largest = rows.abs().amax(1)
    codes = nearest(rows / largest.clamp(min=1e-30).unsqueeze(1), nf4_levels())
    offset = largest.mean()
    groups = blocks(largest - offset, 256)
    greatest = groups.abs().amax(1, keepdim=True)
    opened = (nearest(groups / greatest, dynamic_levels()) * greatest).flatten()[: len(largest)] + offset
    return (codes * opened.unsqueeze(1)).flatten()[: weight.numel()].view(weight.shape)


@pytest.mark.parametrize("shape", [(96, 128), (48, 33), (300, 256)])  # part of a block, several groups of 256 blocks
def test_packed_weights_are_nf4_with_double_quantisation(shape):
    torch.manual_seed(0)
    weight = torch.randn(shape) * torch.rand(shape[0], 1)
    found, wanted = pack(weight).open(torch.float32), reference(weight)
    # bitsandbytes' search for the 8 bits takes the neighbour of the nearest level now and then: 20 of 16,384 blocks.
    same = blocks(found - wanted, 64).abs().amax(1) < 1e-6
    assert float(same.float().mean()) > 0.99 and float((found - wanted).abs().max()) < 0.2
    # Random numbers of a normal distribution: the mean error of NF4 is about 7 % of the deviation.
    assert 0.02 < float((found - weight).abs().mean() / weight.std()) < 0.10


def test_the_bytes_are_those_of_the_paper():
    packed = pack(torch.randn(1024, 1024))
    assert packed.bytes * 8 / 2**20 == pytest.approx(4 + 8 / 64 + 32 / (64 * 256), abs=1e-4)  # and one offset
    assert torch.equal(packed.open(torch.bfloat16), packed.open(torch.float32).bfloat16())


# --- the layer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rslora", [False, True])
def test_layer_equals_plain_autograd(transposed, rslora):
    torch.manual_seed(0)
    module = Conv1D(24, 16) if transposed else nn.Linear(16, 24)
    module.requires_grad_(False)
    nn.init.normal_(module.bias)
    layer = QloraLayer(FourBit(module, keep=True), torch.randn(4, 16), torch.randn(24, 4), 6.0, rslora, 0.0)
    weight = layer.base.packed.open(torch.float32)
    a, b = (p.detach().clone().requires_grad_() for p in (layer.a, layer.b))
    x, x2 = (torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(3)).requires_grad_() for _ in range(2))
    wanted = F.linear(x2, weight, module.bias) + 6.0 / (2.0 if rslora else 4.0) * F.linear(F.linear(x2, a), b)
    got = layer.forward(x)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)
    pull = torch.randn_like(wanted)
    wanted.backward(pull)
    got.backward(pull)
    for ours, plain in ((x, x2), (layer.a, a), (layer.b, b)):
        torch.testing.assert_close(ours.grad, plain.grad, atol=1e-4, rtol=1e-5)


def test_the_graph_keeps_no_float_weight():
    layer = FourBit(nn.Linear(256, 256), keep=False)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        layer.forward(torch.randn(3, 256, requires_grad=True)).sum().backward()
    assert sum(kept) == 0


def test_dropout_only_while_training():
    hf = tiny_llama()
    handle = attach(hf, QloraConfig(rank=2, dropout=0.5), seed=0)
    stirred(handle)
    calm = logits(hf)
    handle.train()
    torch.manual_seed(0)
    assert not torch.equal(logits(hf), calm)
    handle.train(False)
    assert torch.equal(logits(hf), calm)


# --- on a model ----------------------------------------------------------------------------------------------------


def stirred(handle, seed=1):
    """Random B, so that the adapter does something."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in handle.parameters.items():
        if "lora_B" in name:
            p.data.normal_(0, 0.03, generator=generator)
    return handle


@every_shape
def test_it_is_lora_over_the_opened_weights(build):
    """The same LoRA on a float model whose weights are what the 4 bits stand for gives the same logits and gradients."""
    hf, plain = build(), build()
    handle = stirred(attach(hf, QloraConfig(rank=3, alpha=5.0), seed=2))
    layers = dict(plain.named_modules())
    with torch.no_grad():
        for name, layer in handle.base.items():
            opened = layer.packed.open(torch.float32)
            layers[name].weight.copy_(opened.T if isinstance(layers[name], Conv1D) else opened)
    same = stirred(attach(plain, LoraConfig(rank=3, alpha=5.0), seed=2))
    assert set(same.parameters) == set(handle.parameters) and handle.kept == same.kept
    assert (logits(hf) - logits(plain)).abs().max() < 1e-4
    for one in (hf, plain):
        forward_flat(one, TOKENS.tolist()).log_softmax(-1)[:, 7].sum().backward()
    for name, p in handle.parameters.items():
        torch.testing.assert_close(p.grad, same.parameters[name].grad, atol=1e-3, rtol=1e-3)


@every_shape
def test_detached_is_the_base_bit_for_bit(build):
    hf = build()
    before = {n: p.clone() for n, p in hf.state_dict().items()}
    flags, objects = ({n: f(p) for n, p in hf.named_parameters()} for f in (lambda p: p.requires_grad, id))
    plain = logits(hf)
    handle = attach(hf, QloraConfig(rank=2), seed=0)
    fresh = logits(hf)
    assert (fresh - plain).abs().max() > 1e-3  # 4 bits are not the base
    handle.merge()
    assert torch.equal(logits(hf), fresh)  # and merging changes nothing
    handle.unmerge()
    assert all(m.weight.is_meta for m in (layer.module for layer in handle.base.values()))
    with pytest.raises(AdaptationError, match="carries an adapter already"):
        attach(hf, QloraConfig())
    handle.detach()
    handle.detach()
    assert all(torch.equal(p, before[n]) for n, p in hf.state_dict().items())
    assert {n: p.requires_grad for n, p in hf.named_parameters()} == flags
    assert {n: id(p) for n, p in hf.named_parameters()} == objects
    assert torch.equal(logits(hf), plain)


def test_without_keep_base_the_memory_is_given_up():
    hf = tiny_llama()
    weights = [weakref.ref(m.weight) for m in hf.modules() if isinstance(m, nn.Linear)]
    head = hf.get_output_embeddings().weight
    handle = attach(hf, QloraConfig(rank=2, keep_base=False), seed=0)
    gc.collect()
    assert {w() for w in weights} == {None, head}  # the tied head stays
    floats = sum(m.numel() for m in (layer.module.weight for layer in handle.base.values())) * 4
    assert handle.base_bytes < floats / 7
    assert logits(hf).isfinite().all()
    handle.detach()
    with pytest.raises(AdaptationError, match="load the model again"):
        logits(hf)
    with pytest.raises(AdaptationError, match="already"):
        attach(hf, LoraConfig())


def test_lora_may_stand_on_some_layers_while_all_are_packed():
    hf = tiny_llama()
    handle = attach(hf, QloraConfig(rank=2, targets=("q_proj", "v_proj")), seed=0)
    assert len(handle.base) == 14 and len(handle.layers) == 4
    plain = {n: m for n, m in hf.named_modules() if "forward" in m.__dict__}
    assert set(plain) == set(handle.base)
    handle.detach()
    assert not any("forward" in m.__dict__ for m in hf.modules())


# --- on disk -------------------------------------------------------------------------------------------------------


@every_shape
def test_saved_and_loaded_is_in_memory(build, tmp_path):
    hf = build()
    handle = stirred(attach(hf, QloraConfig(rank=3, alpha=5.0), seed=0))
    wanted = logits(hf)
    save(handle, tmp_path / "adapter", base="tiny")
    handle.detach()
    plain = logits(hf)
    with attached(hf, tmp_path / "adapter") as again:
        assert again.method == "qlora" and again.config == QloraConfig(3, 5.0, targets=tuple(sorted(handle.layers)))
        assert torch.equal(logits(hf), wanted)
    assert torch.equal(logits(hf), plain)
    assert sorted(p.name for p in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors", "quantisation.json",
    ]  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["adapter"]


@pytest.mark.parametrize(
    "build", [WIDE[0], WIDE[1], WIDE[3]], ids=["llama", "qwen2", "neox"]
)  # Linear4bit has no Conv1D
def test_peft_over_bitsandbytes_gives_the_same(build, tmp_path):
    peft = pytest.importorskip("peft", reason="peft is in the dev extra")
    hf = build()
    handle = stirred(attach(hf, QloraConfig(rank=3, alpha=5.0), seed=0))
    save(handle, tmp_path / "adapter", base="tiny")
    theirs = build()
    for name in handle.base:
        old = theirs.get_submodule(name)
        new = bnb.nn.Linear4bit(
            old.in_features, old.out_features, bias=old.bias is not None, compute_dtype=torch.float32,
            compress_statistics=True, quant_type="nf4",
        )  # fmt: skip
        new.load_state_dict(old.state_dict())
        theirs.set_submodule(name, new.to("cpu"))
        assert theirs.get_submodule(name).weight.quant_state is not None
    theirs = peft.PeftModel.from_pretrained(theirs, tmp_path / "adapter").train()  # so that no fused kernel rounds
    found = theirs(TOKENS).logits.flatten(0, 1)
    assert (found - logits(hf)).abs().max() < 1e-4 < (found - logits(build())).abs().max()


def test_what_does_not_fit_is_refused(tmp_path):
    hf = tiny_llama()
    handle = stirred(attach(hf, QloraConfig(rank=2), seed=0))
    save(handle, tmp_path / "adapter")
    handle.detach()
    before = hash_folder(tmp_path / "adapter")
    with pytest.raises(AdaptationError, match="another base model"):
        attach_folder(WIDE[1](), tmp_path / "adapter")
    form = tmp_path / "adapter" / "quantisation.json"
    told = form.read_text()
    for text, message in (
        (json.dumps({**json.loads(told), "kind": "fp4"}), "fp4"), ("{", "not valid JSON"), ("[]", "no JSON object"),
    ):  # fmt: skip
        form.write_text(text)
        assert hash_folder(tmp_path / "adapter") != before  # what an adaptation notices when it is loaded
        with pytest.raises(AdaptationError, match=message):
            attach_folder(hf, tmp_path / "adapter")
    form.write_text(told)
    weights = tmp_path / "adapter" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(AdaptationError, match="broken"):
        attach_folder(hf, tmp_path / "adapter")
    with pytest.raises(AdaptationError, match="DoRA over a 4-bit base"):
        attach(hf, QloraConfig(dora=True))
    assert not any("forward" in m.__dict__ for m in hf.modules())


def test_without_bitsandbytes_it_says_what_to_type(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "bitsandbytes.functional", None)
    hf = tiny_llama()
    with pytest.raises(UserError, match=r"pip install -e .*\.\[quant\]"):
        attach(hf, QloraConfig())
    assert not any("forward" in m.__dict__ for m in hf.modules())


# --- training ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_and_is_equal_after_a_kill(precision, tmp_path):
    model = fake_model()
    before = {n: p.clone() for n, p in model.hf.state_dict().items()}
    settings = Hyperparameters(learning_rate=0.01, batch=8, steps=30, precision=precision, checkpoint_every=10)
    seen = []

    def look():
        seen.append(model.score(["x"], ["0", "1"])[0].logprobs)
        return float(len(seen))

    config = QloraConfig(rank=4, dropout=0.1)
    whole = finetune(model, learnable(), config, settings, folder=tmp_path / "whole", evaluate=look)
    assert len(set(seen)) == 4
    assert whole.report.losses[-1] < whole.report.losses[0] - 1
    wanted = {n: p.detach().clone() for n, p in whole.handle.parameters.items()}
    answers = model.score(["abc"], ["0", "1"])[0].logprobs
    whole.handle.detach()

    def kill(step, loss, scale):
        if step == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(model, learnable(), config, settings, folder=tmp_path / "killed", on_step=kill)
    assert all(torch.equal(p, before[n]) for n, p in model.hf.state_dict().items())
    resumed = finetune(model, learnable(), config, settings, folder=tmp_path / "killed")
    assert all(torch.equal(p, wanted[n]) for n, p in resumed.handle.parameters.items())
    assert all(p.dtype == torch.float32 for p in wanted.values())
    resumed.handle.detach()
    assert all(torch.equal(p, before[n]) for n, p in model.hf.state_dict().items())
    with attached(model.hf, tmp_path / "killed" / "adapter"):
        assert model.score(["abc"], ["0", "1"])[0].logprobs == answers


def test_it_trains_on_a_base_that_was_given_up():
    model = fake_model()
    settings = Hyperparameters(learning_rate=0.01, batch=8, steps=20, evaluations=2)
    look = lambda: model.score(["x"], ["0", "1"])[0].logprobs[0]  # noqa: E731
    trained = finetune(model, learnable(), QloraConfig(rank=4, keep_base=False), settings, evaluate=look)
    assert trained.report.losses[-1] < trained.report.losses[0] - 1
    assert trained.handle.flops(model.shape, 10) == 60 * trained.handle.kept
    assert quantised.FORM["blocksize"] == 64


def test_of_what_bitsandbytes_says_one_notice_alone_is_kept_back(caplog):
    """Imported in a process of its own it says nothing on any CPU; what else it warns of is heard."""
    code = "from rung.adapters.quantised import bitsandbytes; bitsandbytes()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (run.returncode, "gemm_4bit_forward" in run.stderr) == (0, False)
    quantised.pass_over_notice()
    logger = logging.getLogger("bitsandbytes.backends.cpu.ops")
    logger.warning("Failed to load CPU gemm_4bit_forward from kernels-community: %s.", "no kernels")
    logger.warning("the codes are broken")
    assert [record.getMessage() for record in caplog.records] == ["the codes are broken"]
