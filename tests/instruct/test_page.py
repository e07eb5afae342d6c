"""The page of a stage of lessons: it stands alone, leaves nothing out, and copes with what was rarely drawn."""

import json
import re

import pytest

from rung.instruct.page import lesson_points, means_of, page, panel, points, write_page

SHARES = {"opinions": 6.0, "dates": 2.0, "titles": 2.0}
REPORT = {
    "settings": {"weight": 0.6, "label": 3.0}, "stage": "lessons", "tokens": 81_920, "text": 0.35, "echo": 0.15, "rate": 0.002,
    "schedule": "cosine", "steps": 200, "seconds": 1_234, "seed": 0, "hardware": "a machine", "shares": SHARES,
}  # fmt: skip


def curve(**figures: list[float | None]) -> list[dict[str, float]]:
    """Rows of a curve with these figures, and without those that are None."""
    count = len(next(iter(figures.values())))
    return [
        {"step": 20 * n + 20, "tokens": 8192 * n + 8192, "loss": 2.0, "scale": 0.5, "seconds": 10.0 * n + 10}
        | {name: given[n] for name, given in figures.items() if given[n] is not None}
        for n in range(count)
    ]


ROWS = curve(
    text=[4.0] * 10,
    opinions=[0.7, 0.6, 0.5, 0.5, 0.4, 0.4, 0.3, 0.3, 0.3, 0.2],
    dates=[None, 3.0, None, None, 1.0, None, None, None, None, None],
    records=[1.0] * 10,
)


def captions(text: str) -> dict[str, str]:
    """What stands beside each small figure's name."""
    return dict(re.findall(r"<figcaption><b>([^<]*)</b> ([^<]*)</figcaption>", text))


def test_every_figure_of_the_curve_is_on_the_page_in_both_languages():
    text = page("shore", REPORT, ROWS)
    for title in ("Plain text · 普通文本", "Lessons · 练习", "Families · 各类练习", "Loss of the steps · 每步的损失",
                  "Learning rate · 学习率", "Time · 用时"):  # fmt: skip
        assert f"<h2>{title}</h2>" in text
    assert text.count("<svg") == 5 + 3  # five wide ones; opinions, dates and records
    assert "81,920" in text and "1,234 s" in text and "200 步" in text and "a machine" in text
    assert not re.findall(r'(?:src|href)="http|url\(http|<script', text)  # it opens offline
    assert len(ids := re.findall(r' id="([^"]*)"', text)) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(ids)


def test_a_family_tells_its_end_its_share_and_how_often_it_was_drawn():
    assert captions(page("shore", REPORT, ROWS)) == {
        "opinions": "0.30 · 60.0 %",  # the mean of the last five
        "dates": "2.00 · 20.0 % · 2/10",
        "titles": "20.0 %, never drawn · 从未抽到",
        "records": "1.00 · echoes · 回声",
    }


def test_missing_points_are_left_out():
    assert points(ROWS, "dates") == ([2 * 8192, 5 * 8192], [3.0, 1.0])
    assert points(ROWS, "titles") == ([], [])


def test_lessons_together_by_hand():
    rows = curve(opinions=[1.0, None, None, 1.0], dates=[3.0, 3.0, None, None], text=[9.0] * 4)
    seen, losses = lesson_points(rows, SHARES)
    assert seen == [8192, 2 * 8192, 4 * 8192]  # the third row has no lesson
    assert losses == pytest.approx([(6 * 1 + 2 * 3) / 8, 3.0, 1.0])


def test_a_line_reaches_over_five_points_or_a_twentieth_of_them():
    assert means_of([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])[[0, 4, 5]] == pytest.approx([5.0, 3.0, 2.0])
    assert means_of([float(n) for n in range(200)])[-1] == pytest.approx(194.5)  # 190 to 199


def test_a_loss_far_off_does_not_press_a_family_flat():
    drawn = panel("opinions", "", ([8192 * n for n in range(50)], [1.0] * 40 + [90.0] + [1.0] * 9), 50)
    marks = [float(number) for number in re.findall(r">([\d.]+)</text>", drawn)]
    assert 15 <= max(marks) <= 1.5 * (90 + 4) / 5  # the line's highest mean, of five points, and half of it above


def test_a_stage_too_short_for_a_curve_has_a_page(tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    text = write_page(tmp_path).read_text(encoding="utf-8")
    assert "too few for a curve · 200 步" in text and "81,920" in text and "<svg" not in text


def test_a_row_that_was_cut_short_is_left_out(tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    lines = [json.dumps(row) for row in ROWS]
    (tmp_path / "curve.jsonl").write_text("\n".join(lines)[:-9])
    assert captions(write_page(tmp_path).read_text(encoding="utf-8"))["dates"].endswith("2/9")


def test_names_are_text():
    report = REPORT | {"hardware": "a <i>", "shares": {"a<u>": 1.0}}
    assert not re.findall(
        "<[biu]>", re.sub("<figcaption><b>", "", page("a <b>", report, curve(**{"a<u>": [1.0, 2.0]})))
    )
