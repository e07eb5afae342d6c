"""An item as tokens: what is learned is exactly what an assistant would write, wherever it stands."""

import random
from dataclasses import replace

import pytest

from rung.engine import load_model
from rung.instruct.item import Dialogue, Exercise, Turn
from rung.instruct.lesson import Lesson, lesson
from rung.prompts import TEMPLATES, chat_variant, with_magic
from rung.types import Demonstration

PLAIN = TEMPLATES["en"]["classify"][0]
SHOWN = (Demonstration("Rain all week.", "weather"), Demonstration("They won the cup.", "sport"))
ITEM = Exercise(
    "topics",
    "classify",
    "en",
    "Snow is on its way.",
    "weather",
    labels=("weather", "sport"),
    demonstrations=SHOWN,
    prompt=PLAIN,
)


@pytest.fixture(scope="module")
def model():
    return load_model("sprout")


def learned(model, made: Lesson) -> str:
    return model.tokenizer.decode([made.tokens[i] for i in made.learned])


class Never(random.Random):
    """Draws no chat style."""

    def random(self) -> float:
        return 0.99


def made(model, item) -> Lesson:
    found = lesson(model, item, Never(0))
    assert found is not None
    return found


def test_the_answers_of_demonstrations_are_learned_too(model):
    assert learned(model, made(model, ITEM)) == " weather sport weather"


def test_what_is_asked_is_what_a_program_asks(model):
    found = made(model, replace(ITEM, demonstrations=()))
    assert model.decode(found.tokens) == "Text: Snow is on its way.\nLabel: weather"
    assert list(found.tokens[: found.learned[0]]) == model.encode("Text: Snow is on its way.\nLabel:")


def test_a_label_is_not_closed_and_a_written_answer_is(model):
    assert made(model, ITEM).tokens[-1] != model.tokenizer.eos_token_id
    written = Exercise("copy", "generate", "zh", "重复：春天来了", "春天来了", prompt=TEMPLATES["zh"]["generate"][0])
    assert learned(model, made(model, written)) == "春天来了<|endoftext|>"


def test_a_chat_learns_each_turn_of_the_assistant_with_its_end(model):
    found = made(model, replace(ITEM, prompt=chat_variant(PLAIN)))
    assert learned(model, found) == "weather<|end|>sport<|end|>weather<|end|>"
    assert model.tokenizer.decode(list(found.tokens)).count("<|user|>") == 3


@pytest.mark.parametrize("style", ["plain", "chat"])
def test_reasoning_is_learned_and_the_words_that_call_for_it_are_not(model, style):
    prompt = with_magic(TEMPLATES["en"]["generate"][0], "step-by-step")
    item = Exercise("sums", "generate", "en", "4+8?", "12", reasoning=" 4+8=12;", prompt=prompt)
    text = learned(model, made(model, replace(item, prompt=chat_variant(prompt) if style == "chat" else prompt)))
    assert text.startswith(" 4+8=12;") and "12" in text.split(";")[1]
    assert "step by step" not in text


def test_a_dialogue_learns_the_turns_that_say_so(model):
    turns = (
        Turn("system", "You are brief."), Turn("user", "Hello!"), Turn("assistant", "Hi.", learned=True),
        Turn("user", "Two and two?"), Turn("assistant", "Four.", learned=True),
    )  # fmt: skip
    assert learned(model, made(model, Dialogue("talk", "en", turns))) == "Hi.<|end|>Four.<|end|>"


def test_what_does_not_fit_is_no_lesson(model):
    assert lesson(model, replace(ITEM, input="word " * 2000), Never(0)) is None
