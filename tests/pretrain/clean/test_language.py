"""Languages by script and by model; an unknown one is refused."""

import pytest

from rung.pretrain.clean.language import check_languages, language_of, only
from rung.types import UserError


@pytest.mark.parametrize(
    "text, expected",
    [
        ("The light was on until late at night, and they saw it from the road.", "en"),
        ("天黑了，灯一直亮到深夜，路上的人都看见了。", "zh"),
        ("駅前の本屋はもう五十年も同じ場所で営業している。", "ja"),
        ("할머니는 새벽마다 시장에 나가 두부를 파셨다.", "ko"),
        ("Le marché se tient chaque samedi matin sur la grande place du village.", "fr"),
        ("Am Abend kamen die Kinder müde vom See nach Hause zurück.", "de"),
        ("Старый маяк давно не работал, но смотритель каждый вечер поднимался наверх.", "ru"),
        ("用 Python 写一个函数 sorted(list)，返回排好序的列表。", "zh"),
        ("In Chinese the word 你好 means hello, and it is what you say when you meet.", "en"),
        ("2024-01-01 12:00", ""),
    ],
)
def test_language(document, text, expected):
    assert language_of(document(text)) == expected


def test_only_what_is_wanted_stays(document, english, chinese):
    stage = only(["zh"])
    assert stage(document(english)).rule == "en"
    found = document(chinese)
    assert stage(found) is None
    assert found.language == "zh"


def test_an_unknown_language_is_refused_with_the_nearest():
    assert check_languages(["fr", "zh"]) == ("fr", "zh")
    with pytest.raises(UserError, match="no language 'english'.*did you mean"):
        check_languages(["english"])
