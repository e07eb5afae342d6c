"""Records read back out of their layouts; the layouts of exams are written in ways that training never shows."""

import json
import re

import pytest

from rung.instruct.exam import draw_items
from rung.instruct.exercises.formats import (
    EXAM_FAMILIES,
    EXAM_LAYOUTS,
    FAMILIES,
    FIXED,
    PAIRS,
    PAIRS_ZH,
    Layout,
    written,
)
from rung.instruct.holdout import held_out
from rung.instruct.mixture import families, key
from rung.instruct.sources import Sources


def test_the_family_is_sound(draws, sound):
    sound(draws(FAMILIES, "formats", 300))


def test_every_value_of_the_json_stands_in_the_record_and_its_fields_are_the_item_s(draws):
    seen = 0
    for item in draws(FAMILIES, "formats", 300):
        if item.kind != "extract":
            continue
        seen += 1
        for text, target in ((item.input, item.target), *((d.input, d.target) for d in item.demonstrations)):
            record = json.loads(target)
            assert tuple(record) == item.fields
            assert all(value in text for value in record.values()), (text, target)
    assert seen > 180


def test_the_way_back_writes_every_value_and_is_shown_once_at_least(draws):
    seen = 0
    for item in draws(FAMILIES, "formats", 300):
        if item.kind == "generate":
            seen += 1
            assert item.demonstrations or item.description
            assert all(value in item.target for value in json.loads(item.input).values())
    assert seen > 40


@pytest.mark.parametrize("name", EXAM_LAYOUTS)
def test_a_record_can_be_read_back_from_a_layout_of_exams(name):
    layout = EXAM_LAYOUTS[name]
    record = [("name", "Anna Holt"), ("age", "25")]
    text = written(layout, record)
    form = re.escape(layout.pair).replace(r"\{k\}", r"(?P<k>name|age)").replace(r"\{v\}", r"(?P<v>Anna Holt|25)")
    assert [(m["k"], m["v"]) for m in re.finditer(form, text)] == record


def test_a_head_stands_above_the_values():
    assert written(Layout("{v}", ",", head=","), [("name", "Anna"), ("age", "25")]) == "name,age\nAnna,25"


def test_layouts_of_exams_are_in_no_training_family():
    trained = {*PAIRS, *PAIRS_ZH, *(layout.pair for many in FIXED.values() for layout in many)}
    assert not trained & {layout.pair for layout in EXAM_LAYOUTS.values()}
    assert not {family.name for family in EXAM_FAMILIES} & set(families())


@pytest.mark.parametrize("family", EXAM_FAMILIES, ids=lambda f: f.name)
def test_exams_find_items_enough_with_eight_demonstrations(family, tmp_path):
    items = draw_items(family, 65, Sources(tmp_path, tmp_path, exam=True), accept=lambda i: len(i.demonstrations) >= 8)
    assert len({key(item) for item in items}) == 65
    assert all(item.kind == "extract" and held_out(item.input) for item in items)
