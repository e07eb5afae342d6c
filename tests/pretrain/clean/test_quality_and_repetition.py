"""Rules of Gopher and C4 with their Chinese counterparts: each has a text that breaks it, and good texts break none."""

import random

import pytest

from rung.pretrain.clean.quality import quality
from rung.pretrain.clean.repetition import covered, repetition, top
from rung.pretrain.clean.units import units

SEA = [
    "tide",
    "crest",
    "foam",
    "shell",
    "reef",
    "gull",
    "sand",
    "wreck",
    "cliff",
    "storm",
    "anchor",
    "sail",
    "harbour",
    "net",
    "lantern",
    "rope",
]


@pytest.mark.parametrize(
    "language, text, rule",
    [
        ("en", "Too short to learn from.", "too short"),
        ("zh", "太短了，没有什么可学的。", "too short"),
        ("en", "supercalifragilistic pneumonoultramicroscopic hippopotomonstrosesquippedaliophobia " * 8, "mean word length"),
        ("en", ", ".join(SEA * 2), "words in a clause"),
        ("en", " ".join(SEA * 4), "stop words"),
        ("en", "THE MILL STOOD AT THE END OF THE LANE AND NOBODY HAD LIVED IN IT FOR MANY YEARS OR MORE", "capitals"),
        ("en", "the house 12 of 44 and garden 7 to 9 be 3 = 8 + 9 - 1 17 99 that 5 with 6 have 7 stood 8 it 9 there 10", "words with a letter"),
        ("en", "function f ( a ) { # | } { # | } { # | } { # | } with the of and to that be have a b c d e f g h i j k l", "signs of code"),
        ("zh", "批发 手机 电脑 相机 耳机 音箱 键盘 鼠标 屏幕 电视 冰箱 空调 风扇", "mean clause length"),
        ("zh", "电话号码是2938475610293847561029384756，型号写作9182736455和2837465，请大家都以这个为准", "digits among letters"),
        ("zh", "红蓝绿紫橙青灰粉棕黑梨桃杏李枣柿橘柚瓜葡铁铜铝锌银锡铅镍钴钛松柏杉榆槐柳杨桦枫樟，" * 3, "stop characters"),
        ("en", "\n".join(f"- the {a} of {b}" for a, b in zip(SEA, reversed(SEA), strict=True)), "bullets"),
        ("en", "\n".join(f"The {a} and the {b} of..." for a, b in zip(SEA, reversed(SEA), strict=True)), "cut-off lines"),
    ],
)  # fmt: skip
def test_a_rule_is_broken(document, language, text, rule):
    assert quality(document(text, language)).rule == rule


def test_good_texts_break_none(document, english, chinese):
    verse = "山抹微云，天连衰草，画角声断谯门。\n暂停征棹，聊共引离尊。\n多少蓬莱旧事，空回首、烟霭纷纷。\n斜阳外，寒鸦万点，流水绕孤村。"
    for language, text in (("en", english), ("zh", chinese), ("zh", verse), ("zh", verse.replace("\n", ""))):
        assert quality(document(text, language)) is None
        assert repetition(document(text, language)) is None


def test_repeated_lines(document, english):
    lines = [part.strip() for part in english.split(",")]
    assert repetition(document("\n".join(lines))) is None
    assert repetition(document("\n".join(lines * 2))).rule == "repeated lines"


@pytest.mark.parametrize("times, goes", [(1, False), (4, True)])
def test_repeated_sentences_on_one_line(document, chinese, english, times, goes):
    for text in (chinese, english):
        assert bool(repetition(document(" ".join([text] * times)))) is goes


def test_shares_by_hand():
    read = units("a b c d x a b c d y")  # ten units; "a b c d" again at 5
    assert covered(read, 4) == (0.4, 5)
    assert covered(read, 5) == (0.0, 0)
    assert top(read, 2)[0] == 0.4  # a b, b c, c d: two times two units each
    assert top(units("q a b a b a b"), 2) == (pytest.approx(6 / 7), 1)


def test_a_bound_only_skips_what_could_not_exceed_it():
    rng = random.Random(0)
    for _ in range(100):
        read = units(" ".join(rng.choice("abcdefghijklmnop") for _ in range(80)))
        share, _ = covered(read, 2)
        for enough in (0.05, 0.3, 0.6):
            assert (covered(read, 2, enough)[0] > enough) == (share > enough)
