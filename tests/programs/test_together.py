"""Adaptations of all methods in one batch on one base: each answers as it does alone, and the base stays what it was."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from decoders import every_decoder
from methods import METHODS, folders
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from rung.adaptation import hash_folder
from rung.adapters import FullConfig, LoraConfig, attach, save
from rung.engine import Model, fake_model
from rung.engine.fake import byte_tokenizer
from rung.programs import as_examples, opened
from rung.programs.direct import _STATES
from rung.programs.together import together
from rung.types import Adaptation, AdaptationError, Decoding, Demonstration, ModelError, Prompt, Selector

ASK = Prompt("ask", "en", instruction="say", question="q {{ input }}", lead="a", separator=" ")
SHOWN = tuple(Demonstration(text, label) for text, label in [("one", "up"), ("two", "down"), ("six", "up")])
WRITE = Decoding(max_tokens=6)
DRAW = Decoding(max_tokens=6, temperature=1.0, top_p=0.9, seed=5)


def letters() -> PreTrainedTokenizerFast:
    """One token per character, 61 at most, as many as the tiny decoders know."""
    known = ["<b>", "<e>", *" abcdefghijklmnopqrstuvwxyz0123456789\n"]
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(known)}, []))
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<b>", eos_token="<e>")


def tiny(build) -> Model:
    hf = build(spread=0.3) if build.__name__ != "tiny_llama" else build()
    tokenizer = byte_tokenizer() if build.__name__ == "tiny_llama" else letters()
    return Model(hf, tokenizer, name="tiny", sha256="0" * 64, context=200 if build.__name__ == "tiny_llama" else None)


def adaptations(model: Model, where, names) -> dict[str, Adaptation]:
    """One of each method; every third classifies, the others write, greedily or by lot."""
    made = {"plain": Adaptation("plain", "zero-shot", "generate", "en", prompt=ASK, decoding=WRITE)}
    for number, (name, folder) in enumerate(folders(model.hf, where, names).items()):
        kind = ("classify", "generate", "generate")[number % 3]
        made[name] = Adaptation(
            name, "lora", kind, "en", labels=("up", "down") if kind == "classify" else (), prompt=ASK,
            decoding=DRAW if number % 3 == 2 else WRITE, adapter=str(folder), adapter_sha256=hash_folder(folder),
            calibration=(0.2, 0.0) if kind == "classify" else None,
        )  # fmt: skip
    return made


def alone(made: dict[str, Adaptation], model: Model, asked):
    """Each adaptation attached by itself, asked one after the other."""
    found = {}
    for name in dict.fromkeys(name for name, _ in asked):
        own = [i for i, (other, _) in enumerate(asked) if other == name]
        with opened(made[name], model) as answer:
            found.update(zip(own, answer([asked[i][1] for i in own]), strict=True))
    return [found[i] for i in range(len(asked))]


def same(one, other) -> None:
    """But for seconds: texts and labels are equal, scores to a ten-thousandth."""
    for a, b in zip(one, other, strict=True):
        plain = {"seconds": 0.0, "scores": None}
        assert replace(a, **plain) == replace(b, **plain)
        assert (a.scores or ()) == pytest.approx(b.scores or (), abs=1e-4)


@every_decoder
def test_all_methods_together_answer_as_each_alone(build, tmp_path) -> None:
    model = tiny(build)
    short = [name for name in METHODS if name != "v2-long" or model.context > 90]
    made = adaptations(model, tmp_path, short)
    before = {name: p.detach().clone() for name, p in model.hf.state_dict().items()}
    asked = [(name, e) for e in as_examples(["red", "a longer one", "9"]) for name in made]
    with together(made, model) as many:
        mixed = many.answer(asked)
        assert many.batch.held == many.batch.running == 0
    assert all(torch.equal(p, before[name]) for name, p in model.hf.state_dict().items())
    assert all("forward" not in m.__dict__ for m in model.hf.modules())
    assert not [key for key in model.hf.__dict__ if key.startswith("rung_")]
    same(mixed, alone(made, model, asked))
    assert len({p.output for p in mixed}) > len(made) / 2  # the adapters say different things


def test_demonstrations_selectors_and_controls_share_the_batch() -> None:
    model = fake_model()
    few = Adaptation("few", "few-shot", "classify", "en", labels=("up", "down"), prompt=ASK, demonstrations=SHOWN * 9)
    made = {
        "few": few, "near": replace(few, selector=Selector("embedding", 2)),
        "why": replace(few, prompt=replace(ASK, reasoning="since")),
        "same": Adaptation("same", "majority", "classify", "en", program="majority", parameters={"answer": "up"}),
        "free": replace(few, kind="generate", decoding=WRITE, labels=()),
    }  # fmt: skip
    asked = [(name, e) for e in as_examples(["red", "blue", "red"]) for name in made]
    with together(made, model) as many:
        before = model.meter.tokens
        (first,) = many.answer(asked[:1])
        assert model.meter.tokens - before < 20 < 200 < first.tokens_in  # the demonstrations have been read before
        mixed = many.answer(asked)
    same([first, *mixed], alone(made, model, [asked[0], *asked]))


def test_an_adaptation_comes_and_goes_while_others_stay(tmp_path) -> None:
    model = fake_model()
    made = adaptations(model, tmp_path, ["lora", "adapter", "v2"])
    asked = [(name, e) for e in as_examples(["red", "blue"]) for name in made]
    expected = alone(made, model, asked)
    with together({"lora": made["lora"]}, model) as many:
        many.answer([a for a in asked if a[0] == "lora"])
        for name in ("plain", "adapter", "v2"):
            many.add(name, made[name])
        same(many.answer(asked), expected)
        many.remove("lora")
        with pytest.raises(KeyError):
            many.answer(asked)
        rest = [i for i, (name, _) in enumerate(asked) if name != "lora"]
        same(many.answer([asked[i] for i in rest]), [expected[i] for i in rest])
        many.add("lora", made["lora"])
        same(many.answer(asked), expected)
        with pytest.raises(AdaptationError, match="already"):
            many.add("lora", made["lora"])


def test_what_cannot_share_a_base_is_refused_and_leaves_nothing(tmp_path) -> None:
    model = fake_model()
    handle = attach(model.hf, FullConfig())
    save(handle, tmp_path / "full", base="tiny")
    handle.detach()
    plain = Adaptation("plain", "zero-shot", "generate", "en", prompt=ASK, decoding=WRITE)
    asked = [("plain", e) for e in as_examples(["red"])]
    with together({"plain": plain}, model) as many:
        with pytest.raises(AdaptationError, match=r"\(full\) needs weights of its own.*cannot share a base"):
            many.add("full", replace(plain, adapter=str(tmp_path / "full")))
        assert list(many.members) == ["plain"]
        same(many.answer(asked), alone({"plain": plain}, fake_model(), asked))
    second = attach(model.hf, LoraConfig())
    with pytest.raises(AdaptationError, match="already"), together({}, model):
        pass
    second.detach()


def test_an_input_that_does_not_fit_is_said_and_the_others_can_still_be_asked(tmp_path) -> None:
    model = fake_model(context=100)
    plain = Adaptation("plain", "zero-shot", "generate", "en", prompt=ASK, decoding=WRITE)
    with together({"plain": plain}, model) as many:
        with pytest.raises(ModelError, match="holds 100"):
            many.answer([("plain", e) for e in as_examples(["x" * 200])])
        asked = [("plain", e) for e in as_examples(["red"])]
        same(many.answer(asked), alone({"plain": plain}, fake_model(context=100), asked))


def test_states_of_texts_are_kept_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["rung.programs.direct"], "KEPT", 5)  # the package has a function of that name
    model = fake_model()
    near = Adaptation("near", "few-shot", "classify", "en", labels=("up", "down"), prompt=ASK, demonstrations=SHOWN,
                      selector=Selector("embedding", 2))  # fmt: skip
    with together({"near": near}, model) as many:
        first = many.answer([("near", e) for e in as_examples(["red"])])
        many.answer([("near", e) for e in as_examples([f"order {n}" for n in range(9)])])
        assert len(_STATES[model]) == 5
        same(many.answer([("near", e) for e in as_examples(["red"])]), first)
