"""Sums in words and their written steps, each worked out again from the text alone."""

import ast
import random
import re

import pytest

from rung.instruct.exercises.arithmetic import FAMILIES
from rung.instruct.exercises.demonstrate import demonstrations
from rung.instruct.exercises.sums import Sum, columns, draw_sum
from rung.instruct.holdout import held_out
from rung.prompts import MAGIC

EXPRESSION = re.compile(r"\d+(?: ?[-+×*x] ?\d+)+")


def worked(text: str) -> int:
    """An expression's value by Python's own grammar: × before + and -, no names, no calls."""
    tree = ast.parse(text.replace("×", "*").replace("x", "*"), mode="eval")
    assert all(isinstance(n, ast.Expression | ast.BinOp | ast.operator | ast.Constant) for n in ast.walk(tree))
    return eval(compile(tree, "", "eval"))


@pytest.mark.parametrize("name", ["arithmetic", "arithmetic-steps"])
def test_both_families_are_sound_and_answer_what_the_key_says(draws, sound, name):
    items = draws(FAMILIES, name)
    sound(items)
    for item in items:
        assert item.target == str(worked(item.key))
        assert (item.reasoning is not None) == (item.prompt is not None and item.prompt.reasoning is not None)


def test_expressions_in_questions_have_the_answer_as_their_value(draws):
    seen = 0
    for item in draws(FAMILIES, "arithmetic", 400):
        for text, target in ((item.input, item.target), *((d.input, d.target) for d in item.demonstrations)):
            if found := EXPRESSION.search(text):
                assert target == str(worked(found.group())), text
                seen += 1
    assert seen > 150


def test_numbers_of_a_question_are_those_of_its_key(draws):
    for item in draws(FAMILIES, "arithmetic"):
        assert sorted(re.findall(r"\d+", item.input)) == sorted(re.findall(r"\d+", item.key)), item.input


def test_each_equation_of_the_steps_holds_and_the_last_result_is_the_answer(draws):
    for item in draws(FAMILIES, "arithmetic-steps", 400):
        equations = re.findall(r"(\d+(?:[-+×]\d+)+)=(\d+)", item.reasoning)
        assert equations
        for left, right in equations:
            assert worked(left) == int(right), item.reasoning
        for line in item.reasoning.strip().split("\n"):
            if head := re.match(r"(\S+?)[:：]", line):
                assert worked(head.group(1)) == int(re.search(r"\d+$", line).group()), line
        assert re.search(r"\d+$", item.reasoning).group() == item.target


def test_digits_written_from_the_right_make_the_result(draws):
    for item in draws(FAMILIES, "arithmetic-steps", 400):
        for line in item.reasoning.strip().split("\n"):
            if written := re.findall(r"(?:write |写)(\d+)", line):
                assert int("".join(reversed(written))) == int(re.search(r"\d+$", line).group()), line


def test_the_forms_are_those_that_the_module_shows():
    assert Sum(47, (("+", 38),)).steps("en") == "47+38: ones 7+8=15, write 5 carry 1; tens 4+3+1=8, write 8; so 85"
    assert Sum(52, (("-", 38),)).steps("zh") == "52-38：个位2<8，借1，12-8=4，写4；十位5-1-3=1，写1；得14"
    assert columns(47, "×", 6, "en") == ["ones 7×6=42, write 2 carry 4", "tens 4×6=24, 24+4=28, write 28"]
    assert [line.split(":")[0] for line in Sum(47, (("×", 36),)).lines("en")] == ["47×36", "47×6", "47×3", "1410+282"]
    # A borrow that goes on over a zero.
    assert Sum(100, (("-", 1),)).steps("en") == (
        "100-1: ones 0<1, borrow 1, 10-1=9, write 9; tens 0-1<0, borrow 1, 10-1-0=9, write 9; hundreds 1-1-0=0, write 0; so 99"
    )


def test_the_order_of_a_sum_does_not_change_its_key():
    assert Sum(47, (("+", 38),)).key == Sum(38, (("+", 47),)).key == "38+47"
    assert Sum(6, (("×", 12), ("-", 5))).key == Sum(12, (("×", 6), ("-", 5))).key == "6*12-5"
    assert Sum(9, (("-", 3),)).key == "9-3"


def test_no_sum_goes_below_zero_on_the_way():
    rng = random.Random(0)
    for _ in range(2000):
        total = draw_sum(rng)
        assert all(Sum(total.first, total.terms[:n]).value >= 0 for n in range(len(total.terms) + 1))


def test_questions_of_both_families_come_from_the_same_distribution(draws):
    """Signs and lengths, counted in the keys, have the same shares, so that steps against none is a fair comparison."""
    shares = []
    for name in ("arithmetic", "arithmetic-steps"):
        keys = [item.key for item in draws(FAMILIES, name, 800)]
        kinds = [*(sum(sign in key for key in keys) for sign in "+-*"), sum(len(key) > 5 for key in keys)]
        shares.append([n / len(keys) for n in kinds])
    assert all(abs(one - two) < 0.08 for one, two in zip(*shares, strict=True))


def test_every_word_that_makes_a_model_reason_is_trained(draws):
    seen = {item.prompt.reasoning for item in draws(FAMILIES, "arithmetic-steps")}
    assert seen == {m.reasoning for many in MAGIC.values() for m in many.values() if m.reasoning}


def test_no_demonstration_is_the_question_or_one_that_exams_ask():
    numbers = iter(range(100))

    def draw():
        n = next(numbers)
        return f"question {n}", str(n), str(n)

    shown = demonstrations(random.Random(0), draw, question="question 3", key="3", shots=16)
    keys = [d.target for d in shown]
    assert len(keys) == 16 and "3" not in keys and not any(map(held_out, keys))
    assert any(map(held_out, map(str, range(16)))), "a held-out one was in reach"
