"""What a judge is worth, in words: what must be said is said, and nothing is said of what was not measured."""

from __future__ import annotations

import pytest

from rung.evaluate import Judged, Order
from rung.report.judging import account, rows, sentences


def judged(name: str, said: str, scores: float | None = 1.0) -> Judged:
    """``said``: what is said with a first, and with b first."""
    orders = [Order(s, None if scores is None else ((scores, 0.0) if s == "1" else (0.0, scores))) for s in said]
    return Judged(name, *orders)


RIGHT = [judged(f"e{i}", "12" if i % 2 else "21") for i in range(30)]
PEOPLE = {j.example: j.choice for j in RIGHT}


def text(found: object, language: str = "en") -> str:
    return " ".join(note.text(language) for note in sentences(found))  # type: ignore[arg-type]


def test_a_good_judge_is_called_nothing() -> None:
    found = account(RIGHT, PEOPLE, PEOPLE)  # type: ignore[arg-type]
    assert (found.wins, found.ties, found.losses, found.rated) == (15, 0, 15, 30)
    assert sentences(found) == []
    assert dict(rows(found, "lora", "en"))["agrees with people"] == "1.000 [.886, 1.000], n = 30"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_judge_bound_to_the_second_place_is_called_so(language: str) -> None:
    bound = [judged(j.example, "22") for j in RIGHT]
    found = account(bound, PEOPLE, PEOPLE)  # type: ignore[arg-type]
    assert (found.ties, found.first.value) == (30, 0.0)
    said = text(found, language)
    assert {"en": "answers by position", "zh": "按位置作答"}[language] in said
    doubt = {"en": "Nothing shows that it is better than chance", "zh": "没有证据表明它比碰运气好"}[language]
    assert said.count(doubt) == 2  # the metric, and people


def test_without_scores_or_ratings_there_is_a_reason_and_no_zero() -> None:
    unscored = [judged(j.example, "12", None) for j in RIGHT]
    found = account(unscored, {}, {})
    assert (found.metric.value, found.people.value, found.kappa.value, found.threshold) == (None, None, None, None)
    assert "Nobody has rated" in text(found)
    table = dict(rows(found, "lora", "en"))
    assert table["agrees with the metric"].startswith("– (")
    assert "agrees with people" not in table
    rated = account(unscored, {}, PEOPLE)  # type: ignore[arg-type]
    assert "gives no scores" in text(rated)


def test_what_could_not_be_read_is_counted_apart() -> None:
    found = account([*RIGHT, Judged("x", Order(None, None), Order("1", None))], PEOPLE, {})  # type: ignore[arg-type]
    assert (found.judged, found.unread, found.consistency.n) == (30, 1, 30)
    assert dict(rows(found, "lora", "en"))["could not be read"] == "1"
