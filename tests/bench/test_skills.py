"""The table of skills on small families made here, with models whose skill is known."""

import json
import re

import pytest
import skills

from rung.engine import FakeModel
from rung.instruct.family import Family
from rung.instruct.item import Dialogue, Exercise, Turn
from rung.prompts import TEMPLATES, with_magic
from rung.types import DataError

STEPS = with_magic(TEMPLATES["en"]["generate"][0], "step-by-step")


def stepped(rng, sources):
    a, b = rng.randrange(10, 100), rng.randrange(10, 100)
    return Exercise(
        "arithmetic-steps", "generate", "en", f"{a}+{b}=", str(a + b), prompt=STEPS, reasoning=f"so {a + b}",
        key=f"{a}+{b}",
    )  # fmt: skip


def tools(rng, sources):
    a, b = rng.randrange(10, 100), rng.randrange(10, 100)
    if rng.random() < 0.3:
        return Dialogue(
            "tools", "en", (Turn("user", f"Hello, I am number {a} of {b}"), Turn("assistant", "Hello!", True))
        )
    call = json.dumps({"tool": "calculator", "arguments": {"expression": f"{a}*{b}"}})
    talk = (
        Turn("user", f"What is {a} times {b}?"),
        Turn("assistant", call, True),
        Turn("user", f"Result: {a * b}"),
        Turn("assistant", f"It is {a * b}.", True),
    )
    return Dialogue("tools", "en", talk)


def checking(rng, sources):
    a, wrong = rng.randrange(100, 1000), rng.random() < 0.5
    text = f"{a} is {'odd' if (a % 2 == 0) == wrong else 'even'}"
    return Exercise("checking", "classify", "en", text, "wrong" if wrong else "right", labels=("right", "wrong"))


def lookup(rng, sources):
    key, value, there = rng.randrange(100, 1000), rng.randrange(1000, 9999), rng.random() < 0.6
    line = f"{key} is {value}" if there else f"{key + 1} is {value}"
    return Exercise("lookup", "generate", "en", f"{line}. What is {key}?", str(value) if there else "I do not know.")


def program(rng, sources):
    a, b = rng.randrange(10, 100), rng.randrange(10, 100)
    return Exercise("programs", "generate", "en", f"{a} boxes of {b}", f"a = {a}\nb = {b}\nanswer = a * b")


FAMILIES = {"arithmetic-steps": stepped, "tools": tools, "checking": checking, "lookup": lookup, "programs": program}


@pytest.fixture
def table(tmp_path, monkeypatch):
    """The rows of one skill by name, with answers by a rule."""
    monkeypatch.setattr(skills, "family", lambda name: Family(name, FAMILIES[name]))

    def measured(skill, rule, items=40, noise=0.0):
        monkeypatch.setattr(skills, "load_model", lambda name: FakeModel(rule, noise=noise))
        out = tmp_path / "out"
        skills.main(["--skills", skill, "--items", str(items), "--data", str(tmp_path), "--out", str(out)])
        rows = json.loads((out / "skills.json").read_text())[skill]["rows"]
        return {row["what"]: row for row in rows}

    return measured


def test_steps_that_help_beat_none_and_eight_samples_beat_one(table):
    def rule(prompt):
        a, b = re.findall(r"(\d+)\+(\d+)=", prompt)[-1]
        if not prompt.endswith("step by step."):
            return " 0"
        return f" so {int(a) + int(b)}\nTherefore, the answer is {int(a) + int(b)}"

    rows = table("arithmetic", rule, noise=0.3)
    assert rows["two-digit arithmetic with steps"]["share"]["value"] == 1.0
    assert rows["two-digit arithmetic with steps"]["difference"]["p"] < 0.001
    one, vote = (row for name, row in rows.items() if name.startswith("with steps, "))
    assert one["share"]["value"] == pytest.approx(0.7, abs=0.1)
    assert vote["share"]["value"] > 0.8
    assert vote["difference"]["p"] < 0.001
    assert {row["share"]["n"] for row in rows.values()} == {40}


def test_calls_are_right_when_the_json_is_equal(table):
    def rule(prompt):
        if "Hello" in prompt:
            return "Hello!"
        if "Result" in prompt:
            return f"It is {re.findall(r'Result: ([0-9]+)', prompt)[-1]}."
        a, b = re.findall(r"(\d+) times (\d+)", prompt)[-1]
        if int(a) % 2:
            return "I would use the calculator"
        return f'{{"arguments": {{"expression": "{a}*{b}"}}, "tool": "calculator"}}'

    rows = table("tools", rule)
    parsed, right, final, none, answered = (row["share"]["value"] for row in rows.values())
    assert 0.2 < parsed < 0.8
    assert (right, final, none, answered) == (parsed, 1.0, 1.0, 1.0)


def test_a_needless_call_is_counted(table):
    rows = table("tools", lambda prompt: '{"tool": "calculator", "arguments": {}}', items=10)
    assert rows["tool calls that parse"]["share"]["value"] == 1.0
    assert rows["tool calls that are right (equal JSON)"]["share"]["value"] == 0.0
    assert rows["no call where none is needed"]["share"]["value"] == 0.0


def test_checking_stands_beside_chance(table):
    def rule(prompt):
        number, said = re.findall(r"(\d+) is (odd|even)", prompt)[-1]
        return "right" if (int(number) % 2 == 1) == (said == "odd") else "wrong"

    assert table("checking", rule)["checking a given answer"]["share"]["value"] == 1.0
    assert table("checking", rule)["checking a given answer"]["chance"] == 0.5


def test_i_do_not_know_has_recall_and_precision(table):
    exact, inside, recall, precision = table("lookup", lambda prompt: " I do not know.").values()
    assert exact["share"]["value"] == 0.0
    assert inside["share"] is None
    assert recall["share"]["value"] == 1.0
    assert precision["share"]["value"] == pytest.approx(0.4, abs=0.25)


def test_a_program_is_right_by_its_value(table):
    def rule(prompt):
        a, b = re.findall(r"(\d+) boxes of (\d+)", prompt)[-1]
        return f"answer = {b} * {a}" if int(a) > 30 else "a ="

    runs, right = table("programs", rule).values()
    assert 0.4 < right["share"]["value"] == runs["share"]["value"] < 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 12\nb = 30\nanswer = a * b + 5", 365),
        ("answer = -(7 - 2) // 2", -3),
        ("answer = 1 / 4", 0.25),
        ("answer = 9 ** 99", None),
        ("answer = 1 / 0", None),
        ("answer = b", None),
        ("answer = __import__('os')", None),
        ("print(3)", None),
        ("a = 3", None),
        ("85", None),
    ],
)
def test_only_arithmetic_is_read(text, value):
    assert skills.value(text) == value


def test_the_majority_leaves_out_what_cannot_be_read():
    assert skills.majority(["", "", "", "7", "8", "8"]) == "8"
    assert skills.majority(["", ""]) == ""


def test_a_folder_belongs_to_one_model(table, monkeypatch, tmp_path):
    table("checking", lambda prompt: "right", items=3)
    monkeypatch.setattr(skills, "load_model", lambda name: FakeModel(lambda prompt: "right", seed=1))
    with pytest.raises(DataError, match="another model"):
        skills.main(["--skills", "checking", "--items", "3", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
