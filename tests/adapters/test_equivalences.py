"""What must be the same, for every method and every stack of two, on every architecture.

    packed = unpacked · accumulated = whole · checkpointed = kept · padded left = padded right = not padded · merged = unmerged ·
    saved and loaded = in memory · written with a cache = without · resumed = uninterrupted · detached = base, bit for bit

Each method is tried on one of the architectures in turn; with the slow tests, on all of them.
"""

import copy

import pytest
import torch
from decoders import gpt2, neox, qwen2
from every import EVERY, STACKS, config_of, stirred
from transformers import DynamicCache
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.pytorch_utils import Conv1D

from rung.adapters import attach, attach_folder, save
from rung.documents import Document, Microbatch
from rung.engine import Model
from rung.engine.fake import byte_tokenizer, tiny_llama
from rung.engine.flat import forward_flat
from rung.finetune import Hyperparameters, document_loss, finetune
from rung.train import accumulate
from rung.types import Decoding

pytestmark = pytest.mark.filterwarnings("ignore")  # bitsandbytes' own
DECODERS = [tiny_llama, *(lambda make=make: make(spread=0.3, vocabulary=261) for make in (qwen2, gpt2, neox))]
NAMES = ["llama", "qwen2", "gpt2", "neox"]
TEXTS = [[7, 3, 9, 4, 11], [5, 60], [1, 2, 3, 4, 5, 6, 7, 8], [33]]


def cases(turn=0):
    """Every pair of a method and an architecture; the one whose turn it is for that method is not slow."""
    for number, method in enumerate([*EVERY, *STACKS]):
        for place, name in enumerate(NAMES):
            marks = () if (number + turn) % 4 == place else pytest.mark.slow
            yield pytest.param(method, DECODERS[place], id=f"{method}-{name}", marks=marks)


everywhere = pytest.mark.parametrize(("method", "build"), list(cases()))


@pytest.fixture
def model(build):
    return Model(build(), byte_tokenizer(), name="tiny", sha256="01" * 32)


@pytest.fixture
def handle(model, method):
    return stirred(attach(model.hf, config_of(method), seed=0))


def documents():
    return [Document((7, 20 + i, *range(30, 31 + i), 5, 6), 2 + i) for i in (5, 1, 9, 3)]


def gradients(model, handle, parts):
    """The mean loss over documents cut into microbatches of these sizes, and its gradients."""
    whole, micros = documents(), []
    for size in parts:
        micros.append(Microbatch(tuple(whole[:size])))
        whole = whole[size:]
    for p in handle.parameters.values():
        p.grad = None
    loss = accumulate(micros, lambda micro: document_loss(model, micro, handle.past()))
    return loss, {name: p.grad.clone() for name, p in handle.parameters.items()}


def same(found, wanted):
    assert found[0] == pytest.approx(wanted[0], rel=1e-5)
    for name, gradient in wanted[1].items():
        torch.testing.assert_close(found[1][name], gradient, atol=2e-5, rtol=1e-3, msg=name)


@everywhere
def test_packed_accumulated_and_checkpointed_are_the_whole(model, handle):
    whole = gradients(model, handle, [4])
    assert any(g.abs().max() > 1e-3 for g in whole[1].values())
    same(gradients(model, handle, [1, 1, 1, 1]), whole)
    same(gradients(model, handle, [1, 3]), whole)
    model.hf.gradient_checkpointing_enable({"use_reentrant": False})
    model.hf.train()  # transformers checkpoints while it trains only; these decoders have no dropout
    try:
        assert model.hf.is_gradient_checkpointing
        same(gradients(model, handle, [4]), whole)
    finally:
        model.hf.gradient_checkpointing_disable()
        model.hf.eval()


@everywhere
def test_finetune_checkpoints_where_the_model_was_asked_to(model, method):
    """Also where reentrant checkpointing was asked for, in which a soft prompt would get no gradients; dropout stays off."""
    hf, curves = model.hf, []
    for module in hf.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    settings = Hyperparameters(learning_rate=0.01, batch=2, steps=2, precision="float32", evaluations=1)
    block = next(m for m in hf.modules() if isinstance(m, GradientCheckpointingLayer))
    seen = []
    hook = next(m for m in block.modules() if isinstance(m, torch.nn.Linear | Conv1D)).register_forward_pre_hook(
        lambda *_: seen.append(torch.is_grad_enabled())
    )
    for asked in (None, False, True):
        if asked is not None:
            hf.activation_checkpointing_enable({"use_reentrant": asked})
        seen.clear()
        trained = finetune(model, documents(), config_of(method), settings, evaluate=lambda: 1.0)
        curves.append(
            (trained.report.losses, {n: p.detach().clone() for n, p in trained.handle.parameters.items()}, len(seen))
        )
        trained.handle.detach()
        assert not any("forward" in m.__dict__ for m in hf.modules()) and not hf.training
    hook.remove()
    for losses, weights, calls in curves[1:]:
        assert calls > 1.5 * curves[0][2]  # each block's forward a second time
        assert losses == pytest.approx(curves[0][0], rel=1e-5)
        for name, p in curves[0][1].items():
            torch.testing.assert_close(weights[name], p, atol=1e-4, rtol=1e-3, msg=name)


@everywhere
def test_padding_is_seen_by_nobody(model, handle):
    """Against transformers' own forward with padding and a mask, our row without any."""
    hf, longest = model.hf, max(map(len, TEXTS))
    with torch.no_grad():
        past = handle.past()
        wanted = forward_flat(hf, TEXTS, past=past).split([len(t) for t in TEXTS])
        ahead = 0 if past is None else len(past)
        for side in ("left", "right"):
            tokens = torch.zeros(len(TEXTS), longest, dtype=torch.long)
            mask, positions = torch.zeros_like(tokens), torch.zeros_like(tokens)
            for row, text in enumerate(TEXTS):
                place = slice(longest - len(text), longest) if side == "left" else slice(0, len(text))
                tokens[row, place], mask[row, place] = torch.tensor(text), 1
                positions[row, place] = torch.arange(ahead, ahead + len(text))
            cache = DynamicCache()
            for layer in range(ahead and len(past.keys)):
                keys, values = (x[layer].expand(len(TEXTS), -1, -1, -1) for x in (past.keys, past.values))
                cache.update(keys, values, layer)
            before = torch.ones(len(TEXTS), ahead, dtype=torch.long)
            found = hf(
                tokens, attention_mask=torch.cat([before, mask], 1), position_ids=positions,
                past_key_values=cache if ahead else None,
            ).logits  # fmt: skip
            for row, text in enumerate(TEXTS):
                own = found[row, mask[row].bool()]
                torch.testing.assert_close(own, wanted[row], atol=1e-4, rtol=1e-4, msg=f"{side} {text}")


def answers(model, handle):
    with torch.no_grad():
        return forward_flat(model.hf, TEXTS, past=handle.past())


@everywhere
def test_merged_loaded_and_detached(model, handle, method, tmp_path):
    own = answers(model, handle)
    handle.merge()
    merged = forward_flat(model.hf, TEXTS, past=model.prefix)
    torch.testing.assert_close(merged, own, atol=2e-5, rtol=1e-4)
    handle.unmerge()
    assert torch.equal(answers(model, handle), own)
    save(handle, tmp_path / "adapter", base="tiny")
    handle.detach()
    again = attach_folder(model.hf, tmp_path / "adapter")
    assert (again.method, again.kept) == (handle.method, handle.kept)
    torch.testing.assert_close(answers(model, again), own, atol=1e-6, rtol=1e-6)
    save(again, tmp_path / "again", base="tiny")
    again.detach()
    for path in (p for p in (tmp_path / "adapter").rglob("*.safetensors") if p.name != "past.safetensors"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(tmp_path / "adapter")).read_bytes()


@everywhere
def test_detached_is_the_base_bit_for_bit(model, method):
    hf = model.hf
    before, flags = copy.deepcopy(hf.state_dict()), {n: p.requires_grad for n, p in hf.named_parameters()}
    places = {n: p.data_ptr() for n, p in hf.named_parameters()}
    plain = forward_flat(hf, TEXTS).detach()
    handle = stirred(attach(hf, config_of(method)))
    handle.train()
    gradients(model, handle, [4])
    torch.optim.SGD(handle.parameters.values(), lr=0.1).step()
    handle.train(False)
    with handle.merged():
        assert not torch.equal(forward_flat(hf, TEXTS, past=model.prefix), plain)
    handle.detach()
    handle.detach()
    after = hf.state_dict()
    assert list(after) == list(before) and all(torch.equal(after[n], before[n]) for n in before)
    assert {n: p.requires_grad for n, p in hf.named_parameters()} == flags
    assert {n: p.data_ptr() for n, p in hf.named_parameters()} == places
    assert all(p.grad is None for p in hf.parameters())
    assert not any("forward" in m.__dict__ for m in hf.modules()) and not [
        k for k in hf.__dict__ if k.startswith("rung_")
    ]
    assert torch.equal(forward_flat(hf, TEXTS), plain)


@everywhere
def test_written_with_a_cache_is_written_without(model, handle):
    prompts = ["a", "one or two", "three"]
    handle.merge()
    written = model.generate(prompts, Decoding(max_tokens=4))
    past = model.prefix
    for prompt, (found,) in zip(prompts, written, strict=True):
        tokens = model.encode(prompt)
        for token in found.tokens:
            with torch.no_grad():
                logits = forward_flat(model.hf, [tokens], past=past)[-1]
            assert logits.max() - logits[token] < 1e-3  # a tie may go either way
            tokens.append(token)


@pytest.mark.parametrize(("method", "build"), list(cases(turn=1)))
def test_resumed_is_uninterrupted(model, method, tmp_path):
    settings = Hyperparameters(learning_rate=0.01, batch=2, steps=5, precision="float32", checkpoint_every=2)

    def weights(**options):
        trained = finetune(model, documents(), config_of(method), settings, **options)
        trained.handle.train()
        found = {name: p.detach().clone() for name, p in trained.handle.parameters.items()}
        trained.handle.detach()
        return found, trained.report.losses

    def kill(step, *_):
        if step == 3:
            raise KeyboardInterrupt

    wanted, losses = weights(folder=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        weights(folder=tmp_path / "killed", on_step=kill)
    found, again = weights(folder=tmp_path / "killed")
    assert again == losses and losses[-1] != losses[0]
    assert found.keys() == wanted.keys() and all(torch.equal(found[n], wanted[n]) for n in wanted)
    for path in (tmp_path / "whole" / "adapter").rglob("*"):
        assert (
            not path.is_file()
            or path.read_bytes()
            == (tmp_path / "killed" / "adapter" / path.relative_to(tmp_path / "whole" / "adapter")).read_bytes()
        )
