"""The charts: what is drawn, from which figures, and that the SVG may stand in an offline page."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from rung.report.charts import break_even_chart, cost_chart, order_chart, shots_chart
from rung.report.charts.break_even import crossings
from rung.report.charts.cost import Point, common_unit, on_front, points_of
from rung.report.charts.labels import place, text_width
from rung.report.charts.shots import curve, median, orders

Make = Callable[..., dict[str, Any]]


def test_the_front_by_hand():
    points = [
        Point(n, c, v, v, v) for n, c, v in (("a", 1, 0.2), ("b", 2, 0.6), ("c", 3, 0.5), ("d", 2, 0.6), ("e", 9, 0.7))
    ]
    assert [p.name for p in points if on_front(p, points)] == [
        "a",
        "b",
        "d",
        "e",
    ]  # c: dearer and worse than b; b and d tie


def test_points_in_the_unit_that_most_rungs_have(result_of: Make):
    rows = [row for row in result_of()["rungs"] if row["dev"]]
    assert common_unit(rows) == "flops"
    assert [p.name for p in points_of(rows, "flops") if p.front] == ["majority", "tfidf", "lora"]
    for row in rows[:3]:
        row["cost"]["flops_per_request"] = None
    assert common_unit(rows) == "seconds"


def test_names_do_not_cover_each_other():
    draw = random.Random(0)
    points = [(draw.uniform(0, 400), draw.uniform(0, 300)) for _ in range(14)]
    names = [f"rung-{i}" * (1 + i % 2) for i in range(14)]
    boxes = []
    for name, (x, y), label in zip(names, points, place(names, points, 400, 300), strict=True):
        assert label is not None
        left = x + label.dx - {"left": 0.0, "center": 0.5, "right": 1.0}[label.align] * text_width(name)
        boxes.append((left, y + label.dy - 6, left + text_width(name), y + label.dy + 6))
    for i, a in enumerate(boxes):
        assert a[0] >= 0
        assert a[2] <= 400
        for b in boxes[:i]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_a_name_stands_nearest_to_its_own_point():
    """Two crossings 9 px apart: each number on its own side, also where only lines are crossed there."""
    points, curve = [(181.0, 93.0), (190.0, 89.0)], [(100.0 + 6 * i, 80.0, 112.0 + 6 * i, 100.0) for i in range(20)]
    left, right = place(["830", "970"], points, 400, 300, curve)
    assert left and right
    assert (left.dx < 0 or left.align == "center", right.dx > 0 or right.align == "center") == (True, True)


def test_the_curve_takes_each_number_of_examples_and_the_best_prompt_without_any(result_of: Make):
    found = curve(result_of()["candidates"])
    assert list(found) == [0, 1, 2, 4, 8, 16]
    assert [c["name"] for c in found[0]] == ["zero-shot/instruct"]  # not lora/r8, which shows 0 examples too
    assert {c["family"] for c in found[8]} == {"random", "balanced", "bm25", "embedding"}
    middle = median(found[8])
    assert middle is not None
    fixed = sorted(c["dev"]["value"] for c in found[8] if c["family"] in ("random", "balanced"))
    assert middle["dev"]["value"] == fixed[2]  # the third of six


def test_the_curves_own_prompt_without_examples_goes_before_another_template(result_of: Make):
    candidates = result_of()["candidates"]
    own = candidates[1] | {"name": "few-shot/random-0", "shots": 0, "family": "random"}
    assert curve([*candidates, own])[0] == [own]


def test_the_order_that_the_examples_came_in_is_one_of_the_orders(result_of: Make):
    found = orders(result_of()["candidates"])
    assert list(found) == [8]
    assert [c["name"].rpartition("-")[2] for c in found[8]] == ["s1", "order0", "order1", "order2", "order3"]


def test_crossings_of_the_chosen_rung_come_first(result_of: Make):
    assert [b["requests"] for b in crossings(result_of())] == [6998, 7159]
    other = result_of()
    other["chosen"] |= {"rung": "full"}
    assert len(crossings(other)) == 3


def test_every_chart_is_whole_svg_in_both_languages_with_no_address_in_it(result_of: Make):
    for language, said in (("en", "examples in the prompt"), ("zh", "提示中的示例数")):
        charts = [draw(result_of(), language) for draw in (cost_chart, shots_chart, order_chart, break_even_chart)]
        for chart in charts:
            assert chart is not None
            for svg in (chart.wide, chart.narrow):
                assert ElementTree.fromstring(svg).get("aria-label") == chart.alt
                assert "http" not in svg
                assert "<script" not in svg
                assert "undefined" not in svg
                assert "NaN" not in svg
        assert said in charts[1].wide


def test_colours_come_from_the_page_so_that_dark_mode_needs_no_second_drawing(result_of: Make):
    for draw in (cost_chart, shots_chart, order_chart, break_even_chart):
        chart = draw(result_of(), "en")
        assert chart is not None
        painted = set(re.findall(r'(?:fill|stroke)="([^"]+)"', chart.wide)) - {"none", "transparent"}
        assert all(paint.startswith("var(--") for paint in painted), painted


def test_no_chart_without_something_to_compare(result_of: Make):
    empty = result_of(rungs=[], candidates=[], break_even=[], chosen=None, test=None)
    assert [draw(empty, "en") for draw in (cost_chart, shots_chart, order_chart, break_even_chart)] == [None] * 4
