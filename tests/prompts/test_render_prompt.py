"""Golden texts: what the model sees, letter by letter. Written by hand from the layout in ``rung.types.Prompt``."""

import pytest

from rung.prompts import TEMPLATES, Words, answer_text, chat_variant, choice_texts, render, stop_strings
from rung.types import Adaptation, Demonstration, Prompt, Sealed, Task, UserError

ZH = Words("zh", "判断外卖评论的情感", ("正面", "负面"))
EN = Words("en", "Decide the sentiment of the review", ("negative", "positive"))
ZH_SHOWN = (Demonstration("味道很好", "正面"), Demonstration("太难吃了", "负面"))
EN_SHOWN = (Demonstration("a joy", "positive"),)


def template(language, kind, name):
    return next(prompt for prompt in TEMPLATES[language][kind] if prompt.name == name)


def chat(messages, lead):
    """A chat template that shows everything it is given."""
    return "".join(f"<{m['role']}>{m['content']}</{m['role']}>" for m in messages) + f"<assistant>{lead}"


def test_plain_chinese():
    text = render(template("zh", "classify", "role"), ZH, "送餐很快", ZH_SHOWN)
    assert text == (
        "你是一名经验丰富的文本标注员。\n判断外卖评论的情感。可选标签：正面、负面。\n\n"
        "文本：味道很好\n标签：正面\n\n"
        "文本：太难吃了\n标签：负面\n\n"
        "文本：送餐很快\n标签："
    )


def test_plain_english():
    text = render(template("en", "classify", "instruct"), EN, "so so", EN_SHOWN)
    assert text == (
        "Decide the sentiment of the review. Labels: negative, positive.\n\n"
        "Text: a joy\nLabel: positive\n\n"
        "Text: so so\nLabel:"
    )


def test_without_description_and_labels():
    assert (
        render(template("zh", "classify", "instruct"), Words("zh"), "好")
        == "判断下面的文本属于哪一类。\n\n文本：好\n标签："
    )


def test_question_names_few_labels_and_lists_many():
    question = template("zh", "classify", "question")
    assert render(question, ZH, "好") == "判断外卖评论的情感。\n\n好\n问：正面还是负面？\n答："
    many = Words("zh", labels=("体育", "财经", "娱乐", "科技", "教育"))
    assert render(question, many, "好") == (
        "判断下面的文本属于哪一类。可选标签：体育、财经、娱乐、科技、教育。\n\n好\n问：属于哪一类？\n答："
    )
    three = Words("en", labels=("a", "b", "c"))
    assert render(template("en", "classify", "question"), three, "x") == ("x\nQuestion: a, b or c?\nAnswer:")


def test_extract_names_the_fields():
    words = Words("zh", fields=("姓名", "年龄"))
    shown = [Demonstration("姓名:李四, 年龄:30", '{"姓名": "李四", "年龄": "30"}')]
    assert render(template("zh", "extract", "instruct"), words, "姓名:张三, 年龄:25", shown) == (
        "从文本中提取信息。用 JSON 格式回答，字段为：姓名、年龄。\n\n"
        '文本：姓名:李四, 年龄:30\nJSON：{"姓名": "李四", "年龄": "30"}\n\n'
        "文本：姓名:张三, 年龄:25\nJSON："
    )


def test_chat_moves_the_lead_into_the_question():
    text = render(chat_variant(template("en", "classify", "instruct")), EN, "so so", EN_SHOWN, chat=chat)
    assert text == (
        "<system>Decide the sentiment of the review. Labels: negative, positive.</system>"
        "<user>Text: a joy\nLabel:</user><assistant>positive</assistant>"
        "<user>Text: so so\nLabel:</user><assistant>"
    )


def test_chat_with_its_own_lead_and_without_a_header():
    prompt = Prompt("own", "en", lead="Label:", answer=" {{ target }}", style="chat")
    assert render(prompt, EN, "so so", EN_SHOWN, chat=chat) == (
        "<user>a joy</user><assistant>Label: positive</assistant><user>so so</user><assistant>Label:"
    )


def test_chat_style_without_a_chat_template_is_refused():
    with pytest.raises(UserError, match="no chat template"):
        render(chat_variant(template("en", "classify", "bare")), EN, "x")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_zero_shot_shows_no_demonstration(language):
    words = Words(language, labels=("L1", "L2"))
    for prompts in TEMPLATES[language].values():
        for prompt in prompts:
            text = render(prompt, words, "INPUT")
            asked = text.split(prompt.separator)[-1]
            assert "INPUT" in asked and asked.endswith(f"\n{prompt.lead}") and text.count(f"\n{prompt.lead}") == 1
            shown = render(prompt, words, "INPUT", [Demonstration("D1", "L1"), Demonstration("D2", "L2")])
            turns = shown.count(f"\n{prompt.lead}") if prompt.lead else shown.count(prompt.separator) + 1
            assert turns == 3 and shown.index("D1") < shown.index("D2") < shown.index("INPUT")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", ["classify", "extract", "generate", "prefer"])
@pytest.mark.parametrize("style", ["plain", "chat"])
def test_every_template_renders_with_and_without_words(language, kind, style):
    names = [prompt.name for prompt in TEMPLATES[language][kind]]
    assert len(names) >= 4 and len(set(names)) == len(names)
    for prompt in TEMPLATES[language][kind]:
        prompt = chat_variant(prompt) if style == "chat" else prompt
        for description in ("", "DESCRIPTION"):
            for labels in ((), ("one",), ("one", "two"), tuple(f"label{i}" for i in range(7))):
                words = Words(language, description, labels, ("name",) if kind == "extract" else ())
                text = render(prompt, words, "INPUT", [Demonstration("D", "T")], chat=chat)
                assert text.count("INPUT") == 1 and "\n\n\n" not in text and "{" not in text
                if description and (prompt.instruction or prompt.role):
                    assert description in text


def test_a_demonstration_is_the_question_and_its_answer():
    """What is scored, what is shown and what is trained on are the same letters."""
    for language in ("zh", "en"):
        for plain in TEMPLATES[language]["classify"]:
            for prompt in (plain, chat_variant(plain)):
                words = Words(language, labels=("one", "two"))
                shown = render(
                    prompt,
                    words,
                    "END",
                    [Demonstration("X", "two")],
                    chat=lambda m, lead: "".join(x["content"] for x in m),
                )
                asked = render(prompt, words, "X", chat=lambda m, lead: "".join(x["content"] for x in m) + lead)
                assert asked + choice_texts(prompt, words)[1] in shown


def test_answer_text_has_a_space_only_behind_an_english_lead():
    zh, en = template("zh", "classify", "bare"), template("en", "classify", "bare")
    assert choice_texts(zh, ZH) == ["正面", "负面"]
    assert choice_texts(en, EN) == [" negative", " positive"]
    assert choice_texts(chat_variant(en), EN) == ["negative", "positive"]
    assert answer_text(chat_variant(en), EN, "  indented") == "  indented"  # the target's own spaces stay


def test_labels_that_become_the_same_text_are_refused():
    prompt = Prompt("lower", "en", lead="Label:", answer=" {{ target|lower }}")
    with pytest.raises(UserError, match="'A' and 'a'"):
        choice_texts(prompt, Words("en", labels=("A", "a")))


def test_stop_strings():
    assert stop_strings(template("zh", "classify", "bare")) == ("\n\n", "\n文本：")
    assert stop_strings(template("zh", "classify", "bare"), paragraphs=True) == ("\n文本：",)
    assert stop_strings(template("zh", "classify", "question")) == ("\n\n",)  # its question begins with the input
    assert stop_strings(chat_variant(template("zh", "classify", "bare"))) == ()


def test_words_of_task_and_adaptation():
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "string"}}}
    task = Task("t", "extract", "entity-f1", "en", (), (), Sealed(()), schema=schema, description=" who? ")
    assert Words.of(task) == Words("en", "who?", (), ("name", "age"), schema)
    adaptation = Adaptation(
        "a", "zero-shot", "classify", "zh", labels=("正面", "负面"), description="判断外卖评论的情感"
    )
    assert Words.of(adaptation) == ZH and Words.of(ZH) is ZH
    assert render(template("zh", "classify", "bare"), adaptation, "好") == "文本：好\n标签："
