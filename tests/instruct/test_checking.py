"""Right and wrong, judged again from the text of the question."""

import random
import re

import pytest

from rung.instruct.exercises.checking import FAMILIES, RIGHT, WRONG, fault, miss
from rung.instruct.exercises.facts import ATTRIBUTES
from rung.instruct.exercises.sums import Sum

GOOD = {
    "right", "correct", "yes", "true", "Yes", "True", "accept", "OK",
    "对", "正确", "是", "真", "通过", "答对了", "没问题",
}  # fmt: skip
PROPOSED = re.compile(
    r"(?:\n(?:Answer|Proposed answer|Answer given|Solution|The pupil wrote): | -> | \| |\nSomebody says | Is it "
    r"|\n(?:答案|给出的答案|作答|解答)：|\n学生写的是：|\n有人说是| → |｜|(?<=[^\n])是(?=[^是\n]{1,30}吗？$))([^\n]+?)[.?。]?(?:吗？)?$"
)


def proposed(text: str) -> str:
    return PROPOSED.search(text).group(1)


def value(key: str) -> int:
    """A key such as "6*12+3-5": products first, then from left to right."""
    terms = re.findall(r"[+-]?[\d*]+", key)
    total = 0
    for term in terms:
        product = 1
        for factor in term.lstrip("+-").split("*"):
            product *= int(factor)
        total += -product if term.startswith("-") else product
    return total


def sums(items):
    return [item for item in items if re.fullmatch(r"[\d+*-]+", item.key)]


@pytest.mark.parametrize("name", ["checking", "checking-steps", "checking-reasons"])
def test_the_families_are_sound(draws, sound, name):
    sound(draws(FAMILIES, name))


def test_a_sum_is_called_right_exactly_when_it_is(draws):
    found = [item for name in ("checking", "checking-steps") for item in sums(draws(FAMILIES, name, 300))]
    assert len(found) > 300
    for item in found:
        assert (proposed(item.input) == str(value(item.key))) == (item.target in GOOD), item.input


def test_right_and_wrong_are_equally_frequent(draws):
    items = draws(FAMILIES, "checking", 600)
    assert 0.42 < sum(item.target in GOOD for item in items) / len(items) < 0.58


def test_a_fact_is_called_right_exactly_when_the_passage_says_it(draws):
    seen = 0
    for item in draws(FAMILIES, "checking", 600):
        question, _, answer = item.key.rpartition("|")
        if (
            question not in item.input
            or not any(mark in question for mark in "。.")
            or '"' in question
            or "“" in question
        ):
            continue
        seen += 1
        assert (proposed(item.input[len(question) - 2 :]) == answer) == (item.target in GOOD), item.input
    assert seen > 100


def test_a_list_is_called_right_exactly_when_it_is_sorted(draws):
    seen = 0
    for item in draws(FAMILIES, "checking", 600):
        if not (found := re.fullmatch(r"(\[.*?\])(True|False)\[.*\]", item.key)):
            continue
        seen += 1
        count = found.group(1).count(",") + 1
        numbers = [int(n) for n in re.findall(r"\d+", item.input)][-count:]
        order = sorted(numbers, reverse=found.group(2) == "True")
        assert (numbers == order) == (item.target in GOOD), item.input
    assert seen > 50


def test_a_count_is_called_right_exactly_when_it_is(draws):
    seen = 0
    for item in draws(FAMILIES, "checking", 600):
        quoted = re.findall(r'"([^"]+)"|“([^”]+)”', item.input)
        if len(quoted) != 2:
            continue
        seen += 1
        wanted, text = sorted((a or b for a, b in quoted), key=len)
        parts = re.split(", |、| ", text)
        times = parts.count(wanted) if len(parts) > 1 else text.count(wanted)
        assert (proposed(item.input) == str(times)) == (item.target in GOOD), item.input
    assert seen > 50


def test_reasons_have_one_form_and_their_sums_hold(draws):
    found = sums(draws(FAMILIES, "checking-reasons", 600))
    assert len(found) > 100
    for item in found:
        wrong = proposed(item.input) != str(value(item.key))
        if not wrong:
            assert item.target == RIGHT[item.language]
            continue
        form = (
            r"错：(.+?)=(\d+)，所以答案是(\d+)"
            if item.language == "zh"
            else r"wrong: (.+?)=(\d+), so the answer is (\d+)"
        )
        work, result, answer = re.fullmatch(form, item.target).groups()
        assert int(answer) == value(item.key)
        assert value(work.replace("×", "*")) == int(result)
        assert item.target.startswith(WRONG[item.language])


def test_the_fault_is_the_place_whose_digit_is_wrong():
    assert fault(Sum(47, (("+", 38),)), 75) == "4+3+1=8"
    assert fault(Sum(47, (("+", 38),)), 84) == "7+8=15"
    assert fault(Sum(52, (("-", 38),)), 24) == "5-1-3=1"
    assert fault(Sum(47, (("×", 6),)), 242) == "24+4=28"
    assert fault(Sum(12, (("+", 20), ("+", 3))), 36) == "32+3=35"


def test_a_miss_is_near_and_never_the_value():
    rng = random.Random(0)
    total = Sum(47, (("+", 38),))
    misses = {miss(rng, total) for _ in range(300)}
    assert 85 not in misses and {75, 58, 84, 95} <= misses and min(misses) >= 0


def test_steps_end_in_a_comparison_that_the_label_follows(draws):
    for item in draws(FAMILIES, "checking-steps"):
        last = item.reasoning.rsplit("\n", 1)[1]
        left, sign, right = re.fullmatch(r"(\d+)([=≠])(\d+)", last).groups()
        assert int(left) == value(item.key) and right == proposed(item.input)
        assert (sign == "=") == (left == right) == (item.target in GOOD)


def test_attributes_say_and_ask_in_more_than_one_way():
    for kinds in ATTRIBUTES.values():
        for attributes in kinds.values():
            assert all(len(a.said) >= 2 and len(a.asked) >= 2 for a in attributes)
            assert all("{x}" in text and "{v}" in text for a in attributes for text in a.said)
            assert all("{x}" in text for a in attributes for text in a.asked)
