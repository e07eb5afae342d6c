"""The shipped tokenizer: any text comes back, digits stand single, no token crosses scripts, marks are only marks."""

import random
import re

import pytest

from rung.pretrain.tokenizer import END_OF_TEXT, RESERVED, ROLES, bytes_per_token, load_tokenizer, token_ids
from rung.pretrain.tokenizer import train_tokenizer as learn

HAN, LATIN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"), re.compile(r"[A-Za-z\u00c0-\u024f]")


@pytest.fixture(scope="module")
def tokenizer(sprout):
    return load_tokenizer(sprout)


def random_text(chance):
    """Characters from everywhere: ASCII with controls, Latin-1, Han, kana, combining marks, emoji with joiners."""
    ranges = [(0, 0x7F), (0x80, 0xFF), (0x300, 0x36F), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xFF00, 0xFFEF),
              (0x1F300, 0x1F6FF), (0x20000, 0x2A6DF), (0x200B, 0x200F), (0xE000, 0xF8FF)]  # fmt: skip
    return "".join(chr(chance.randint(*chance.choice(ranges))) for _ in range(chance.randint(1, 60)))


def test_any_text_comes_back(tokenizer):
    chance = random.Random(7)
    texts = ["它costs 3.50元，OK？", "👩‍👩‍👧‍👦🏳️‍🌈", "e\u0301 \u00e9\r\n\t  x \n\n"]
    texts += [" lead", "trail ", "don't\u3000不。", "\x00\x7f"]
    texts += [random_text(chance) for _ in range(200)]
    for text, ids in zip(texts, token_ids(tokenizer, texts), strict=True):
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def written(tokenizer):
    """Every token of the vocabulary that is whole UTF-8, as text; the others are pieces of one character."""
    special = set(tokenizer.all_special_ids)
    ordinary = (i for i in range(len(tokenizer)) if i not in special)
    texts = (tokenizer.decode([i], clean_up_tokenization_spaces=False) for i in ordinary)
    return [text for text in texts if "\ufffd" not in text]


def test_no_token_crosses_scripts_and_digits_stand_single(tokenizer):
    tokens = written(tokenizer)
    assert len(tokens) > 7000
    assert sum(bool(HAN.search(t)) for t in tokens) > 1000
    assert not [t for t in tokens if HAN.search(t) and LATIN.search(t)]
    assert not [t for t in tokens if re.search(r"\d", t) and len(t) > 1]
    assert [tokenizer.decode([i]) for i in token_ids(tokenizer, ["2024年"])[0]] == ["2", "0", "2", "4", "年"]


def test_a_special_token_spelled_in_a_text_is_text(tokenizer):
    text = f"a{END_OF_TEXT}b<|user|>"
    ids = token_ids(tokenizer, [text])[0]
    assert not set(ids) & set(tokenizer.all_special_ids)
    assert tokenizer.decode(ids) == text
    assert token_ids(tokenizer, [text], mark=True)[0] == [tokenizer.convert_tokens_to_ids(END_OF_TEXT), *ids]


def test_long_documents_warn_of_nothing(tokenizer, caplog, capfd):
    assert len(token_ids(tokenizer, ["word " * 3000])[0]) > tokenizer.model_max_length
    bytes_per_token(tokenizer, ["word " * 3000])
    assert "longer than" not in caplog.text + "".join(capfd.readouterr())


def test_chat_template(tokenizer):
    messages = [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "你好"}]
    shown = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert shown == "<|system|>\nBe brief.<|end|>\n<|user|>\n你好<|end|>\n<|assistant|>\n"
    for mark in (*ROLES, *RESERVED):
        assert tokenizer(mark, add_special_tokens=False)["input_ids"] == [tokenizer.convert_tokens_to_ids(mark)]


def test_bytes_per_token_counts_utf8():
    tokenizer = learn(["中中中中"] * 10, 300)
    # 中 is three bytes; 中中中中 (12 bytes) became one token of 12 bytes, at most max_token_length 16.
    assert bytes_per_token(tokenizer, ["中中中中"]) == 12.0
    assert bytes_per_token(tokenizer, [""]) is None
