"""``--general-text``: what is held out to be measured on, and what may be mixed in."""

from __future__ import annotations

import json

import pytest

from rung.evaluate import read_general, shipped_general
from rung.evaluate.general_text import CHARACTERS, MEASURED, within
from rung.types import DataError, UserError

ENGLISH = [f"The ferry number {i} was late, and nobody was surprised." for i in range(10)]
CHINESE = [f"第{i}班渡船晚点了，没有人觉得意外。" for i in range(5)]


def write(path, texts):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts), encoding="utf-8")
    return path


def test_half_is_measured_and_the_rest_may_be_mixed_in(tmp_path):
    place = write(tmp_path / "general.jsonl", [*ENGLISH, *CHINESE, "  ", ENGLISH[0]])
    found = read_general(place, share=0.1, most=0.2)
    assert {at: len(texts) for at, texts in found.measured.items()} == {"en": 5, "zh": 3}
    assert len(found.mixed) == 7
    assert {*found.measured["en"], *found.measured["zh"], *found.mixed} == {*ENGLISH, *CHINESE}
    assert (found.share, found.most) == (0.1, 0.2)
    assert (
        read_general(write(tmp_path / "b.jsonl", [*CHINESE, *reversed(ENGLISH)]), share=0.1).measured == found.measured
    )


def test_a_folder_and_many_long_texts(tmp_path):
    many = [f"Number {i}: " + "word " * 400 for i in range(300)]
    write(tmp_path / "texts" / "a.jsonl", many[:150])
    write(tmp_path / "texts" / "deep" / "b.jsonl", many[150:])
    found = read_general(tmp_path / "texts", share=0.3)
    assert set(found.measured) == {"en"}
    assert len(found.measured["en"]) == MEASURED
    assert {len(text) for text in found.measured["en"]} == {CHARACTERS}
    assert len(found.mixed) == 300 - MEASURED
    assert read_general(tmp_path / "texts").mixed == ()  # nothing is mixed in that was not asked for
    assert within(["abc", "def", "g"], 6) == ("abc", "def")
    assert within(["abcdefgh"], 6) == ("abcdefgh",)


def test_without_a_file_it_is_the_packages_own():
    assert read_general(None, most=0.1).measured == shipped_general().measured
    assert read_general(None).fingerprint == shipped_general().fingerprint


def test_what_cannot_be_used_is_told(tmp_path):
    one = write(tmp_path / "one.jsonl", ENGLISH[:1])
    with pytest.raises(UserError, match="type --general-text"):
        read_general(None, share=0.1)
    with pytest.raises(UserError, match="share from 0 to below 1, not 1"):
        read_general(one, share=1.0)
    with pytest.raises(DataError, match="too few texts to mix in"):
        read_general(one, share=0.1)
    with pytest.raises(DataError, match="no general text"):
        read_general(tmp_path / "nothing")
    (tmp_path / "bad.jsonl").write_text('{"text": "good"}\n{"words": "bad"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.jsonl:2: no field 'text'"):
        read_general(tmp_path / "bad.jsonl")
