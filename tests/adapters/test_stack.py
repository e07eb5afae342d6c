"""A soft prompt over a LoRA: plain autograd and PEFT are the reference; a frozen part stays as it was."""

import json

import pytest
import torch
from decoders import every_decoder, gpt2
from every import stirred
from safetensors.torch import load_file
from torch.func import functional_call
from transformers import DynamicCache

from rung.adapters import (
    BottleneckConfig,
    Frozen,
    FullConfig,
    LoraConfig,
    PromptTuningConfig,
    PTuningV2Config,
    StackConfig,
    attach,
    attach_folder,
    attached,
    save,
)
from rung.adapters.lora import rows
from rung.documents import Document
from rung.engine.fake import fake_model, tiny_llama
from rung.engine.flat import forward_flat
from rung.finetune import Hyperparameters, finetune
from rung.types import AdaptationError

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own
TOKENS = torch.arange(5, 17).view(2, 6)
SHALLOW = StackConfig(PromptTuningConfig(length=3), LoraConfig(rank=2, alpha=3.0))
DEEP = StackConfig(PTuningV2Config(length=3), LoraConfig(rank=2, alpha=3.0))


def ours(hf, handle):
    return forward_flat(hf, TOKENS.tolist(), past=handle.past()).view(*TOKENS.shape, -1)


@every_decoder
@pytest.mark.parametrize("config", [SHALLOW, DEEP], ids=["shallow", "deep"])
def test_it_is_the_equation_with_its_gradients(build, config):
    """Plain tensors: W + s B A in place of W, and [P_e ; E(x)] or [P ; K] in transformers' own forward."""
    hf, plain = build(), build()
    handle = stirred(attach(hf, config))
    numbers = {name: p.detach().clone().requires_grad_() for name, p in handle.parameters.items()}
    changed = {}
    for name in handle.layers.layers:
        a, b = (numbers[f"layers.{name}.lora_{x}.weight"] for x in "AB")
        module = plain.get_submodule(name)
        change = 1.5 * b @ a  # alpha / rank
        changed[f"{name}.weight"] = module.weight + (change if rows(module) is module.weight else change.T)
    soft = numbers["soft.table"]
    if config is SHALLOW:
        embedded = torch.cat([soft.expand(2, -1, -1), plain.get_input_embeddings()(TOKENS)], 1)
        theirs = functional_call(plain, changed, (), {"inputs_embeds": embedded, "use_cache": False}).logits[:, 3:]
    else:
        cache = DynamicCache()
        for layer in range(2):
            cache.update(*(soft[:, 2 * layer + i].transpose(0, 1).expand(2, -1, -1, -1) for i in (0, 1)), layer)
        positions = torch.arange(3, 9).expand(2, -1)
        theirs = functional_call(
            plain, changed, (TOKENS,), {"past_key_values": cache, "position_ids": positions}
        ).logits
    found = ours(hf, handle)
    torch.testing.assert_close(found, theirs, atol=1e-5, rtol=1e-5)
    pull = torch.randn(found.shape, generator=torch.Generator().manual_seed(2))
    found.backward(pull)
    theirs.backward(pull)
    for name, p in handle.parameters.items():
        scale = numbers[name].grad.abs().max()
        assert scale > 0 and (p.grad - numbers[name].grad).abs().max() < 1e-4 * scale, name


@every_decoder
@pytest.mark.parametrize("config", [SHALLOW, DEEP], ids=["shallow", "deep"])
def test_peft_takes_the_layers_and_then_the_soft_prompt(build, config, tmp_path):
    peft = pytest.importorskip("peft", reason="peft is in the dev extra")
    hf = build()
    handle = stirred(attach(hf, config))
    with torch.no_grad():
        wanted = ours(hf, handle)
    save(handle, tmp_path / "adapter", base="tiny")
    merged = peft.PeftModel.from_pretrained(build(), tmp_path / "adapter" / "layers").merge_and_unload()
    theirs = peft.PeftModel.from_pretrained(merged, tmp_path / "adapter" / "soft").eval()
    with torch.no_grad():
        found = theirs(input_ids=TOKENS, attention_mask=torch.ones_like(TOKENS)).logits[:, -TOKENS.shape[1] :]
    assert (found - wanted).abs().max() < 1e-5
    with pytest.raises((KeyError, ValueError), match="RUNG_STACK"):
        peft.PeftModel.from_pretrained(build(), tmp_path / "adapter")
    assert not list((tmp_path / "adapter").rglob("past.safetensors"))  # its keys would be those of the bare base


def learnable(n=40):
    return [Document((256, 20 + i % 7, 65 + i % 2, 58, 48 + i % 2), 4, f"d{i}") for i in range(n)]


QUICK = Hyperparameters(learning_rate=0.02, batch=8, steps=16, precision="float32", checkpoint_every=8)


@pytest.mark.parametrize("first", ["soft", "layers"])
def test_the_second_is_trained_over_the_frozen_first(first, tmp_path):
    model = fake_model()
    parts = {"soft": PromptTuningConfig(length=4), "layers": LoraConfig(rank=2)}
    finetune(model, learnable(), parts[first], QUICK, folder=tmp_path / "first").handle.detach()
    before = load_file(tmp_path / "first" / "adapter" / "adapter_model.safetensors")
    config = StackConfig(**{**parts, first: Frozen.of(tmp_path / "first" / "adapter")})
    trained = finetune(model, learnable(), config, QUICK, folder=tmp_path / "both", evaluate=lambda: 1.0)
    second = "layers" if first == "soft" else "soft"
    assert {name.split(".")[0] for name in trained.handle.parameters} == {second}
    assert trained.report.losses[-1] < trained.report.losses[0] - 0.5
    assert trained.cost.trainable_parameters < trained.handle.kept
    answers = model.score(["abc"], ["0", "1"])[0].logprobs
    trained.handle.detach()
    written = tmp_path / "both" / "adapter" / first / "adapter_model.safetensors"
    assert all(torch.equal(t, before[n]) for n, t in load_file(written).items())
    with attached(model.hf, tmp_path / "both" / "adapter") as again:
        assert again.method == "stack" and len(again.parameters) > len(trained.handle.parameters)
        assert model.score(["abc"], ["0", "1"])[0].logprobs == pytest.approx(answers, abs=1e-5)
    (tmp_path / "first" / "adapter" / "README.md").write_text("changed")
    with pytest.raises(AdaptationError, match="changed since it was named"):
        attach(model.hf, config)


def test_the_layers_can_be_written_into_the_weights_for_good():
    hf = tiny_llama()
    handle = stirred(attach(hf, SHALLOW))
    with torch.no_grad():
        wanted = ours(hf, handle)
        soft = handle.fold_layers()
        assert not any("forward" in m.__dict__ for m in hf.modules())
        assert (ours(hf, soft) - wanted).abs().max() < 1e-5
        soft.detach()
        assert (forward_flat(hf, TOKENS.tolist()) - forward_flat(tiny_llama(), TOKENS.tolist())).abs().max() > 1e-2
    with pytest.raises(AdaptationError, match="cannot be merged"):
        stirred(attach(tiny_llama(), StackConfig(layers=BottleneckConfig()))).fold_layers()


def test_what_does_not_stack_or_fit_is_refused_and_nothing_is_left_on_the_model(tmp_path):
    for parts in (
        {"soft": LoraConfig()},
        {"layers": FullConfig()},
        {"layers": PromptTuningConfig()},
        {"soft": Frozen("a", "0"), "layers": Frozen("b", "0")},
    ):
        with pytest.raises(AdaptationError, match="do not stack") as error:
            StackConfig(**parts)
        assert "无法叠加" in error.value.zh
    hf = tiny_llama()
    for config, kind in ((FullConfig(), "layers"), (LoraConfig(), "soft"), (PTuningV2Config(), "layers")):
        handle = attach(hf, config)
        save(handle, tmp_path / "one")
        handle.detach()
        with pytest.raises(AdaptationError):
            attach(hf, StackConfig(**{kind: Frozen.of(tmp_path / "one")}))
    handle = attach(hf, SHALLOW)
    with pytest.raises(AdaptationError, match="already"):
        attach(hf, SHALLOW)
    save(handle, tmp_path / "adapter")
    handle.detach()
    with pytest.raises(AdaptationError, match="base model"):
        attach_folder(gpt2(), tmp_path / "adapter")
    config = tmp_path / "adapter" / "adapter_config.json"
    told = config.read_text()
    config.write_text(json.dumps({**json.loads(told), "layers": "../elsewhere"}))
    with pytest.raises(AdaptationError, match="layers cannot be"):
        attach_folder(hf, tmp_path / "adapter")
    config.write_text(told)
    (tmp_path / "adapter" / "soft" / "adapter_model.safetensors").unlink()
    with pytest.raises(AdaptationError, match="missing"):
        attach_folder(hf, tmp_path / "adapter")
    assert not any("forward" in m.__dict__ for m in hf.modules()) and "rung_prefix" not in hf.__dict__
    assert all(p.requires_grad for p in hf.parameters())
