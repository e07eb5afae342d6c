"""Soft prompts: PEFT is the reference in both directions; the base is never touched; every road through the engine sees them."""

import math
from dataclasses import replace

import pytest
import torch
from decoders import every_decoder, gpt2

from rung.adapters import (
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    PTuningV2Config,
    attach,
    attach_folder,
    attached,
    save,
)
from rung.adapters.soft import joined, split
from rung.documents import Document, Microbatch
from rung.engine import Model
from rung.engine.fake import fake_model, tiny_llama
from rung.engine.flat import forward_flat
from rung.finetune import Hyperparameters, document_loss, finetune
from rung.types import AdaptationError, DataError, Decoding, ModelError

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own
TOKENS = torch.arange(5, 17).view(2, 6)


CONFIGS = [
    PromptTuningConfig(length=3),
    PTuningConfig(length=3),
    PTuningConfig(length=3, encoder="lstm", hidden=8),
    PrefixTuningConfig(length=3),
    PTuningV2Config(length=3),
]
every_config = pytest.mark.parametrize("config", CONFIGS, ids=lambda c: type(c).__name__ + getattr(c, "encoder", ""))


def stir(handle, seed=1):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in handle.parameters.values():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.3)


def ours(hf, past):
    with torch.no_grad():
        return forward_flat(hf, TOKENS.tolist(), past=past).view(*TOKENS.shape, -1)


@pytest.fixture
def model() -> Model:
    return fake_model()


@every_decoder
@every_config
def test_peft_loads_ours_and_we_load_it_again(build, config, tmp_path):
    peft = pytest.importorskip("peft", reason="peft is in the dev extra")
    hf = build()
    handle = attach(hf, config, seed=0)
    stir(handle)
    wanted, plain = ours(hf, handle.served()), ours(hf, None)
    save(handle, tmp_path / "adapter", base="tiny")
    theirs = peft.PeftModel.from_pretrained(build(), tmp_path / "adapter").eval()
    with torch.no_grad():
        found = theirs(input_ids=TOKENS, attention_mask=torch.ones_like(TOKENS)).logits[:, -TOKENS.shape[1] :]
    assert (found - wanted).abs().max() < 1e-5 < (plain - wanted).abs().max()

    handle.detach()
    again = attach_folder(hf, tmp_path / "adapter")
    assert again.method == handle.method and again.kept == handle.kept
    assert (ours(hf, again.served()) - wanted).abs().max() < 1e-6  # from past.safetensors where there is one
    again.unmerge()
    assert (ours(hf, again.served()) - wanted).abs().max() < 1e-6  # computed anew


@every_decoder
@pytest.mark.parametrize("kind", ["prompt", "mlp", "lstm", "prefix", "projected"])
def test_we_load_pefts(build, kind, tmp_path):
    peft = pytest.importorskip("peft", reason="peft is in the dev extra")
    given = {"task_type": "CAUSAL_LM", "num_virtual_tokens": 3}
    config = {
        "prompt": lambda: peft.PromptTuningConfig(**given),
        "mlp": lambda: peft.PromptEncoderConfig(encoder_hidden_size=8, **given),
        "lstm": lambda: peft.PromptEncoderConfig(
            encoder_reparameterization_type="LSTM", encoder_hidden_size=8, encoder_num_layers=2, **given
        ),
        "prefix": lambda: peft.PrefixTuningConfig(**given),
        "projected": lambda: peft.PrefixTuningConfig(prefix_projection=True, encoder_hidden_size=8, **given),
    }[kind]()
    torch.manual_seed(3)
    theirs = peft.get_peft_model(build(), config).eval()
    theirs.save_pretrained(tmp_path / "adapter")
    with torch.no_grad():
        wanted = theirs(input_ids=TOKENS, attention_mask=torch.ones_like(TOKENS)).logits[:, -TOKENS.shape[1] :]
    hf = build()
    handle = attach_folder(hf, tmp_path / "adapter")
    assert (ours(hf, handle.served()) - wanted).abs().max() < 1e-5 < (ours(hf, None) - wanted).abs().max()


@every_config
def test_gradients_against_finite_differences(config):
    hf = gpt2().double()
    handle = attach(hf, config)
    for p in handle.parameters.values():
        p.data = p.data.double()
    handle.source.double()
    stir(handle)

    def loss():
        return forward_flat(hf, TOKENS.tolist(), past=handle.past()).log_softmax(-1)[:, 7].sum()

    loss().backward()
    generator = torch.Generator().manual_seed(0)
    for name, p in handle.parameters.items():
        way = torch.randn(p.shape, generator=generator, dtype=torch.double)
        step = 1e-5
        with torch.no_grad():
            p.add_(way, alpha=step)
            up = loss()
            p.sub_(way, alpha=2 * step)
            down = loss()
            p.add_(way, alpha=step)
        slope = float((p.grad * way).sum())
        assert float((up - down) / (2 * step)) == pytest.approx(slope, rel=1e-4, abs=1e-7), name


def test_what_is_split_is_joined_again():
    numbers = torch.randn(3, 8, 2, 5)
    past = split(numbers)
    assert past.position == 3 and len(past.keys) == 4 and past.keys[1].shape == (1, 2, 3, 5)
    assert torch.equal(past.keys[1][0, :, 0], numbers[0, 2]) and torch.equal(past.values[1][0, :, 2], numbers[2, 3])
    assert torch.equal(joined(past), numbers)


@every_config
def test_it_is_where_the_model_is(config):
    """As on a GPU: whatever is made beside the model's own numbers would not go together with them."""
    hf = tiny_llama().to("meta")
    handle = attach(hf, config)
    assert {p.device.type for p in handle.parameters.values()} == {"meta"}
    assert {x.device.type for x in handle.past().keys} == {"meta"}


@every_config
def test_it_starts_as_the_words_it_was_given(model, config):
    """Keys and values of words before the text are those words before the text."""
    words = tuple(model.encode("Is it good?"))
    handle = attach(model.hf, replace(config, length=len(words), start=words))
    text = model.encode("fine")
    with torch.no_grad():
        found = forward_flat(model.hf, [text], past=handle.served())
        whole = forward_flat(model.hf, [[*words, *text]])[len(words) :]
    assert torch.allclose(found, whole, atol=1e-5)


@every_config
def test_scoring_writing_and_states_see_it_whatever_the_batch(model, config):
    prompts = ["one", "two or three", "a longer one of them, and more", "a longer one of them"]
    plain = model.score(prompts, ["yes", "no"])
    handle = attach(model.hf, config)
    stir(handle)
    past = handle.served()
    scores = model.score(prompts, ["yes", "no"])
    decoding = Decoding(max_tokens=5)
    texts = model.generate(prompts, decoding)
    states = model.hidden(prompts, [-1])
    context = model.context
    assert context == 8192 - 3
    for i, prompt in enumerate(prompts):
        tokens = model.encode(prompt)
        for choice, found in zip(["yes", "no"], scores[i].logprobs, strict=True):
            answer = model.tokenizer(choice, add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                logs = forward_flat(model.hf, [[*tokens, *answer]], past=past).log_softmax(-1)
            wanted = sum(float(logs[len(tokens) - 1 + j, t]) for j, t in enumerate(answer))
            assert found == pytest.approx(wanted, abs=1e-4)
        written = list(tokens)
        for token in texts[i][0].tokens:
            with torch.no_grad():
                assert int(forward_flat(model.hf, [written], past=past)[-1].argmax()) == token
            written.append(token)
        assert scores[i].flops > plain[i].flops
        assert states[i] == pytest.approx(model.hidden([prompt], [-1])[0], abs=1e-5)
    model.batch_size = 1
    for one, many in zip(model.score(prompts, ["yes", "no"]), scores, strict=True):
        assert one.logprobs == pytest.approx(many.logprobs, abs=1e-4)
    assert [g.tokens for (g,) in model.generate(prompts, decoding)] == [g.tokens for (g,) in texts]
    handle.detach()
    assert model.context == 8192
    model.batch_size = None
    assert [s.logprobs for s in model.score(prompts, ["yes", "no"])] == [s.logprobs for s in plain]


@pytest.mark.parametrize("config", CONFIGS[::3], ids=["prompt", "prefix"])
def test_the_fast_attention_in_bfloat16_is_attention(model, config):
    """Against the engine's own, within what bfloat16 can tell."""
    documents = tuple(Document((256, *range(20, 40 + i)), 1) for i in range(4))
    handle = attach(model.hf, config)
    exact, _ = document_loss(model, Microbatch(documents), handle.past())
    model.hf.bfloat16()
    rounded, _ = document_loss(model, Microbatch(documents), handle.past())
    assert float(rounded) == pytest.approx(float(exact), rel=0.02)


def learnable(n=40):
    return [Document((256, 20 + i % 7, 65 + i % 2, 58, 48 + i % 2), 4, f"d{i}") for i in range(n)]


SETTINGS = Hyperparameters(learning_rate=0.03, batch=8, steps=60, precision="float32", checkpoint_every=20)


@every_config
def test_it_learns_and_answers_the_same_from_its_folder(model, config, tmp_path):
    seen = []
    trained = finetune(model, learnable(), config, SETTINGS, folder=tmp_path, evaluate=lambda: seen.append(
        model.score(["x"], ["0", "1"])[0].logprobs) or float(len(seen)))  # fmt: skip
    assert len(set(seen)) == 4  # evaluations see the prompt as it is then
    assert trained.report.losses[-1] < trained.report.losses[0] - 1
    answers = model.score(["abc"], ["0", "1"])[0].logprobs
    trained.handle.detach()
    with attached(model.hf, tmp_path / "adapter"):
        assert model.score(["abc"], ["0", "1"])[0].logprobs == pytest.approx(answers, abs=1e-5)
    assert "rung_prefix" not in model.hf.__dict__


def test_what_does_not_fit_is_refused(model, tmp_path):
    handle = attach(model.hf, PromptTuningConfig(length=2))
    with pytest.raises(AdaptationError, match="soft prompt already"):
        attach(model.hf, PTuningV2Config(length=2))
    save(handle, tmp_path / "adapter")
    handle.detach()
    other = gpt2()
    with pytest.raises(AdaptationError, match="another base model"):
        attach_folder(other, tmp_path / "adapter")
    assert "rung_prefix" not in other.__dict__
    wide = attach(model.hf, PTuningV2Config(length=8190))
    assert model.context == 2
    with pytest.raises(ModelError, match="context"):
        model.score(["a long text"], ["yes", "no"])
    wide.detach()
    with pytest.raises(DataError, match="context of 2 tokens"):
        finetune(model, learnable(), PTuningV2Config(length=8190), SETTINGS)
    assert "rung_prefix" not in model.hf.__dict__


def test_the_cost_of_a_step_is_counted(model):
    prompt, prefix = attach(model.hf, PromptTuningConfig(length=8)), None
    of_prompt = prompt.flops(model.shape, 100)
    prompt.detach()
    prefix = attach(model.hf, PTuningV2Config(length=8))
    attention = 3 * 4 * model.shape.layers * model.shape.width * 100 * 8
    assert prefix.flops(model.shape, 100) == attention
    inside = 2 * model.shape.forward(8, 0, 0) + 3 * model.shape.forward(
        0, 36, 0
    )  # the frozen weights have no gradients
    assert of_prompt == pytest.approx(attention + inside)
    assert math.isfinite(of_prompt)
