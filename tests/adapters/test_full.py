"""Full fine-tuning: the base comes back bit for bit, small steps are not rounded away, and a folder holds what was trained."""

import json

import pytest
import torch
from decoders import every_decoder, qwen2
from safetensors.torch import load_file, save_file

from rung.adaptation import hash_folder
from rung.adapters import FullConfig, LoraConfig, attach, attach_folder, attached, save
from rung.documents import Document, Microbatch
from rung.engine.fake import fake_model, tiny_llama
from rung.engine.flat import forward_flat
from rung.finetune import Base, Hyperparameters, document_loss, finetune, training_flops
from rung.types import AdaptationError

TOKENS = torch.arange(5, 17).view(2, 6)
OUTSIDE = ("embed", "wte", "wpe", "lm_head", "embed_out")  # tables and heads by their names in the models below


either = pytest.mark.parametrize("config", [FullConfig(), FullConfig(embeddings=True)], ids=["blocks", "all"])


def logits(hf):
    with torch.no_grad():
        return forward_flat(hf, TOKENS.tolist())


def stirred(handle, seed=1):
    """A little noise on every trained weight."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in handle.parameters.values():
            p.add_(torch.randn(p.shape, generator=generator).to(p.dtype), alpha=0.05)
    return handle


def learnable(n=40):
    return [Document((256, 20 + i % 7, 65 + i % 2, 58, 48 + i % 2), 4, f"d{i}") for i in range(n)]


@every_decoder
@either
def test_what_is_trained(build, config):
    hf = build()
    handle = attach(hf, config)
    outside = {n for n, _ in hf.named_parameters() if any(part in n for part in OUTSIDE)}
    wanted = {n for n, _ in hf.named_parameters() if config.embeddings or n not in outside}
    assert outside and set(handle.parameters) == wanted
    assert all(p is dict(hf.named_parameters())[n] for n, p in handle.parameters.items())
    forward_flat(hf, TOKENS.tolist()).square().mean().backward()
    assert {n for n, p in hf.named_parameters() if p.grad is not None} == wanted


@every_decoder
@either
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_detached_is_the_base_bit_for_bit(build, config, dtype):
    hf = build().to(dtype)
    before = {n: p.clone() for n, p in hf.state_dict().items()}
    tensors = {n: p.data_ptr() for n, p in hf.named_parameters()}
    frozen = next(iter(hf.parameters()))
    frozen.requires_grad_(False)
    flags = {n: p.requires_grad for n, p in hf.named_parameters()}
    plain = logits(hf)
    handle = attach(hf, config)
    assert torch.equal(logits(hf), plain)  # training begins where the base is
    handle.train()
    assert {p.dtype for p in handle.parameters.values()} == {torch.float32}
    stirred(handle)
    handle.train(False)
    assert {p.dtype for p in hf.parameters()} == {dtype}
    changed = logits(hf)
    with handle.merged():
        assert torch.equal(logits(hf), changed)
    assert (changed - plain).abs().max() > 1e-2
    with pytest.raises(AdaptationError, match="being trained already"):
        attach(hf, FullConfig())
    handle.detach()
    handle.detach()
    assert all(torch.equal(p, before[n]) for n, p in hf.state_dict().items())
    assert {n: p.data_ptr() for n, p in hf.named_parameters()} == tensors
    assert {n: p.requires_grad for n, p in hf.named_parameters()} == flags
    assert all(p.grad is None for p in hf.parameters())
    assert torch.equal(logits(hf), plain)


def test_a_model_with_an_adapter_is_refused():
    hf = tiny_llama()
    handle = attach(hf, LoraConfig())
    with pytest.raises(AdaptationError, match="carries an adapter already"):
        attach(hf, FullConfig())
    handle.detach()
    attach(hf, FullConfig()).detach()


@every_decoder
@either
def test_saved_and_loaded_is_in_memory(build, config, tmp_path):
    for dtype in (torch.float32, torch.bfloat16):
        hf, folder = build().to(dtype), tmp_path / str(dtype)
        handle = attach(hf, config)
        handle.train()
        stirred(handle)
        handle.train(False)
        wanted, weights = logits(hf), {n: p.clone() for n, p in hf.state_dict().items()}
        save(handle, folder, base="tiny")
        handle.detach()
        plain = logits(hf)
        with attached(hf, folder) as again:
            assert again.method == "full" and again.config == config and again.kept == handle.kept
            assert torch.equal(logits(hf), wanted)
            assert all(torch.equal(p, weights[n]) for n, p in hf.state_dict().items())
        assert torch.equal(logits(hf), plain)
        found = load_file(folder / "adapter_model.safetensors")
        assert set(found) == set(handle.parameters) and {t.dtype for t in found.values()} == {dtype}
        fields = json.loads((folder / "adapter_config.json").read_text())
        assert fields["dtype"] == str(dtype).removeprefix("torch.") and fields["base_model_name_or_path"] == "tiny"


def test_a_folder_in_another_precision_is_rounded_to_the_models(tmp_path):
    hf = tiny_llama()
    handle = stirred(attach(hf, FullConfig()))
    save(handle, tmp_path / "adapter")
    wanted = {n: p.detach().bfloat16() for n, p in handle.parameters.items()}
    low = tiny_llama(dtype=torch.bfloat16)
    again = attach_folder(low, tmp_path / "adapter")
    assert all(torch.equal(p, wanted[n]) for n, p in again.parameters.items())


def test_peft_refuses_it_by_name(tmp_path):
    peft = pytest.importorskip("peft", reason="peft is in the dev extra")
    save(attach(tiny_llama(), FullConfig()), tmp_path / "adapter")
    with pytest.raises((KeyError, ValueError), match="RUNG_FULL"):
        peft.PeftModel.from_pretrained(tiny_llama(), tmp_path / "adapter")


def test_what_does_not_fit_is_refused(tmp_path):
    hf, folder = tiny_llama(), tmp_path / "adapter"
    handle = attach(hf, FullConfig())
    save(handle, folder)
    handle.detach()
    whole, before = load_file(folder / "adapter_model.safetensors"), hash_folder(folder)
    name = "model.layers.0.self_attn.q_proj.weight"
    with pytest.raises(AdaptationError, match="another base model"):
        attach_folder(qwen2(), folder)
    for tensors, message in (
        ({n: t for n, t in whole.items() if n != name}, f"lacks the weights {name}"),
        ({**whole, "model.embed_tokens.weight": torch.zeros(261, 32)}, "has weights for model.embed_tokens.weight"),
        ({**whole, name: torch.zeros(16, 32)}, r"\[16, 32\] for .*q_proj.*\[32, 32\] fits"),
        ({**whole, name: torch.zeros(32, 32, dtype=torch.int32)}, "int32"),
    ):
        save_file(tensors, folder / "adapter_model.safetensors")
        assert hash_folder(folder) != before  # what an adaptation notices when it is loaded
        with pytest.raises(AdaptationError, match=message) as caught:
            attach_folder(hf, folder)
        assert ("浮点数" if message == "int32" else "基座模型") in caught.value.zh
    (folder / "adapter_model.safetensors").write_bytes(b"broken")
    with pytest.raises(AdaptationError, match="broken"):
        attach_folder(hf, folder)
    fields = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**fields, "embeddings": "no"}))
    with pytest.raises(AdaptationError, match="whether embeddings were trained"):
        attach_folder(hf, folder)
    assert "rung_full" not in hf.__dict__ and all(p.requires_grad for p in hf.parameters())


# --- training ------------------------------------------------------------------------------------------------------


@either
def test_a_step_is_plain_autograd_and_adam(config):
    """One step of finetune against one of torch's own on a copy, in float32."""
    model, plain = fake_model(), tiny_llama()
    settings = Hyperparameters(learning_rate=1e-3, batch=4, steps=1, warmup=0, schedule="constant", precision="float32")
    trained = finetune(model, learnable(4), config, settings)
    names = set(trained.handle.parameters)
    chosen = [p for n, p in plain.named_parameters() if n in names]
    optimizer = torch.optim.AdamW(chosen, lr=1e-3, weight_decay=0.0, betas=(0.9, 0.95))
    losses = []
    for document in learnable(4):
        tokens = torch.tensor([document.tokens])
        logs = plain(tokens[:, :-1]).logits.log_softmax(-1)[0]
        losses += [-logs[i - 1, tokens[0, i]] for i in range(document.start, len(document.tokens))]
    torch.stack(losses).mean().backward()
    torch.nn.utils.clip_grad_norm_(chosen, 1.0)
    optimizer.step()
    start = tiny_llama().state_dict()
    for name, p in plain.named_parameters():
        found = trained.handle.parameters.get(name, p)
        # Adam's first step is the sign of the gradient: where that is rounding, so is the step.
        torch.testing.assert_close(found, p, atol=2e-4, rtol=0)
        if name in names:
            assert float(((found - p).abs() < 1e-6).float().mean()) > 0.97
            assert (p - start[name]).abs().max() > 5e-4


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_steps_far_below_bfloat16_add_up(dtype):
    """At 1e-5 a step is a thousandth of what bfloat16 tells apart at these weights (sigma 0.3): masters must be float32."""
    model = fake_model(dtype=dtype)
    start = {n: p.detach().float().clone() for n, p in model.hf.named_parameters()}
    settings = Hyperparameters(learning_rate=1e-5, batch=8, steps=5, precision="bfloat16")
    trained = finetune(model, learnable(), FullConfig(), settings)
    trained.handle.train()
    moved, lost = 0, 0
    for name, p in trained.handle.parameters.items():
        assert p.dtype == torch.float32
        step = p.detach() - start[name]
        moved += int((step != 0).sum())
        lost += int(((p.detach().bfloat16() == start[name].bfloat16()) & (step != 0)).sum())
        assert 0 < step.abs().max() < 1e-4
    assert moved > 0.9 * trained.handle.kept and lost > 0.9 * moved
    trained.handle.train(False)
    assert {p.dtype for p in model.hf.parameters()} == {dtype}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_the_products_are_in_bfloat16_and_the_weights_in_float32(dtype):
    model = fake_model(dtype=dtype)
    handle = attach(model.hf, FullConfig())
    micro = Microbatch(tuple(learnable(8)))
    exact, _ = document_loss(model, micro)
    seen = []
    layer = model.hf.model.layers[0].mlp.up_proj
    layer.register_forward_hook(lambda module, inputs, output: seen.append((module.weight.dtype, output.dtype)))
    with Base(model, handle, "bfloat16") as base:
        loss, _ = base.loss(micro)
        loss.backward()
    assert seen == [(torch.float32, torch.bfloat16)] and loss.dtype == torch.float32
    assert float(loss.detach()) == pytest.approx(float(exact.detach()), rel=0.02)
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in handle.parameters.values())
    assert {p.dtype for p in model.hf.parameters()} == {dtype}


@either
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_and_is_equal_after_a_kill(config, dtype, precision, tmp_path):
    model = fake_model(dtype=dtype)
    before = {n: p.clone() for n, p in model.hf.state_dict().items()}
    settings = Hyperparameters(learning_rate=0.003, batch=8, steps=30, precision=precision, checkpoint_every=10)
    seen = []

    def look():
        assert {p.dtype for p in model.hf.parameters()} == {dtype}  # as it will be used
        seen.append(model.score(["x"], ["0", "1"])[0].logprobs)
        return float(len(seen))

    whole = finetune(model, learnable(), config, settings, folder=tmp_path / "whole", evaluate=look)
    assert len(set(seen)) == 4
    assert whole.report.losses[-1] < whole.report.losses[0] - 1
    assert whole.cost.trainable_parameters == whole.handle.kept
    whole.handle.train()
    wanted = {n: p.detach().clone() for n, p in whole.handle.parameters.items()}
    whole.handle.train(False)
    answers = model.score(["abc"], ["0", "1"])[0].logprobs
    whole.handle.detach()

    def kill(step, loss, scale):
        if step == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(model, learnable(), config, settings, folder=tmp_path / "killed", on_step=kill)
    assert all(torch.equal(p, before[n]) for n, p in model.hf.state_dict().items())
    resumed = finetune(model, learnable(), config, settings, folder=tmp_path / "killed")
    resumed.handle.train()
    assert all(torch.equal(p, wanted[n]) for n, p in resumed.handle.parameters.items())
    resumed.handle.detach()
    assert all(torch.equal(p, before[n]) for n, p in model.hf.state_dict().items())
    with attached(model.hf, tmp_path / "killed" / "adapter"):
        assert model.score(["abc"], ["0", "1"])[0].logprobs == answers


def test_the_cost_of_a_step_is_counted():
    """6 N for each token: 2 forward, 2 for the activations, 2 for the weights; a trained head likewise."""
    model, documents = fake_model(), learnable(8)
    tokens, reads = 8 * 4, 8
    pairs = 8 * 4 * 5 / 2
    attention = 3 * model.shape.forward(0, pairs, 0)
    for config, head in ((FullConfig(), 2), (FullConfig(embeddings=True), 3)):
        handle = attach(model.hf, config)
        wanted = 6 * model.nonembedding * tokens + attention + head * 2 * 261 * 32 * reads
        assert training_flops(model, handle, documents) == pytest.approx(wanted)
        handle.detach()
