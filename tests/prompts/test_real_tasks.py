"""Prompts over real data: every row comes out unchanged, and every answer that is written is read back as itself."""

import json
import os
from pathlib import Path

import pytest

from rung.prompts import TEMPLATES, Words, answer_text, chat_variant, read_answer, render, with_magic

TASKS = Path(os.environ.get("RUNG_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "tasks"


def rows(name, limit=300):
    path = TASKS / name
    if not path.exists():
        pytest.skip(f"{name} is not in {TASKS}")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[:limit]]


@pytest.mark.parametrize(
    "name, language, input, output",
    [
        ("fewclue_eprstmt/test.jsonl", "zh", "text", "label"),
        ("fewclue_tnews/train_all.jsonl", "zh", "text", "label"),
        ("sst2/train.jsonl", "en", "text", "label"),
        ("trec/train.jsonl", "en", "text", "label"),
    ],
)
def test_labels(name, language, input, output):
    data = rows(name)
    words = Words(language, labels=tuple(sorted({row[output] for row in data})))
    assert len(words.labels) > 1
    for plain in TEMPLATES[language]["classify"]:
        for prompt in (plain, chat_variant(plain), with_magic(plain, "step-by-step")):
            for row in data[:100]:
                assert row[input] in render(prompt, words, row[input], chat=lambda m, lead: m[-1]["content"] + lead)
            for label in words.labels:
                written = answer_text(prompt, words, label)
                for text in (written, f"{written}\n\n{prompt.question}", f"{prompt.lead}{written}"):
                    assert read_answer(prompt, "classify", text, words) == (label, True)


def test_generated_answers():
    prompt, words = TEMPLATES["en"]["generate"][0], Words("en")
    for row in rows("gsm8k/train.jsonl"):
        written = answer_text(prompt, words, row["output"])
        assert read_answer(prompt, "generate", written, words) == (row["output"].strip(), True)


def test_json_answers():
    types = ("人名", "公司", "地址")
    schema = {
        "type": "object",
        "properties": {name: {"type": "array", "items": {"type": "string"}} for name in types},
        "required": list(types),
        "additionalProperties": False,
    }
    words = Words("zh", fields=types, schema=schema)
    prompt = TEMPLATES["zh"]["extract"][1]
    for row in rows("cluener/train.jsonl"):
        value = {name: [e["text"] for e in row["entities"] if e["type_zh"] == name] for name in types}
        written = answer_text(prompt, words, json.dumps(value, ensure_ascii=False))
        output, valid = read_answer(prompt, "extract", f"{written}\n\n文本：{row['text']}", words)
        assert valid and json.loads(output) == value
