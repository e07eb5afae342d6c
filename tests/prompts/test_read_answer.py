"""Answers read from the model's text. The cases are what base and chat models write; a mention is not an answer."""

import json

import pytest

from rung.prompts import TEMPLATES, Words, read_answer, with_magic
from rung.prompts.schema import conforms
from rung.types import Prompt

EN = Words("en", labels=("negative", "positive", "very positive"))
ZH = Words("zh", labels=("不满意", "满意", "非常满意"))
EN_PROMPT, ZH_PROMPT = TEMPLATES["en"]["classify"][0], TEMPLATES["zh"]["classify"][0]
INVALID = ("", False)


@pytest.mark.parametrize(
    "text, label",
    [
        (" positive", "positive"),
        ("Positive.", "positive"),
        ('"positive"\n\nText: next', "positive"),
        ("**Very Positive**", "very positive"),
        ("Label: negative", "negative"),
        ("The answer is positive.", "positive"),
        ("positive, because it praises the food", "positive"),
        ("ｐｏｓｉｔｉｖｅ", "positive"),
        ("very positive indeed", "very positive"),  # the longest label at the start
        ("positively awful", None),
        ("not positive", None),
        ("positive or negative", None),
        ("it is positive", None),
        ("", None),
        ("\n\n", None),
        ("neutral", None),
        ("The answer is not positive.", None),
    ],
)
def test_labels_in_english(text, label):
    assert read_answer(EN_PROMPT, "classify", text, EN) == ((label, True) if label else INVALID)


@pytest.mark.parametrize(
    "text, label",
    [
        ("满意", "满意"),
        ("不满意。", "不满意"),
        ("“非常满意”", "非常满意"),
        ("标签：满意", "满意"),
        ("答案是满意。", "满意"),
        ("满意，因为送餐快", "满意"),
        ("满意度", None),
        ("我觉得满意", None),
        ("满意、不满意", None),
    ],
)
def test_labels_in_chinese(text, label):
    assert read_answer(ZH_PROMPT, "classify", text, ZH) == ((label, True) if label else INVALID)


def test_labels_that_differ_in_case_only_are_told_apart_or_refused():
    words = Words("en", labels=("A", "a"))
    assert read_answer(EN_PROMPT, "classify", " a", words) == ("a", True)
    assert read_answer(EN_PROMPT, "classify", " 'A'", words) == INVALID


def test_labels_of_punctuation_and_digits():
    words = Words("en", labels=("+", "-", "01", "1"))
    for label in words.labels:
        assert read_answer(EN_PROMPT, "classify", f" {label}\n", words) == (label, True)


def test_a_label_is_read_as_it_is_written():
    prompt = Prompt("brackets", "en", lead="Label:", answer=" ({{ target }})")
    assert read_answer(prompt, "classify", " (positive)", EN) == ("positive", True)


SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["name"],
    "additionalProperties": False,
}
FIELDS = Words("zh", fields=("name", "tags"), schema=SCHEMA)


@pytest.mark.parametrize(
    "text, value",
    [
        ('{"name": "张三"}', {"name": "张三"}),
        ('```json\n{"tags": ["a"], "name": "x"}\n```', {"name": "x", "tags": ["a"]}),
        (' {"name": "a } b"} and more {', {"name": "a } b"}),
        ("{'name': 'x'}", None),  # not JSON: never repaired
        ('{"name": "x"', None),
        ('{"name": 1}', None),
        ('{"tags": []}', None),  # a required key is missing
        ('{"name": "x", "age": 3}', None),
        ('{"name": "x", "tags": [1]}', None),
        ('{"name": "x", "name": "y"}', None),
        ('{"name": "\\ud800"}', None),  # cannot be written as UTF-8
        ('["name"]', None),
        ("no object", None),
        ("{" * 5000, None),
        ('{"name":' * 5000, None),
    ],
)
def test_json(text, value):
    output, valid = read_answer(TEMPLATES["zh"]["extract"][0], "extract", text, FIELDS)
    assert valid is (value is not None)
    assert output == (json.dumps(value, ensure_ascii=False, separators=(",", ":")) if valid else "")


def test_json_is_written_as_the_answers_of_the_examples_are():
    prompt, inner = TEMPLATES["en"]["extract"][0], {"properties": {"z": {}, "b": {}}}
    words = Words("en", schema={"properties": {"who": {}, "all": {"items": inner}, "age": {}}})
    text = '{"x": 1, "age": 3, "c": 2, "all": [{"b": 1, "z": 2}], "who": "王"}'
    output = '{"who":"王","all":[{"z":2,"b":1}],"age":3,"c":2,"x":1}'
    assert read_answer(prompt, "extract", text, words) == (output, True)
    assert read_answer(prompt, "extract", '{"a": 1, "b": 2}', Words("en", fields=("b", "a")))[0] == '{"b":2,"a":1}'


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": Infinity}', '{"a": ' + "9" * 5000 + "}", '{"a": 1e999}'])
def test_json_numbers_that_are_none(text):
    assert read_answer(TEMPLATES["en"]["extract"][0], "extract", text, Words("en")) == INVALID


def test_json_without_a_schema_may_use_the_fields_only():
    prompt, words = TEMPLATES["en"]["extract"][0], Words("en", fields=("name",))
    assert read_answer(prompt, "extract", '{"name": [1]}', words) == ('{"name":[1]}', True)
    assert read_answer(prompt, "extract", '{"other": 1}', words) == INVALID


@pytest.mark.parametrize("kind", ["generate", "prefer"])
def test_generated_text(kind):
    prompt = TEMPLATES["zh"]["generate"][0]
    words = Words("zh")
    assert read_answer(prompt, kind, " 您好！\n保修 12 个月。\n", words) == ("您好！\n保修 12 个月。", True)
    assert read_answer(prompt, kind, "回答：您好！", words) == ("您好！", True)
    assert read_answer(prompt, kind, " \n", words) == INVALID


def test_reasoning_is_read_behind_the_last_marker():
    en = with_magic(EN_PROMPT, "step-by-step")
    text = " The answer is negative at first sight. But no.\nTherefore, the answer is positive."
    assert read_answer(en, "classify", text, EN) == ("positive", True)
    assert read_answer(en, "classify", " positive", EN) == (
        "positive",
        True,
    )  # the second stage writes the answer alone
    assert read_answer(en, "classify", " It says nothing positive.", EN) == INVALID
    zh = with_magic(ZH_PROMPT, "step-by-step")
    assert read_answer(zh, "classify", "先看态度。因此，答案是：不满意。", ZH) == ("不满意", True)
    assert read_answer(zh, "classify", "先看态度。\n答案：非常满意", ZH) == ("非常满意", True)
    sums = with_magic(TEMPLATES["en"]["generate"][0], "step-by-step")
    assert read_answer(sums, "generate", " 9 + 9 = 18. Therefore, the answer is 18.", Words("en")) == ("18", True)
    objects = with_magic(TEMPLATES["en"]["extract"][0], "step-by-step")
    assert read_answer(objects, "extract", ' A set {x}. Answer: {"a": 1}', Words("en")) == ('{"a":1}', True)


@pytest.mark.parametrize(
    "value, schema, fits",
    [
        (True, {"type": "integer"}, False),  # JSON Schema 2020-12, validation 6.1.1: a boolean is no number
        (2.0, {"type": "integer"}, True),
        (2.5, {"type": "integer"}, False),
        (None, {"type": ["string", "null"]}, True),
        ("c", {"enum": ["a", "b"]}, False),
        (True, {"enum": [1, 0]}, False),
        (0, {"const": False}, False),
        (1.0, {"enum": [1]}, True),
        ("a", {"type": "text"}, False),
        (1, {"anyOf": [{"type": "string"}, {"const": 1}]}, True),
        ({"a": {"b": 1}}, {"properties": {"a": {"properties": {"b": {"type": "string"}}}}}, False),
        ({"x": 1}, {"additionalProperties": {"type": "integer"}}, True),
        ({"x": "1"}, {"additionalProperties": {"type": "integer"}}, False),
    ],
)
def test_schema(value, schema, fits):
    assert conforms(value, schema) is fits
