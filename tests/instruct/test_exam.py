"""Exams on a family made here: two-digit sums with steps, in both languages."""

import json
import random
import re
from dataclasses import replace

import pytest

from rung.engine import FakeModel
from rung.instruct.exam import Answers, draw_items, question, read, room, same, turns
from rung.instruct.family import Family
from rung.instruct.item import Dialogue, Exercise, Turn
from rung.instruct.mixture import for_exam
from rung.instruct.sources import Sources
from rung.prompts import TEMPLATES, with_magic
from rung.types import DataError, Decoding, Demonstration, UserError

GREEDY = Decoding(max_tokens=60, constrain=False)


def sums(rng: random.Random, sources: Sources) -> Exercise:
    a, b = rng.randrange(10, 100), rng.randrange(10, 100)
    return Exercise("sums", "generate", rng.choice(("zh", "en")), f"{a}+{b}=", str(a + b), key=f"{a}+{b}")


def adds(prompt: str) -> str:
    """What a model that can add writes behind a prompt."""
    a, b = re.findall(r"(\d+)\+(\d+)=", prompt)[-1]
    return f" {int(a) + int(b)}"


@pytest.fixture
def sources(tmp_path):
    return Sources(tmp_path, tmp_path, exam=True)


@pytest.fixture
def model():
    return FakeModel(adds)


def test_items_are_all_held_out_distinct_and_the_same_for_the_same_seed(sources):
    found = draw_items(Family("sums", sums), 100, sources)
    assert all(map(for_exam, found))
    assert len({item.key for item in found}) == 100
    assert found == draw_items(Family("sums", sums), 100, sources)
    assert found != draw_items(Family("sums", sums), 100, sources, seed=1)


def test_only_accepted_items_are_drawn(sources):
    found = draw_items(Family("sums", sums), 20, sources, accept=lambda item: item.language == "zh")
    assert {item.language for item in found} == {"zh"}


def test_a_family_with_too_few_questions_says_so(sources):
    ten = Family("ten", lambda rng, s: replace(sums(rng, s), key=str(rng.randrange(10))))
    with pytest.raises(DataError, match="ten: .* different questions"):
        draw_items(ten, 12, sources)


def test_training_sources_are_refused(tmp_path):
    with pytest.raises(ValueError, match="exam=True"):
        draw_items(Family("sums", sums), 1, Sources(tmp_path, tmp_path))


def test_an_exercise_is_asked_in_the_named_template(model):
    item = Exercise("x", "generate", "en", "1+2=", "3", demonstrations=(Demonstration("2+2=", "4"),))
    assert question(model, item, template="pairs").text == "Input: 2+2=\nOutput: 4\n\nInput: 1+2=\nOutput:"
    assert question(model, item, template="pairs", shown=()).text == "Input: 1+2=\nOutput:"
    assert question(model, item, template="pairs/chat", shown=()).text.endswith("<|assistant|>")
    with pytest.raises(UserError, match="no template is called 'pair'"):
        question(model, item, template="pair")


def test_demonstrations_that_do_not_fit_are_left_out_from_the_front():
    model = FakeModel(adds, context=400)  # one token per byte, 256 of them for the answer
    shown = tuple(Demonstration(f"{n}+1=", str(n + 1)) for n in range(20))
    text = question(model, Exercise("x", "generate", "en", "1+2=", "3", demonstrations=shown), template="pairs").text
    assert len(text) <= 144
    assert "19+1=" in text
    assert "\n0+1=" not in text
    assert text.startswith("Input: ")


def test_written_answers_are_read_and_marked(model, sources, tmp_path):
    found = draw_items(Family("sums", sums), 30, sources)
    asked = [question(model, item) for item in found]
    texts = Answers(model, tmp_path / "answers.jsonl").write(asked, replace(GREEDY, max_tokens=room(model, asked)))
    assert all(same(q, read(q, text)) for q, (text,) in zip(asked, texts, strict=True))


def test_an_answer_behind_steps_is_read_behind_the_last_lead(model):
    prompt = with_magic(TEMPLATES["en"]["generate"][0], "step-by-step")
    item = Exercise("x", "generate", "en", "47+38=", "85", prompt=prompt, reasoning="7+8=15; so 85")
    asked = question(model, item)
    assert asked.text.endswith("step by step.")
    assert same(asked, read(asked, " 7+8=15; so 85\nTherefore, the answer is 85."))
    assert not same(asked, read(asked, " 7+8=15; so 85"))


def test_json_is_compared_by_its_value(model):
    item = Exercise("x", "extract", "zh", "姓名:张三", '{"name":"张三","age":"25"}', fields=("name", "age"))
    asked = question(model, item)
    assert same(asked, read(asked, '{"age": "25", "name": "张三"}'))
    assert not same(asked, read(asked, '{"name": "张三"}'))
    assert not same(asked, read(asked, "张三"))


def test_a_label_is_chosen_by_its_score(tmp_path):
    model = FakeModel(lambda prompt: "wrong" if "5" in prompt.rsplit("Text:", 1)[-1] else "right")
    items = [Exercise("x", "classify", "en", f"2+2={n}", "", labels=("right", "wrong")) for n in (4, 5)]
    answers = Answers(model, tmp_path / "answers.jsonl")
    assert answers.choose([question(model, item) for item in items]) == ["right", "wrong"]


def test_a_dialogue_is_asked_at_each_learned_turn_behind_the_true_ones(model):
    talk = (
        Turn("user", "6*7?"),
        Turn("assistant", "CALL", True),
        Turn("user", "42"),
        Turn("assistant", "It is 42.", True),
    )
    first, last = turns(model, Dialogue("tools", "en", talk))
    assert (first.target, last.target) == ("CALL", "It is 42.")
    assert "CALL" not in first.text
    assert "CALL" in last.text
    assert read(last, " It is 42.\n") == "It is 42."


def test_what_was_answered_is_kept_and_a_torn_line_is_asked_again(model, sources, tmp_path):
    asked = [question(model, item) for item in draw_items(Family("sums", sums), 5, sources)]
    path = tmp_path / "answers.jsonl"
    texts = Answers(model, path).write(asked, GREEDY)
    asked_for = model.meter.tokens
    assert Answers(model, path).write(asked, GREEDY) == texts
    assert model.meter.tokens == asked_for
    path.write_bytes(path.read_bytes()[:-3])
    again = Answers(model, path)
    assert len(again.known) == 4
    assert again.write(asked, GREEDY) == texts
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 5


def test_other_decoding_and_other_samples_are_other_answers(sources, tmp_path):
    model = FakeModel(adds, noise=1.0)
    asked = [question(model, item) for item in draw_items(Family("sums", sums), 2, sources)]
    answers = Answers(model, tmp_path / "answers.jsonl")
    greedy = answers.write(asked, GREEDY)
    warm = answers.write(asked, replace(GREEDY, temperature=0.7), samples=3)
    assert [len(texts) for texts in warm] == [3, 3]
    assert warm[0][0] != greedy[0][0]
