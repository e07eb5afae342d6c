"""Data are never a template, and a template is never a program."""

import pytest

from rung.prompts import TEMPLATES, Words, answer_text, literal, render
from rung.prompts.template import fill, sentence
from rung.types import Demonstration, Prompt, UserError

HOSTILE = [
    "{{ 7*7 }}",
    "{% for x in y %}",
    "{{ ''.__class__ }}",
    "{# note #}",
    "a }} b",
    "{{",
    "<b> & 'q'",
    "line\r\nend\n",
]
VALUES = {"description": "d", "labels": ["a", "b"] * 40, "fields": [], "language": "en", "input": "x" * 1000}


@pytest.mark.parametrize("data", HOSTILE)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_data_come_out_unchanged(data, language):
    for kind, prompts in TEMPLATES[language].items():
        for prompt in prompts:
            words = Words(language, f"about {data} end.", (data, "other"), (data,))
            text = render(prompt, words, f"<{data}>", [Demonstration(f"[{data}]", f"({data})")])
            assert f"<{data}>" in text and f"[{data}]" in text and f"({data})" in text
            if "description" in prompt.instruction:
                assert f"about {data} end." in text
            if kind == "classify" and "labels" in prompt.instruction and prompt.name != "question":
                assert f"{data}、other" in text or f"{data}, other" in text
            assert data in answer_text(prompt, words, data)


@pytest.mark.parametrize("text", [*HOSTILE[:-1], "{% endraw %}{{ x }}", "{{{ % }}}"])
def test_literal_renders_to_itself(text):
    assert fill(literal(text), VALUES, prompt="p", part="instruction") == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",  # the way to Python's internals
        "{{ description.__init__.__globals__ }}",
        "{{ description['__class__'] }}",
        "{{ description.format }}",  # a method prints a memory address
        "{{ description.upper() }}",
        "{{ cycler }}",
        "{% include 'file' %}",
        "{% import 'os' as os %}",
        "{% macro m() %}{% endmacro %}",
        "{{ 'a' * 10**10 }}",  # memory
        "{{ '%9999999999d' % 1 }}",
        "{{ 'a'|center(9999999999) }}",
        "{% set a = description %}{% set a = a ~ a %}",
        "{% for a in labels %}{% for b in labels %}{{ input }}{% endfor %}{% endfor %}",
        "{% for c in input %}{{ input }}{% endfor %}",
        "{{ input|join(input) }}",
        "{{ labels|join(labels|join(labels|join(labels|join(input)))) }}",
    ],
)
def test_what_a_prompt_does_not_need_is_refused(source):
    with pytest.raises(UserError, match="'p'.*instruction") as error:
        fill(source, VALUES, prompt="p", part="instruction")
    assert "instruction" in error.value.zh and "无法填充" in error.value.zh


def test_a_loop_over_the_labels_is_allowed():
    source = "{% for label in labels %}{{ loop.index }}. {{ label }}{% if not loop.last %}; {% endif %}{% endfor %}"
    assert fill(source, {"labels": ["a", "b"]}, prompt="p", part="instruction") == "1. a; 2. b"


@pytest.mark.parametrize(
    "part, source, reason",
    [
        ("role", "{{ rolle }}", "'rolle' is undefined"),
        ("instruction", "one\n{{ labels|jion }}", "line 2"),
        ("question", "{{ input ", "unexpected end"),
        ("question", "{{ input }} is {{ target }}", "'target' is undefined"),  # would give the answer away
        ("question", "nothing of it", "never shows the input"),
        ("lead", "{{ input }}", "'input' is undefined"),
        ("answer", "{{ 1 }}", "never shows the target"),
        ("question", "{% if labels %}" * 120 + "{{ input }}" + "{% endif %}" * 120, "too many levels"),
    ],
)
def test_errors_name_the_part(part, source, reason):
    prompt = Prompt("mine", "en", **{part: source})
    with pytest.raises(UserError, match=f"(?s)'mine'.*{part}.*{reason}"):
        render(prompt, Words("en"), "x", [Demonstration("a", "b")])


def test_sentence():
    assert [sentence(text) for text in ("", " 判断情感 ", "判断情感。", "Classify", "Which?")] == [
        "",
        "判断情感。",
        "判断情感。",
        "Classify.",
        "Which?",
    ]
