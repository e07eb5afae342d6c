"""Programs that run, read the numbers of their question, and give what the story says."""

import ast
import operator
import random
import re

import pytest

from rung.instruct.exercises.programs import FAMILIES, SHAPES, draw_program

OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
}  # fmt: skip


def run(program: str) -> tuple[int, bool]:
    """``answer``, and whether every division came out even. Only names, numbers and + - * // are read."""
    names, even = {}, True

    def compute(node):
        nonlocal even
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return names[node.id]
        assert isinstance(node, ast.BinOp)
        left, right = compute(node.left), compute(node.right)
        even = even and not (isinstance(node.op, ast.FloorDiv) and left % right)
        return OPERATORS[type(node.op)](left, right)

    for line in ast.parse(program).body:
        (name,) = line.targets
        names[name.id] = compute(line.value)
    return names["answer"], even


def test_the_family_is_sound(draws, sound):
    sound(draws(FAMILIES, "programs"))


def test_programs_run_and_divisions_come_out_even(draws):
    for item in draws(FAMILIES, "programs", 400):
        value, even = run(item.target)
        assert even and value >= 0, item.target


def test_the_lines_are_the_numbers_of_the_text_in_their_order(draws):
    for item in draws(FAMILIES, "programs", 400):
        *given, last = item.target.split("\n")
        assert [line.split(" = ")[1] for line in given] == re.findall(r"\d+", item.input), item.input
        assert [line.split(" = ")[0] for line in given] == list("abcd"[: len(given)])
        assert last.startswith("answer = ")
        assert set(re.findall(r"\b[a-d]\b", last)) == set("abcd"[: len(given)])


def test_demonstrations_have_the_same_form(draws):
    for item in draws(FAMILIES, "programs"):
        for shown in item.demonstrations:
            run(shown.target)
            assert "\n\n" not in shown.target and shown.target != item.target


@pytest.mark.parametrize(
    ("front", "numbers", "expected"),
    [
        ("How many days are", (3, 2), 23),
        ("How many minutes are", (2, 5), 125),
        ("What is the perimeter of a rectangle", (3, 4), 14),
        ("What is the mean of", (2, 4, 9), 5),
        ("A box is", (2, 3, 4), 24),
        ("A ticket costs", (5, 7, 2), 24),
        ("A coat costs", (210, 10, 2), 400),
    ],
)
def test_formulas_give_what_a_person_would_reckon(front, numbers, expected):
    """Cases by hand: three weeks and two days are 23 days ..."""
    formulas = [s.formula for s in SHAPES if any(text.startswith(front) for text in s.stories["en"])]
    (formula,) = formulas
    lines = [f"{letter} = {n}" for letter, n in zip("abc", numbers, strict=False)]
    assert run("\n".join([*lines, f"answer = {formula}"]))[0] == expected


def test_a_story_of_coming_and_going_is_told_in_its_order():
    rng = random.Random(0)
    signs = set()
    for _ in range(400):
        _, program, _ = draw_program(rng, "en")
        if found := re.fullmatch(r"answer = a(?: [-+*] [b-d])+", program.split("\n")[-1]):
            signs.update(re.findall(r"[-+*]", found.group()))
    assert signs == set("+-*")


def test_every_shape_has_stories_in_both_languages_with_the_numbers_in_order():
    for shape in SHAPES:
        for language in ("en", "zh"):
            assert len(shape.stories[language]) >= 2
            for text in shape.stories[language]:
                letters = re.findall(r"\{([abc])\}", text)
                assert letters == sorted(letters) and set(letters) == set(re.findall(r"\b[abc]\b", shape.formula)), text
