"""Magic words change the part that they name, and nothing else."""

from dataclasses import fields

import pytest

from rung.prompts import MAGIC, TEMPLATES, Words, chat_variant, render, render_reasoning, stop_strings, with_magic
from rung.types import Demonstration, Prompt, UserError

EVERY = [(language, name) for language in MAGIC for name in MAGIC[language]]
ZH = Words("zh", labels=("正面", "负面"))


def bare(language):
    return TEMPLATES[language]["classify"][0]


@pytest.mark.parametrize("language, name", EVERY)
def test_changes_exactly_the_named_parts(language, name):
    magic = MAGIC[language][name]
    assert magic.name == name and magic.language == language and "arXiv" in magic.source and magic.changes
    for kind in TEMPLATES[language]:
        for prompt in TEMPLATES[language][kind]:
            changed = magic(prompt)
            different = {f.name for f in fields(Prompt) if getattr(changed, f.name) != getattr(prompt, f.name)}
            assert different == {"name", *magic.changes} and changed.name == f"{prompt.name}+{name}"
            assert not different & {"question", "answer", "separator", "style", "language"}


@pytest.mark.parametrize("language, name", EVERY)
def test_data_and_demonstrations_stay(language, name):
    words, shown = Words(language, labels=("one", "two")), [Demonstration("DATA {{ 1 }}", "one")]
    text = render(MAGIC[language][name](bare(language)), words, "INPUT", shown)
    assert text.count("DATA {{ 1 }}") == 1 and text.count("INPUT") == 1


def test_both_languages_have_the_same_magics():
    assert list(MAGIC["zh"]) == list(MAGIC["en"])


def test_instruction_is_added_behind_what_is_there():
    prompt = TEMPLATES["en"]["generate"][1]
    assert render(with_magic(prompt, "career"), Words("en", "Translate"), "x") == (
        "Translate. This is very important to my career.\n\nInput: x\nAnswer:"
    )
    assert render(with_magic(bare("zh"), "career"), ZH, "好") == "这对我的职业生涯非常重要。\n\n文本：好\n标签："
    # an instruction that stays empty leaves no space behind
    question = TEMPLATES["en"]["generate"][3]
    assert render(with_magic(question, "tip"), Words("en"), "x").startswith("I'm going to tip")


def test_two_stages_of_reasoning():
    """Kojima et al. 2022, section 3: [question] [trigger], then [question] [trigger] [reasoning] [answer trigger]."""
    prompt = with_magic(bare("zh"), "step-by-step")
    shown = [Demonstration("难吃", "负面")]
    first = render(prompt, ZH, "好", shown)
    assert first == "文本：难吃\n因此，答案是：负面\n\n文本：好\n让我们一步一步思考。"
    second = render_reasoning(prompt, ZH, "好", shown, reasoning="“好”是褒义。 \n")
    assert second == first + "“好”是褒义。\n因此，答案是："
    assert render_reasoning(prompt, ZH, "好", shown, reasoning=None) == first
    assert stop_strings(prompt) == ("\n文本：",) and stop_strings(prompt, paragraphs=False) == ("\n\n", "\n文本：")


def test_reasoning_in_chat_stands_in_the_assistants_turn():
    prompt = chat_variant(with_magic(bare("en"), "analysis-lead"))
    seen = []
    render_reasoning(prompt, Words("en"), "x", reasoning=" fine.", chat=lambda m, lead: seen.append((m, lead)) or "")
    assert seen == [
        (
            [
                {"role": "system", "content": 'Answer by starting with "Analysis:", then give the answer.'},
                {"role": "user", "content": "Text: x"},
            ],
            "Analysis: fine.\nTherefore, the answer is",
        )
    ]


def test_without_reasoning_there_is_one_stage():
    assert render_reasoning(bare("zh"), ZH, "好", reasoning="想法") == render(bare("zh"), ZH, "好")


def test_unknown_and_foreign_magics_are_refused():
    with pytest.raises(UserError, match="did you mean 'career'"):
        with_magic(bare("en"), "carer")
    with pytest.raises(UserError, match="is in zh"):
        MAGIC["zh"]["career"](bare("en"))
