"""One forward without an answer: what is read, what it costs, and that nothing is left on the model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from rung.adaptation import hash_folder, load, save
from rung.adapters.linear_probe import LinearProbe, fit
from rung.engine import Model, fake_model
from rung.engine.hidden import Pool
from rung.programs import as_examples, opened
from rung.programs.probe import POOLS, probed_texts, sharing
from rung.prompts import TEMPLATES, Words, chat_variant, render
from rung.types import Adaptation, AdaptationError, ModelError, ModelRef

LABELS = ("low", "middle", "top")
INPUTS = [f"{'ab'[i % 2] * (i % 7 + 1)} order {i}" for i in range(30)]
PROMPT = TEMPLATES["en"]["classify"][1]


@pytest.fixture
def model() -> Model:
    return fake_model()


def probe_of(folder: Path, model: Model, layer: int = 1, pool: Pool = "last") -> Adaptation:
    """An adaptation whose probe tells the inputs' lengths modulo 3."""
    made = Adaptation("linear-probe/x", "linear-probe", "classify", "en", "probe", labels=LABELS, prompt=PROMPT)
    texts = probed_texts(PROMPT, Words.of(made), INPUTS, model)
    states = model.hidden(texts, [layer], pool)[:, 0]
    fit(states, np.array([len(t) % 3 for t in INPUTS]), 3, layer=layer, pool=pool, strengths=[0.01]).probe.save(folder)
    ref = ModelRef(model.name, model.sha256)
    return dataclasses.replace(made, adapter=str(folder), adapter_sha256=hash_folder(folder), model=ref)


def ask(adaptation: Adaptation, model: Model, texts: list[str]):
    with opened(adaptation, model) as answer:
        return answer(as_examples(texts))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_it_is_the_probe_of_the_state_where_the_label_would_stand(
    tmp_path: Path, model: Model, layer: int, pool: Pool
) -> None:
    made = probe_of(tmp_path / "probe", model, layer, pool)
    texts = [render(PROMPT, Words.of(made), text) for text in INPUTS]
    assert all(text.endswith(PROMPT.lead) for text in texts)
    with torch.no_grad():
        whole = [model.hf(input_ids=torch.tensor([model.encode(t)]), output_hidden_states=True) for t in texts]
    rows = [w.hidden_states[layer][0] for w in whole]
    states = torch.stack([row[-1] if pool == "last" else row.mean(0) for row in rows]).numpy()
    expected = LinearProbe.load(tmp_path / "probe").log_probabilities(states)
    found = ask(made, model, INPUTS)
    assert np.array([p.scores for p in found]) == pytest.approx(expected, abs=1e-3)
    assert [p.output for p in found] == [LABELS[i] for i in np.array([p.scores for p in found]).argmax(1)]
    assert all(type(score) is float for p in found for score in p.scores or ())


def test_what_a_request_costs(tmp_path: Path, model: Model) -> None:
    made = probe_of(tmp_path / "probe", model)
    (found,) = ask(made, model, ["aa order"])
    tokens = len(model.encode(render(PROMPT, Words.of(made), "aa order")))
    assert (found.tokens_in, found.tokens_out, found.calls, found.valid) == (tokens, 0, 1, True)
    assert found.flops == model.request_flops(tokens, 0, 0) + 2 * 3 * 32
    assert found.seconds > 0


def test_equal_texts_are_read_once(tmp_path: Path, model: Model) -> None:
    made = probe_of(tmp_path / "probe", model)
    before = model.meter.tokens
    found = ask(made, model, ["aa order"] * 9)
    assert model.meter.tokens - before == found[0].tokens_in
    assert np.ptp([p.scores for p in found], axis=0) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("size", [1, 4, None])
def test_the_batch_does_not_matter(tmp_path: Path, model: Model, size: int | None) -> None:
    made = probe_of(tmp_path / "probe", model)
    together = ask(made, model, INPUTS)
    model.batch_size = size
    apart = [ask(made, model, [text])[0] for text in INPUTS] if size == 1 else ask(made, model, INPUTS)
    assert [p.output for p in apart] == [p.output for p in together]
    assert np.array([p.scores for p in apart]) == pytest.approx(np.array([p.scores for p in together]), abs=1e-3)


def test_a_draw_is_read_again_alone(tmp_path: Path, model: Model) -> None:
    made = probe_of(tmp_path / "probe", model)
    probe = LinearProbe.load(tmp_path / "probe")
    dataclasses.replace(probe, weight=np.zeros_like(probe.weight), bias=np.zeros_like(probe.bias)).save(
        tmp_path / "probe"
    )
    before = model.meter.forwards
    found = ask(made, model, INPUTS[:3])
    assert model.meter.forwards - before == 1 + 3
    assert {p.output for p in found} == {"low"}  # the first label of a draw, as everywhere


def test_nothing_is_left_on_the_model(tmp_path: Path, model: Model) -> None:
    before = {name: tensor.clone() for name, tensor in model.hf.state_dict().items()}
    score = model.score(["order"], ["a", "b"])[0].logprobs
    ask(probe_of(tmp_path / "probe", model), model, INPUTS)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.hf.state_dict().items())
    assert model.score(["order"], ["a", "b"])[0].logprobs == score


def test_a_race_shares_its_states_and_a_lone_request_pays_its_own(tmp_path: Path, model: Model) -> None:
    probes = [
        probe_of(tmp_path / f"{layer}-{pool}", model, layer, pool) for layer, pool in [(1, POOLS[0]), (2, POOLS[1])]
    ]
    alone = [[p.output for p in ask(made, model, INPUTS)] for made in probes]
    with sharing(model, [0, 1, 2]):
        before = model.meter.forwards
        assert [[p.output for p in ask(made, model, INPUTS)] for made in probes] == alone
        assert model.meter.forwards - before == 1
    before = model.meter.forwards
    ask(probes[0], model, INPUTS)
    assert model.meter.forwards - before == 1
    assert ask(probes[0], model, []) == []


def test_a_chat_is_read_up_to_the_assistants_turn(tmp_path: Path, model: Model) -> None:
    chat = chat_variant(PROMPT)
    words = Words("en", "", LABELS)
    (text,) = probed_texts(chat, words, ["order"], model)
    assert text == render(chat, words, "order", chat=model.chat)
    assert ask(dataclasses.replace(probe_of(tmp_path / "p", model), prompt=chat), model, ["order"])[0].output in LABELS


def test_a_text_that_does_not_fit_is_refused(tmp_path: Path, model: Model) -> None:
    with pytest.raises(ModelError):
        ask(probe_of(tmp_path / "probe", model), model, ["a" * 9000])


def test_it_goes_through_a_folder(tmp_path: Path, model: Model) -> None:
    made = probe_of(tmp_path / "probe", model)
    save(made, tmp_path / "adaptation")
    back = load(tmp_path / "adaptation", ModelRef(model.name, model.sha256))
    assert [p.scores for p in ask(back, model, INPUTS)] == [p.scores for p in ask(made, model, INPUTS)]
    weights = tmp_path / "adaptation" / "adapter" / "probe.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(AdaptationError, match="was changed"):
        load(tmp_path / "adaptation")


@pytest.mark.parametrize("misfit", ["layer", "labels", "width"])
def test_a_probe_of_another_model_or_task_is_refused(tmp_path: Path, model: Model, misfit: str) -> None:
    made = probe_of(tmp_path / "probe", model)
    probe = LinearProbe.load(tmp_path / "probe")
    if misfit == "layer":
        dataclasses.replace(probe, layer=3).save(tmp_path / "probe")
    elif misfit == "labels":
        made = dataclasses.replace(made, labels=LABELS[:2])
    else:
        narrow = {"mean": probe.mean[:16], "scale": probe.scale[:16], "weight": probe.weight[:, :16]}
        dataclasses.replace(probe, **narrow).save(tmp_path / "probe")
    with pytest.raises(AdaptationError, match="another base model") as told, opened(made, model):
        pass
    assert "另一个基座模型" in told.value.zh
