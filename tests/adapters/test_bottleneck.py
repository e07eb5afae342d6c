"""Bottleneck adapters: a plain sum written out by hand is the reference, on four architectures; the base is never touched."""

import json

import pytest
import torch
from decoders import every_decoder, gpt2, neox, qwen2
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    OPTConfig,
    OPTForCausalLM,
)

from rung.adapters import BottleneckConfig, LoraConfig, attach, attach_folder, attached, save
from rung.adapters.bottleneck import PARTS, find_sublayers
from rung.documents import Document
from rung.engine import Model, install
from rung.engine.fake import fake_model, tiny_llama
from rung.engine.flat import forward_flat
from rung.finetune import Hyperparameters, finetune
from rung.types import AdaptationError

TOKENS = torch.arange(5, 17).view(2, 6)


PLACEMENTS = ["houlsby", "pfeiffer", "parallel"]
every_placement = pytest.mark.parametrize("placement", PLACEMENTS)


def stir(handle, seed=1):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in handle.parameters.values():
            p.add_(torch.randn(p.shape, generator=generator).to(p), alpha=0.3)


def build():
    hf = build()
    install(hf)
    return hf


@pytest.fixture
def model() -> Model:
    return fake_model()


class Block(nn.Module):
    """A block of any of the four, written out: what the sub-layers of the base give, and the adapters' equation."""

    def __init__(self, base, adapters, placement, scale, names, *, both_from_one):
        super().__init__()
        self.base, self.adapters, self.placement, self.scale = base, adapters, placement, scale
        self.norm1, self.attention, self.norm2, self.feed_forward = (getattr(base, n) for n in names)
        self.both_from_one = both_from_one

    def a(self, which, h):
        down, b1, up, b2 = self.adapters[which]
        return self.scale * F.gelu(h @ down.T + b1) @ up.T + b2

    def forward(self, x, *_args, **options):
        y = self.attention(hidden_states=self.norm1(x), **options)[0]
        if self.placement == "houlsby":
            y = y + self.a(0, y)
        read = self.norm2(x if self.both_from_one else x + y)
        z = self.feed_forward(read)
        z = z + self.a(-1, read if self.placement == "parallel" else z)
        return x + y + z


NORMS = {
    tiny_llama: ("input_layernorm", "self_attn", "post_attention_layernorm", "mlp"),
    qwen2: ("input_layernorm", "self_attn", "post_attention_layernorm", "mlp"),
    gpt2: ("ln_1", "attn", "ln_2", "mlp"),
    neox: ("input_layernorm", "attention", "post_attention_layernorm", "mlp"),
}


def written_out(build, handle, placement, scale):
    """A fresh base whose blocks are :class:`Block`, with copies of the handle's numbers."""
    numbers = [[p.detach().clone().requires_grad_() for p in layer.numbers] for layer in handle.layers.values()]
    each = 2 if placement == "houlsby" else 1
    hf = build()
    blocks = next(m for m in hf.modules() if isinstance(m, nn.ModuleList) and len(m) == 2)
    for i, block in enumerate(list(blocks)):
        mine = numbers[i * each : (i + 1) * each]
        blocks[i] = Block(block, mine, placement, scale, NORMS[build], both_from_one=build is neox)
    return hf, numbers


@every_decoder
@every_placement
def test_it_is_the_equation_written_out_with_its_gradients(build, placement):
    hf = build()
    plain = hf(TOKENS, use_cache=False).logits
    handle = attach(hf, BottleneckConfig(bottleneck=3, placement=placement, activation="gelu", scale=0.7), seed=0)
    stir(handle)
    reference, numbers = written_out(build, handle, placement, 0.7)
    ours, theirs = hf(TOKENS, use_cache=False).logits, reference(TOKENS, use_cache=False).logits
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert (ours - plain).abs().max() > 1e-2
    pull = torch.randn(ours.shape, generator=torch.Generator().manual_seed(2))
    ours.backward(pull)
    theirs.backward(pull)
    for layer, wanted in zip(handle.layers.values(), numbers, strict=True):
        for found, plain_number in zip(layer.numbers, wanted, strict=True):
            scale = plain_number.grad.abs().max()
            assert scale > 0 and (found.grad - plain_number.grad).abs().max() < 1e-5 * scale


@every_decoder
@every_placement
def test_a_fresh_one_changes_no_bit_and_the_base_stays_what_it_was(build, placement):
    hf = build()
    before = {n: p.clone() for n, p in hf.state_dict().items()}
    plain = forward_flat(hf, TOKENS.tolist()).detach()
    cached = hf.generate(TOKENS, max_new_tokens=3, do_sample=False, pad_token_id=0)
    handle = attach(hf, BottleneckConfig(placement=placement))
    assert torch.equal(forward_flat(hf, TOKENS.tolist()), plain)
    stir(handle)
    forward_flat(hf, TOKENS.tolist()).square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in handle.parameters.values())
    assert all(p.grad is None for p in hf.parameters())
    with handle.merged():
        handle.merge()
        handle.unmerge()
        assert not torch.equal(forward_flat(hf, TOKENS.tolist()), plain)
    handle.detach()
    handle.detach()
    assert not any("forward" in m.__dict__ for m in hf.modules()) and all(p.requires_grad for p in hf.parameters())
    assert set(hf.state_dict()) == set(before) and all(torch.equal(p, before[n]) for n, p in hf.state_dict().items())
    assert torch.equal(forward_flat(hf, TOKENS.tolist()), plain)
    assert torch.equal(hf.generate(TOKENS, max_new_tokens=3, do_sample=False, pad_token_id=0), cached)


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
@every_placement
def test_gradients_against_finite_differences(placement, activation):
    hf = neox().double()
    handle = attach(hf, BottleneckConfig(bottleneck=3, placement=placement, activation=activation, scale=1.5))
    for p in handle.parameters.values():
        p.data = p.data.double()
    stir(handle)

    def loss():
        return forward_flat(hf, TOKENS.tolist()).log_softmax(-1)[:, 7].sum()

    loss().backward()
    generator = torch.Generator().manual_seed(0)
    for name, p in handle.parameters.items():
        way = torch.randn(p.shape, generator=generator, dtype=torch.double)
        step = 1e-6
        with torch.no_grad():
            p.add_(way, alpha=step)
            up = loss()
            p.sub_(way, alpha=2 * step)
            down = loss()
            p.add_(way, alpha=step)
        slope = float((p.grad * way).sum())
        assert float((up - down) / (2 * step)) == pytest.approx(slope, rel=1e-4, abs=1e-7), name


def test_where_they_stand_how_they_begin_and_what_they_cost(model):
    assert list(find_sublayers(gpt2(), "houlsby")) == [
        "transformer.h.0.attn", "transformer.h.0.mlp", "transformer.h.1.attn", "transformer.h.1.mlp",
    ]  # fmt: skip
    assert list(find_sublayers(neox(), "parallel")) == ["gpt_neox.layers.0.mlp", "gpt_neox.layers.1.mlp"]
    kept = {}
    for placement in PLACEMENTS:
        handle = attach(model.hf, BottleneckConfig(bottleneck=4, placement=placement))
        kept[placement] = handle.kept
        matrices = sum(p.numel() for p in handle.parameters.values() if p.ndim == 2)
        assert handle.flops(model.shape, 10) == 6 * matrices * 10
        for name, p in handle.parameters.items():
            if name.endswith("down.weight"):  # kaiming_uniform with a = sqrt 5: bound = 1 / sqrt(d)
                assert 0.8 * 32**-0.5 < p.abs().max() <= 32**-0.5
            else:
                assert not p.any()
        handle.detach()
    assert kept == {"houlsby": 4 * 292, "pfeiffer": 2 * 292, "parallel": 2 * 292}  # 2 m d + d + m = 292
    first, again, other = (attach(tiny_llama(), BottleneckConfig(), seed=s) for s in (0, 0, 1))
    name = next(iter(first.parameters))
    assert torch.equal(first.parameters[name], again.parameters[name])
    assert not torch.equal(first.parameters[name], other.parameters[name])


def test_a_serial_residual_of_neox_works_too():
    hf = neox(parallel=False)
    plain = hf(TOKENS).logits
    handle = attach(hf, BottleneckConfig(placement="houlsby"))
    assert torch.equal(hf(TOKENS).logits, plain)
    handle.detach()


def test_dropout_only_while_training():
    hf = tiny_llama()
    handle = attach(hf, BottleneckConfig(dropout=0.5))
    stir(handle)
    calm = hf(TOKENS).logits
    handle.train()
    torch.manual_seed(0)
    assert not torch.equal(hf(TOKENS).logits, calm)
    handle.train(False)
    assert torch.equal(hf(TOKENS).logits, calm)


@every_placement
def test_a_bfloat16_base_keeps_float32_adapters(placement, tmp_path):
    hf = tiny_llama(dtype=torch.bfloat16)
    plain = hf(TOKENS).logits
    handle = attach(hf, BottleneckConfig(placement=placement))
    assert torch.equal(hf(TOKENS).logits, plain)
    stir(handle)
    logits = hf(TOKENS).logits
    logits.float().square().mean().backward()
    assert logits.dtype == torch.bfloat16
    assert {p.dtype for p in handle.parameters.values()} == {p.grad.dtype for p in handle.parameters.values()}
    assert {p.dtype for p in handle.parameters.values()} == {torch.float32}
    save(handle, tmp_path / "adapter")
    assert {t.dtype for t in load_file(tmp_path / "adapter" / "adapter_model.safetensors").values()} == {torch.float32}


def learnable(n=40):
    return [Document((256, 20 + i % 7, 65 + i % 2, 58, 48 + i % 2), 4, f"d{i}") for i in range(n)]


@every_placement
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_and_answers_the_same_from_its_folder(model, placement, precision, tmp_path):
    config = BottleneckConfig(bottleneck=8, placement=placement, dropout=0.1)
    settings = Hyperparameters(learning_rate=0.01, batch=8, steps=60, precision=precision)
    seen = []
    trained = finetune(model, learnable(), config, settings, folder=tmp_path, evaluate=lambda: seen.append(
        model.score(["x"], ["0", "1"])[0].logprobs) or float(len(seen)))  # fmt: skip
    assert len(set(seen)) == 4  # evaluations see the adapter as it is then
    assert trained.report.losses[-1] < trained.report.losses[0] - 1
    answers = model.score(["abc"], ["0", "1"])[0].logprobs
    trained.handle.detach()
    assert not any("forward" in m.__dict__ for m in model.hf.modules())
    with attached(model.hf, tmp_path / "adapter"):
        assert model.score(["abc"], ["0", "1"])[0].logprobs == answers


@every_decoder
@every_placement
def test_saved_and_loaded_is_what_it_was_in_memory(build, placement, tmp_path):
    hf = build()
    config = BottleneckConfig(bottleneck=5, placement=placement, activation="silu", scale=0.5, dropout=0.1)
    handle = attach(hf, config)
    stir(handle)
    answers = forward_flat(hf, TOKENS.tolist()).detach()
    save(handle, tmp_path / "adapter", base="tiny")
    handle.detach()
    again = attach_folder(hf, tmp_path / "adapter")
    assert again.method == "adapter" and again.config == config and set(again.parameters) == set(handle.parameters)
    assert torch.equal(forward_flat(hf, TOKENS.tolist()), answers)
    assert sorted(p.name for p in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


@pytest.mark.filterwarnings("ignore")  # PEFT's own
def test_peft_refuses_it_by_its_type(tmp_path):
    peft = pytest.importorskip("peft", reason="peft is in the dev extra")
    save(attach(tiny_llama(), BottleneckConfig()), tmp_path / "adapter")
    with pytest.raises((KeyError, ValueError), match="RUNG_BOTTLENECK"):
        peft.PeftModel.from_pretrained(tiny_llama(), tmp_path / "adapter")


@pytest.fixture
def folder(tmp_path):
    save(attach(tiny_llama(), BottleneckConfig(bottleneck=4)), tmp_path / "adapter", base="tiny")
    return tmp_path / "adapter"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bottleneck": 5}, r"\[4, 32\] for model\.layers\.0\.mlp\.adapter\.down\.weight, where \[5, 32\] fits"),
        ({"bottleneck": 4.0}, "bottleneck of a bottleneck adapter cannot be 4.0"),
        ({"placement": "houlsby"}, r"lacks 'model\.layers\.0\.self_attn\.adapter\.down\.bias'"),
        ({"placement": "below"}, "'below'; what fits is houlsby / pfeiffer / parallel"),
        ({"activation": "tanh"}, "'tanh'"),
        ({"scale": float("nan")}, "nan"),
        ({"scale": None}, "None"),
        ({"dropout": 1}, "dropout"),
        ({"hidden_size": 64}, "width of 64, and the base model has 32"),
        ({"invented_in_2027": 1}, "invented_in_2027"),
    ],
)
def test_a_configuration_that_would_answer_differently_is_refused(folder, fields, message):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    hf = tiny_llama()
    with pytest.raises(AdaptationError, match=message) as error:
        attach_folder(hf, folder)
    assert error.value.zh != str(error.value)
    assert not any("forward" in m.__dict__ for m in hf.modules())


def test_a_configuration_without_a_field_tensors_that_do_not_fit_and_another_base_are_refused(folder):
    hf, weights = tiny_llama(), folder / "adapter_model.safetensors"
    with pytest.raises(AdaptationError, match="width of 32, and the base model has 16"):
        attach_folder(gpt2(), folder)
    tensors = load_file(weights)
    name = f"model.layers.1.mlp.adapter.{PARTS[0]}"
    for changed, message in (
        ({n: t for n, t in tensors.items() if n != name}, "lacks"),
        ({**tensors, "lm_head.weight": torch.zeros(2)}, "holds 'lm_head.weight'"),
        ({**tensors, name: tensors[name].T.contiguous()}, r"has \[32, 4\]"),
    ):
        save_file(changed, weights)
        with pytest.raises(AdaptationError, match=message):
            attach_folder(hf, folder)
    weights.write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    with pytest.raises(AdaptationError, match="broken"):
        attach_folder(hf, folder)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({n: v for n, v in json.loads(path.read_text()).items() if n != "scale"}))
    with pytest.raises(AdaptationError, match="scale"):
        attach_folder(hf, folder)
    assert not any("forward" in m.__dict__ for m in hf.modules())


@pytest.mark.parametrize("second", [BottleneckConfig(), BottleneckConfig(placement="houlsby"), LoraConfig()])
@pytest.mark.parametrize("first", [BottleneckConfig(), BottleneckConfig(placement="parallel"), LoraConfig()])
def test_a_second_adapter_is_refused(first, second):
    hf = tiny_llama()
    handle = attach(hf, first)
    with pytest.raises(AdaptationError, match="carries an adapter already"):
        attach(hf, second)
    handle.detach()
    attach(hf, second)


def opt():
    return OPTForCausalLM(
        OPTConfig(vocab_size=61, hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=2)
    )


def bloom():
    return BloomForCausalLM(BloomConfig(vocab_size=61, hidden_size=16, n_layer=2, n_head=2))


def crossed():
    return GPT2LMHeadModel(GPT2Config(vocab_size=61, n_embd=16, n_layer=2, n_head=2, add_cross_attention=True))


@pytest.mark.parametrize("build", [opt, bloom, crossed], ids=lambda b: b.__name__)
def test_blocks_that_are_built_another_way_are_refused(build):
    """OPT has no module for its feed-forward, BLOOM's sub-layers add the residual, and here are two attentions."""
    hf = build()
    with pytest.raises(AdaptationError, match="do not fit") as error:
        attach(hf, BottleneckConfig())
    assert "瓶颈适配器" in error.value.zh
    assert all(p.requires_grad for p in hf.parameters())
