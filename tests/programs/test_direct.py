"""One call: what stands in the prompt, how the answer is read, what it costs, and that the base stays as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rung.adapters import LoraConfig, attach, save
from rung.engine import FakeModel, fake_model
from rung.programs import as_examples, opened
from rung.prompts import MAGIC, TEMPLATES, with_magic
from rung.types import Adaptation, Decoding, Demonstration, Example, ModelError, Selector

LABELS = ("bad", "good")
CLASSIFY = Adaptation("a/b", "a", "classify", "en", labels=LABELS, prompt=TEMPLATES["en"]["classify"][1])
POOL = (Demonstration("warm soup", "good"), Demonstration("cold soup", "bad"), Demonstration("late bus", "bad"))


def watched(answer: str) -> tuple[FakeModel, list[str]]:
    """A model that always answers so, and the prompts that it was given."""
    prompts: list[str] = []

    def rule(prompt: str) -> str:
        prompts.append(prompt)
        return answer

    return FakeModel(rule), prompts


def ask(adaptation: Adaptation, model: FakeModel, *texts: str):
    with opened(adaptation, model) as answer:
        return answer(as_examples(texts))


def test_a_label_is_chosen_by_its_score() -> None:
    model, prompts = watched("good")
    (made,) = ask(CLASSIFY, model, "nice")
    assert (made.output, made.valid, made.calls, made.shown) == ("good", True, 1, ())
    assert made.scores is not None
    assert made.scores[1] > made.scores[0]
    assert made.tokens_in == len(model.encode(prompts[0]))
    assert "nice" in prompts[0]
    assert made.flops > 0


def test_calibration_is_added_to_the_scores() -> None:
    model, _ = watched("good")
    (before,), (after,) = ask(CLASSIFY, model, "nice"), ask(replace(CLASSIFY, calibration=(9.0, 0.0)), model, "nice")
    assert (before.output, after.output) == ("good", "bad")
    assert before.scores is not None
    assert after.scores == pytest.approx((before.scores[0] + 9.0, before.scores[1]))


def test_zero_shot_shows_nothing_and_few_shot_shows_all_in_order() -> None:
    model, prompts = watched("good")
    ask(CLASSIFY, model, "nice")
    (made,) = ask(replace(CLASSIFY, demonstrations=POOL), model, "nice")
    assert not any(d.input in prompts[0] for d in POOL)
    places = [prompts[-1].index(d.input) for d in POOL]
    assert places == sorted(places)
    assert made.shown == tuple(d.input for d in POOL)


def test_a_selector_shows_what_is_near() -> None:
    model, _ = watched("good")
    made = ask(
        replace(CLASSIFY, demonstrations=POOL, selector=Selector("bm25", 1)), model, "a bus", "hot soup now warm"
    )
    assert [p.shown for p in made] == [("late bus",), ("warm soup",)]


def test_demonstrations_that_do_not_fit_are_left_out_whole_or_refused() -> None:
    model = FakeModel(lambda prompt: "good", context=160)
    (made,) = ask(replace(CLASSIFY, demonstrations=POOL), model, "nice")
    assert 0 < len(made.shown) < 3
    assert set(made.shown) <= {d.input for d in POOL}
    with pytest.raises(ModelError):
        ask(CLASSIFY, model, "long " * 40)


def test_a_text_is_written_and_read() -> None:
    model, _ = watched("It is covered.\nQuestion: more?")
    made = Adaptation(
        "a/b", "a", "generate", "en", prompt=TEMPLATES["en"]["generate"][0], decoding=Decoding(max_tokens=40)
    )
    (prediction,) = ask(made, model, "Is it covered?")
    assert prediction.valid
    assert prediction.output.startswith("It is covered.")
    assert prediction.tokens_out > 0


@pytest.mark.parametrize(("written", "valid"), [('{"place": ["Lyon"]}', True), ("Lyon, I think", False)])
def test_what_cannot_be_read_is_not_valid(written: str, valid: bool) -> None:
    places = {"type": "array", "items": {"type": "string"}}
    schema = {"type": "object", "properties": {"place": places}, "required": ["place"]}
    model, _ = watched(written)
    made = Adaptation(
        "a/b", "a", "extract", "en", schema=schema, prompt=TEMPLATES["en"]["extract"][0],
        decoding=Decoding(max_tokens=64, constrain=False),
    )  # fmt: skip
    (prediction,) = ask(made, model, "He went to Lyon.")
    assert prediction.valid is valid
    assert prediction.text == written
    if valid:
        assert json.loads(prediction.output) == {"place": ["Lyon"]}


def test_reasoning_takes_two_calls_and_both_are_paid() -> None:
    assert CLASSIFY.prompt is not None
    prompt = next(p for p in (with_magic(CLASSIFY.prompt, n) for n in MAGIC["en"]) if p.reasoning is not None)
    model, _ = watched("good")
    (plain,), (thought,) = ask(CLASSIFY, model, "nice"), ask(replace(CLASSIFY, prompt=prompt), model, "nice")
    assert (plain.calls, thought.calls) == (1, 2)
    assert thought.tokens_in > 2 * plain.tokens_in - 10
    assert thought.flops > plain.flops
    assert thought.text.startswith("good")


def test_an_adapter_answers_differently_and_leaves_the_base_bit_for_bit(tmp_path: Path) -> None:
    model = fake_model(seed=1)
    handle = attach(model.hf, LoraConfig(rank=4), seed=0)
    with torch.no_grad():
        for parameter in handle.parameters.values():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    save(handle, tmp_path / "adapter", base="fake")
    handle.detach()
    before = {name: tensor.clone() for name, tensor in model.hf.state_dict().items()}
    examples = [Example(str(i), f"text {i}", "") for i in range(4)]
    with opened(CLASSIFY, model) as answer:
        base = [p.scores for p in answer(examples)]
    with opened(replace(CLASSIFY, adapter=str(tmp_path / "adapter")), model) as answer:
        adapted = [p.scores for p in answer(examples)]
    with opened(CLASSIFY, model) as answer:
        again = [p.scores for p in answer(examples)]
    assert base == again
    assert base != adapted
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.hf.state_dict().items())
