"""Constrained answers on random weights: always a label, always JSON that the schema accepts, or honestly cut off."""

from __future__ import annotations

import json

import jsonschema
import pytest

from rung.engine import Constraint
from rung.types import Decoding, ModelError

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 6},
        "sizes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 99}, "maxItems": 3},
        "kind": {"enum": ["大", "小", "medium"]},
        "nested": {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]},
    },
    "required": ["name", "sizes", "kind", "nested"],
    "additionalProperties": False,
}
LOOSE = {**SCHEMA, "properties": {**SCHEMA["properties"], "nested": {"type": "null"}}}


def test_json_always_parses_and_validates(fake) -> None:
    decoding = Decoding(max_tokens=150, temperature=1.5)
    answers = fake.generate(["a:", "名字："], decoding, constraint=Constraint.json(LOOSE), samples=8)
    for answer in (a for many in answers for a in many):
        assert answer.finished == "stop"
        jsonschema.validate(json.loads(answer.text), LOOSE)
    assert len({a.text for a in answers[0]}) > 1


def test_json_on_a_trained_sentencepiece_like_model(stories) -> None:
    constraint = Constraint.json({"type": "object", "properties": {"a": {"enum": ["cat", "dog"]}}, "required": ["a"]})
    (answer,) = stories.generate(["Lily has a "], Decoding(max_tokens=200), constraint=constraint)[0]
    assert answer.finished in ("stop", "eos", "length")
    if answer.finished != "length":  # other keys are allowed by this schema, and may go on for long
        assert json.loads(answer.text)["a"] in ("cat", "dog")


def test_a_budget_that_ends_inside_json_is_not_repaired(fake) -> None:
    (answer,) = fake.generate(["a:"], Decoding(max_tokens=5), constraint=Constraint.json(SCHEMA))[0]
    assert (answer.finished, len(answer.tokens)) == ("length", 5)
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_a_schema_that_cannot_be_compiled(fake) -> None:
    for schema in ({"type": "no such type"}, {"type": "string", "pattern": "(?<=a)b"}):
        with pytest.raises(ModelError, match="cannot be compiled"):
            fake.generate(["a"], Decoding(), constraint=Constraint.json(schema))


def test_the_answer_is_a_label(fake) -> None:
    labels = ["正面", "负面", "中性", "yes", "yes, of course", "no"]
    decoding = Decoding(max_tokens=20, temperature=2.0)
    answers = fake.generate([f"q{i}" for i in range(6)], decoding, constraint=Constraint.labels(labels), samples=6)
    written = {a.text for many in answers for a in many}
    assert written <= set(labels)
    assert len(written) > 2
    assert all(a.finished in ("stop", "eos") for many in answers for a in many)


def test_where_a_label_begins_another_the_end_token_decides(fake) -> None:
    """Greedy in a tree of two labels: at "ab" the model compares <|end|> with "c", as its logits say."""
    constraint = Constraint.labels(["ab", "abc"])
    (answer,) = fake.generate(["x"], Decoding(max_tokens=9), constraint=constraint)[0]
    behind = fake.score_tokens([fake.encode("xab")], [[[257], list(fake.encode("c")[1:])]])[0].logprobs
    assert answer.text == ("ab" if behind[0] > behind[1] else "abc")
    assert answer.finished == ("eos" if answer.text == "ab" else "stop")


def test_bad_labels(fake) -> None:
    for labels in ([], ["a", "a"], ["a", ""]):
        with pytest.raises(ModelError):
            Constraint.labels(labels)
    (cut,) = fake.generate(["x"], Decoding(max_tokens=2), constraint=Constraint.labels(["abcdef"]))[0]
    assert (cut.text, cut.finished) == ("ab", "length")
