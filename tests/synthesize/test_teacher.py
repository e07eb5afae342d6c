"""How far a teacher agrees with itself."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rung.engine import FakeModel, fake_model
from rung.prompts import TEMPLATES, Words
from rung.synthesize import Asked, Seeds, Teacher, prepare
from rung.synthesize.attempt import Candidate
from rung.synthesize.style import styled
from rung.synthesize.teacher import prompted, sure, vote
from rung.types import Adaptation, Demonstration, Example, Prediction, UserError

TEXTS = [Candidate(i, text) for i, text in enumerate(("the buoy drifts to port", "a light to starboard"))]


def said(output: str, valid: bool = True, tokens: int = 3) -> Prediction:
    return Prediction("x", output, valid=valid, tokens_out=tokens)


def test_labels_are_as_sure_as_their_scores(ship: SimpleNamespace) -> None:
    model = FakeModel(ship.write)
    answers = prompted(model, ship.seeds())
    found = Teacher(answers, model).answer(TEXTS)
    assert [a.output for a in found] == ["left", "right"]
    assert [a.agreement for a in found] == pytest.approx([0.9, 0.9])  # what FakeModel gives its choice
    assert sure(Prediction("x", "a", scores=(np.log(0.2) - 5, np.log(0.6) - 5, np.log(0.2) - 5))) == pytest.approx(0.6)


@pytest.mark.parametrize("kind", ["classify", "extract"])
def test_equal_answers_vote(kind: str) -> None:
    a, b = ("a", "b") if kind == "classify" else ('{"x":1,"y":2}', '{"x":2,"y":2}')
    again = a if kind == "classify" else '{"y": 2, "x": 1}'
    assert vote(kind, [said(b), said(a), said(again), said(a), said("", False)], 9) == (a, 0.6)  # type: ignore[arg-type]
    assert vote(kind, [said(a), said(b)], 9) == (a, 0.5)  # type: ignore[arg-type] - a tie goes to the first
    assert vote(kind, [said("", False)] * 3, 9) == ("", 0.0)  # type: ignore[arg-type]


def test_a_free_answer_is_the_one_nearest_to_the_others() -> None:
    draws = [
        said("it is covered for a year"),
        said("covered for a year it is"),
        said("it is covered for one year"),
        said("no"),
    ]
    output, agreement = vote("generate", draws, 9)
    assert output == "it is covered for a year"
    pairs = (10 / 12, 8 / 12, 0.0)  # F of common subsequences of 4, 5 and 0 of 6 tokens, in some order
    assert agreement == pytest.approx((2 * 4 / 12 + pairs[0] + pairs[2]) / 3)
    assert vote("generate", [said("same"), said("same")], 9) == ("same", 1.0)
    assert vote("generate", [said("+"), said("+"), said("-")], 9) == ("+", 0.5)  # no word in them, and still the same
    assert vote("generate", [said("cut off here", tokens=9), said("cut off here", tokens=9)], 9) == ("", 0.0)


def test_samples_are_the_same_again_alone_or_together() -> None:
    model = FakeModel(lambda prompt: " right it is", noise=0.4)
    seeds = Seeds(
        "generate", "en", (Example("a", "left or right", "right it is"), Example("b", "up, down", "down it is"))
    )
    texts = [Candidate(i, f"in or out {i}") for i in range(8)]
    _, teacher, _ = prepare(seeds, None, model, Asked(samples=3), texts=[("a:1", "in or out")])
    found = teacher.answer(texts)
    assert {a.agreement for a in found} == {1.0, round(1 / 2, 6)}  # all three, or two of three and one spelt backwards
    assert [teacher.answer([one])[0] for one in texts] == found
    assert replace(teacher, seed=9).answer(texts) != found


def test_a_control_without_scores_has_no_agreement() -> None:
    made = Adaptation(
        "majority/most-frequent", "majority", "classify", "en", "majority", ("a", "b"), parameters={"answer": "a"}
    )
    teacher = Teacher(made, fake_model())
    with pytest.raises(UserError, match="type --agreement 0") as wrong:
        teacher.answer(TEXTS)
    assert "无法衡量一致度" in wrong.value.zh
    assert [(a.output, a.agreement) for a in replace(teacher, least=0.0).answer(TEXTS)] == [("a", None)] * 2


def test_what_the_model_cannot_read_is_told_before_it_is_asked(ship: SimpleNamespace) -> None:
    model = FakeModel(ship.write, context=400)
    teacher = Teacher(prompted(model, ship.seeds()), model)
    assert teacher.fits(TEXTS[0]) is None
    found = teacher.fits(Candidate(0, "port " * 80))
    assert found is not None
    assert (found.reason, found.value) == ("length", 401)  # with BOS
    assert teacher.answer([Candidate(0, "port " * 40)])[0].output  # what fits is answered


def test_a_role_is_words_and_no_template(ship: SimpleNamespace) -> None:
    made = prompted(FakeModel(ship.write), ship.seeds(), role="You are {{ 7 * 7 }} pilots.")
    assert made.prompt is not None
    assert "{{ '{' }}" in made.prompt.role
    assert len(made.demonstrations) == 6
    with pytest.raises(UserError, match="--role would change nothing"):
        prepare(ship.seeds(), made, FakeModel(ship.write), Asked(role="You are a pilot."), texts=[("a", "b")])


def test_plain_or_chat_is_what_makes_the_seeds_likelier() -> None:
    model, plain = fake_model(), TEMPLATES["en"]["classify"][0]
    shown = [Demonstration("a bell", "left"), Demonstration("a horn", "right"), Demonstration("a gong", "left")]
    words = Words("en", labels=("left", "right"))
    assert styled(model, plain, words, shown[:1]).style == "chat"  # nothing to compare by
    scores = {}
    for style, worse in (("plain", "chat"), ("chat", "plain")):
        model.score = lambda prompts, choices, worse=worse: [  # type: ignore[method-assign]
            SimpleNamespace(logprobs=(-9.0 if ("<|user|>" in prompts[0]) == (worse == "chat") else -1.0,))
        ]
        scores[style] = styled(model, plain, words, shown).style
    assert scores == {"plain": "plain", "chat": "chat"}
