"""Forgetting against a plain loop over transformers, with what hangs on the model done by hand."""

from __future__ import annotations

import sys
from copy import deepcopy

import numpy as np
import pytest
import torch

from rung.adapters import FullConfig, LoraConfig, PromptTuningConfig, attach, save
from rung.engine import fake_model, load_model
from rung.evaluate import Forgetting, GeneralReader, forgetting, shipped_general
from rung.evaluate.forgetting import measured, rise
from rung.pretrain.evaluate import HeldOut, held_out

TEXTS = {
    "en": ("The ferry was late again.", "Salt the soup at the end.", "A crow."),
    "zh": ("渡船又晚点了。", "汤要最后放盐。"),
}


@pytest.fixture
def model():
    return fake_model()


def plain(model, text, before=None):
    """Nats of a text behind the mark, one forward; ``before``: vectors [P, d] in front of it."""
    ids = [*model.text.start(), *model.tokenizer(text, add_special_tokens=False)["input_ids"]]
    vectors = model.hf.get_input_embeddings()(torch.tensor(ids))
    ahead = 0 if before is None else len(before)
    if before is not None:
        vectors = torch.cat([before, vectors])
    with torch.no_grad():
        reference = type(model.hf)(deepcopy(model.hf.config))  # a fresh one, with transformers' own attention
        reference.load_state_dict(model.hf.state_dict())
        reference.set_attn_implementation("eager")
        logs = reference.eval()(inputs_embeds=vectors[None]).logits[0].log_softmax(-1)
    return -sum(float(logs[ahead + i, token]) for i, token in enumerate(ids[1:]))


def saved(model, config, folder, stir=None):
    """A folder with a fresh adapter of that method, changed by ``stir(handle)``."""
    handle = attach(model.hf, config, seed=0)
    if stir is not None:
        stir(handle)
    save(handle, folder, base=model.name)
    handle.detach()
    return folder


def shake(handle):
    """B of a LoRA is zero at first, and all weights of a full one are the base's."""
    generator = torch.Generator().manual_seed(1)
    for name, p in handle.parameters.items():
        if "lora_A" not in name:
            p.data.add_(torch.randn(p.shape, generator=generator), alpha=0.1)


def test_a_fresh_adapter_has_forgotten_nothing(model, tmp_path):
    for folder in (None, saved(model, LoraConfig(), tmp_path / "fresh")):
        for found in forgetting(model, folder, TEXTS).languages.values():
            assert (found.nats, found.low, found.high, found.per_byte, found.detached) == (0.0, 0.0, 0.0, 0.0, 0.0)


def test_changed_weights_against_a_plain_loop(model, tmp_path):
    folder = saved(model, FullConfig(), tmp_path / "shaken", shake)
    base = {at: [plain(model, t) for t in texts] for at, texts in TEXTS.items()}
    found = forgetting(model, folder, TEXTS)
    handle = attach(model.hf, FullConfig(), seed=0)
    shake(handle)
    for at, texts in TEXTS.items():
        own = found.languages[at]
        extra = sum(plain(model, t) for t in texts) - sum(base[at])
        assert own.n == len(texts)
        assert own.nats == pytest.approx(extra / own.tokens, abs=1e-5)
        assert own.per_byte == pytest.approx(extra / sum(len(t.encode()) for t in texts), abs=1e-5)
        assert own.base == pytest.approx(sum(base[at]) / own.tokens, abs=1e-5)
        assert own.detached == 0.0
        assert own.low < own.nats < own.high
    handle.detach()
    assert found.worst == max(own.nats for own in found.languages.values())
    assert Forgetting.of_json(found.as_json()) == found


def test_several_adapters_are_held_against_one_reading_of_the_bare_model(model, tmp_path, monkeypatch):
    folders = [saved(model, config, tmp_path / str(i), shake) for i, config in enumerate((LoraConfig(), FullConfig()))]
    alone = [forgetting(model, folder, TEXTS) for folder in folders]
    readings = []
    monkeypatch.setattr(
        sys.modules["rung.evaluate.forgetting"], "measured", lambda *a: readings.append(a) or measured(*a)
    )
    reader = GeneralReader(model, TEXTS)
    assert not readings  # not before it is needed
    assert [reader.forgetting(folder) for folder in folders] == alone
    assert len(readings) == 5
    with torch.no_grad():  # something that a rung left behind would show
        next(model.hf.parameters()).mul_(1.5)
    with pytest.raises(AssertionError, match="as it was"):
        reader.forgetting(folders[0])


def test_a_shaken_lora_makes_sprout_forget_both_languages(tmp_path):
    sprout = load_model("sprout")
    texts = {at: those[:2] for at, those in shipped_general().measured.items()}
    found = forgetting(sprout, saved(sprout, LoraConfig(), tmp_path / "shaken", shake), texts)
    for own in found.languages.values():
        assert own.nats > 0.1
        assert 3.5 < own.base < 6.5
        assert own.detached == 0.0


def test_a_soft_prompt_stands_before_every_text(model, tmp_path):
    vectors = []

    def far(handle):
        (p,) = handle.parameters.values()
        p.data.normal_(0, 1.0, generator=torch.Generator().manual_seed(2))
        vectors.append(p.detach().clone())

    folder = saved(model, PromptTuningConfig(length=5), tmp_path / "soft", far)
    found = forgetting(model, folder, TEXTS)
    for at, texts in TEXTS.items():
        extra = sum(plain(model, t, vectors[0]) - plain(model, t) for t in texts)
        assert found.languages[at].nats == pytest.approx(extra / found.languages[at].tokens, abs=1e-5)
        assert abs(found.languages[at].nats) > 0.01  # a prompt that was not seen would give 0
    assert model.prefix is None


def test_texts_longer_than_the_context_are_cut_alike_with_and_without_a_soft_prompt(tmp_path):
    model = fake_model(context=64)
    folder = saved(model, PromptTuningConfig(length=20), tmp_path / "soft")
    found = forgetting(model, folder, {"en": ("long " * 60, "short")})
    assert found.languages["en"].tokens == 305
    assert found.languages["en"].base * 305 == pytest.approx(
        held_out(model, ["long " * 60, "short"], context=32).nats.sum()
    )


def test_a_base_that_is_not_what_it_was_is_noticed(model, tmp_path, monkeypatch):
    def careless(hf, folder):
        class Stays:
            def __enter__(self):
                next(hf.parameters()).data.mul_(1.01)

            def __exit__(self, *_):
                pass

        return Stays()

    monkeypatch.setattr(sys.modules["rung.evaluate.forgetting"], "attached", careless)  # its function has its name
    with pytest.raises(AssertionError, match="as it was"):
        forgetting(model, tmp_path, TEXTS)


def test_figures_by_hand():
    before = HeldOut(np.array([4, 6]), np.array([2, 2]), np.array([4.0, 4.0]))
    during = HeldOut(np.array([4, 6]), np.array([2, 2]), np.array([5.0, 4.0]))
    found = rise(before, during, before)
    assert (found.nats, found.per_byte, found.base, found.detached) == (0.25, 0.1, 2.0, 0.0)
    assert (found.low, found.high) == (0.0, 0.5)  # a draw of two texts is either twice the same or both
    alone = HeldOut(np.array([4]), np.array([2]), np.array([4.0]))
    assert (rise(alone, alone, alone).low, rise(alone, alone, alone).n) == (None, 1)


@pytest.mark.parametrize(("at", "least", "most"), [("en", 60, 150), ("zh", 100, 250)])
def test_the_shipped_texts(at, least, most):
    texts = shipped_general().measured[at]
    assert len(set(texts)) == 40
    sizes = [len(text.split()) if at == "en" else len(text) for text in texts]
    assert least <= min(sizes) and max(sizes) <= most
