"""Wrong decodings are made here with Python's own codecs, and must come back, or be refused."""

import pytest

from rung.pretrain.clean.mojibake import mojibake


@pytest.mark.parametrize("one, two", [("utf-8", "latin-1"), ("gb18030", "latin-1"), ("utf-8", "gb18030")])
def test_a_wrong_decoding_of_chinese_is_undone(document, chinese, one, two):
    chinese = (
        chinese if two == "latin-1" else "村口有一棵很老的槐树夏天的时候大家都喜欢坐在树下乘凉"
    )  # no byte of it is lost in GBK
    wrong = chinese.encode(one).decode(two)
    assert wrong != chinese
    found = document(wrong)
    assert mojibake(found) is None
    assert found.text == chinese
    assert [change.reason for change in found.changes] == ["mojibake"]


def test_a_wrong_decoding_of_english_is_undone(document):
    text = "She said “it’s the café near the river” — and left."
    found = document(text.encode().decode("cp1252", errors="replace").replace("\ufffd", "\x9d"))
    assert mojibake(found) is None
    assert "café" in found.text and "Ã" not in found.text


@pytest.mark.parametrize("one, two", [("gb18030", "utf-8"), ("utf-8", "gb18030")])
def test_lost_bytes_are_refused(document, chinese, one, two):
    damaged = chinese.encode(one)
    damaged = b"".join(damaged[i : i + 7] for i in range(0, len(damaged), 8))  # every eighth byte is lost
    assert mojibake(document(damaged.decode(two, errors="replace"))).reason == "mojibake"


def test_one_lost_character_is_taken_out(document, english):
    found = document(english + " \ufffd")
    assert mojibake(found) is None
    assert "\ufffd" not in found.text
    assert [change.rule for change in found.changes] == ["lost bytes taken out"]


@pytest.mark.parametrize(
    "text",
    [
        "高歌阆风步瀛洲，燂鹏爚鲲餐未休。四方上下无外头，一啜顿涸沧溟流。",  # rare characters of an old poem
        "Đây là một văn bản tiếng Việt, có nhiều dấu và không có gì sai ở đây cả.",
        "El niño comió piñas, ¿verdad? Ça va très bien, merci à vous.",
        "Кошка спит на столе, а собака смотрит в окно.",
        "Größe, Übung, Äpfel: «schön», £5 – ½ Pfund.",
    ],
)
def test_good_text_is_left_alone(document, text):
    found = document(text)
    assert mojibake(found) is None
    assert (found.text, found.changes) == (text, [])
