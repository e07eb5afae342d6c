"""Calls that a system message allows, with arguments out of the question, and answers out of the result."""

import json
import re

import pytest

from rung.instruct.exercises.sums import Sum
from rung.instruct.exercises.toolbox import TOOLS
from rung.instruct.exercises.tools import ANSWER, FAMILIES, GREETINGS, UNKNOWN
from rung.instruct.holdout import held_out


def is_call(text: str) -> bool:
    return text.startswith("{")


def called(item):
    """(question, call, result, answer) of every call of a dialogue."""
    turns = item.turns
    return [
        (turns[i - 1].content, json.loads(t.content), turns[i + 1].content, turns[i + 2].content)
        for i, t in enumerate(turns)
        if t.learned and is_call(t.content)
    ]


@pytest.fixture
def items(draws):
    return draws(FAMILIES, "tools", 400)


def test_the_family_is_sound_and_mostly_calls(items, sound):
    sound(items)
    calls = sum(bool(called(item)) for item in items)
    assert 0.6 < calls / len(items) < 0.95


def test_only_assistant_turns_are_learned_and_it_has_the_last_word(items):
    for item in items:
        assert [t.role for t in item.turns[:2]] == ["system", "user"]
        assert all(t.learned == (t.role == "assistant") for t in item.turns)
        assert item.turns[-1].role == "assistant" and not is_call(item.turns[-1].content)
        assert all(a.role != b.role for a, b in zip(item.turns, item.turns[1:], strict=False))


def test_a_call_is_one_json_object_of_the_one_form_for_a_listed_tool_with_its_arguments(items):
    for item in items:
        system = item.turns[0].content
        for turn in item.turns:
            if is_call(turn.content):
                found = json.loads(turn.content)
                assert list(found) == ["tool", "arguments"] and turn.content == json.dumps(found, ensure_ascii=False)
                line = next(line for line in system.split("\n") if found["tool"] in re.split(r"[\s(,，\"]+", line))
                assert all(name in line for name in found["arguments"])


def test_text_arguments_stand_in_the_question(items):
    for item in items:
        for question, call, _, _ in called(item):
            for value in call["arguments"].values():
                if not re.fullmatch(r"[\d*+-]+", str(value)):
                    assert str(value) in question, (question, call)


def test_a_calculation_uses_the_numbers_of_the_question_and_returns_its_value(items):
    seen = 0
    for item in items:
        for question, call, result, _ in called(item):
            (argument,) = list(call["arguments"].values())[:1]
            if not (found := re.fullmatch(r"(\d+)([-+*])(\d+)", str(argument))) or re.match(
                r"\d{4}-\d\d-\d\d", argument
            ):
                continue
            a, sign, b = found.groups()
            assert sorted(re.findall(r"\d+", question)) == sorted((a, b))
            value = Sum(int(a), (("×" if sign == "*" else sign, int(b)),)).value
            assert result.endswith(f" {value}" if item.language == "en" else f"：{value}")
            seen += 1
    assert seen > 15


def test_conversions_are_right(items):
    rates = {
        ("km", "m"): 1000,
        ("hours", "minutes"): 60,
        ("weeks", "days"): 7,
        ("千米", "米"): 1000,
        ("斤", "克"): 500,
        ("天", "小时"): 24,
    }
    seen = 0
    for item in items:
        for _, call, result, _ in called(item):
            values = list(call["arguments"].values())
            if len(values) == 3 and tuple(values[1:]) in rates:
                assert int(re.search(r"\d+", result).group()) == values[0] * rates[tuple(values[1:])]
                seen += 1
    assert seen > 5


def test_the_answer_is_in_the_result_or_unknown_where_nothing_was_found(items):
    unknown = 0
    for item in items:
        front, back = ANSWER[item.language].split("{}")
        for _, _, result, answer in called(item):
            if result.endswith(("not found", "没有找到")):
                assert answer == UNKNOWN[item.language]
                unknown += 1
            else:
                assert answer.startswith(front) and answer.endswith(back)
                assert answer[len(front) : -len(back)] in result
    assert unknown > 10


def test_a_shown_table_agrees_with_the_result(items):
    seen = 0
    for item in items:
        shown = re.search(r"^(?:Data: |资料：)(.+)$", item.turns[0].content, re.MULTILINE)
        if not shown:
            continue
        table = dict(entry.split(": ", 1) for entry in shown.group(1).split("; "))
        _, call, result, _ = called(item)[0]
        (wanted,) = call["arguments"].values()
        assert re.split(": |：", result, maxsplit=1)[1] == table.get(
            wanted, "not found" if item.language == "en" else "没有找到"
        )
        seen += 1
    assert seen > 15


def test_what_needs_no_tool_is_answered_directly(items):
    replies = {reply.split("{n}")[0] for many in GREETINGS.values() for _, reply in many}
    direct = [item for item in items if not called(item)]
    assert len(direct) > 40
    for item in direct:
        question, answer = item.turns[1].content, item.turns[2].content
        front, back = ANSWER[item.language].split("{}")
        if answer.startswith(front):
            assert answer[len(front) : -len(back)] in question
        else:
            assert answer == UNKNOWN[item.language] or any(answer.startswith(reply) for reply in replies)


def test_a_second_question_is_none_that_exams_ask(items):
    seen = 0
    for item in items:
        if len(found := called(item)) == 2:
            question, call, _, _ = found[1]
            argument = next(iter(call["arguments"].values()))
            if not re.fullmatch(r"\d+[-+*]\d+", str(argument)):
                assert not held_out(question)
                seen += 1
    assert seen > 20


def test_both_languages_know_the_same_tools():
    assert set(TOOLS["en"]) == set(TOOLS["zh"])
