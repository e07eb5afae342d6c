"""What a writer is shown, for which label, and how it is asked in both languages."""

from __future__ import annotations

from collections import Counter
from random import Random
from types import SimpleNamespace

import pytest

from rung.engine import FakeModel, fake_model
from rung.prompts import render
from rung.synthesize import WRITERS, Seeds, Writer
from rung.synthesize.attempt import Attempt, Candidate
from rung.synthesize.prepare import Asked, prepare
from rung.synthesize.writer import share, shown_for, tidy
from rung.types import Example, UserError


def attempts(*labels: str) -> list[Attempt]:
    return [Attempt(Candidate(i, f"accepted {i}"), label) for i, label in enumerate(labels)]


def seeds(n: int = 20, labels: tuple[str, ...] = ("a", "b", "c")) -> Seeds:
    return Seeds(
        "classify", "en", tuple(Example(str(i), f"seed {i}", labels[i % len(labels)]) for i in range(n)), labels
    )


def test_six_seeds_and_two_accepted_half_of_them_of_the_label_and_last() -> None:
    own = attempts(*"abcabcabc")
    for draw in range(20):
        shown = shown_for(seeds(), own, "b", Random(draw))
        assert len(shown) == 8
        assert sum(d.target.startswith("accepted") for d in shown) == 2
        assert [d.input == "b" for d in shown] == [False] * 4 + [True] * 4
    assert len(shown_for(seeds(), (), "b", Random(0))) == 6
    assert [d.input for d in shown_for(seeds(2), (), "c", Random(0))] != []  # a label without a seed is written too


def test_without_labels_inputs_are_numbered_and_seeds_fill_up_what_is_not_there_yet() -> None:
    free = Seeds("generate", "en", tuple(Example(str(i), f"seed {i}", "x") for i in range(20)))
    for own, count in ((attempts(), 0), (attempts("x"), 1), (attempts("x", "y", "z"), 2)):
        shown = shown_for(free, own, "", Random(3))
        assert [d.input for d in shown] == [str(i) for i in range(1, 9)]
        assert sum(d.target.startswith("accepted") for d in shown) == count


def test_labels_come_in_turn_and_the_full_ones_stay_out(ship: SimpleNamespace) -> None:
    writer = Writer(FakeModel(ship.write), ship.seeds(), WRITERS["en"][True], 6, 100)
    assert Counter(c.label for c in writer.next(0, [])) == {"left": 8, "right": 8}
    assert {c.label for c in writer.next(16, attempts("left", "left", "left"))} == {"right"}
    assert writer.next(16, attempts("left", "left", "left", "right", "right", "right")) == []
    assert len(writer.next(94, [])) == 6  # of a hundred
    assert share(("a", "b", "c"), 11) == {"a": 4, "b": 4, "c": 3}


def test_equal_prompts_are_written_differently() -> None:
    one = Seeds("generate", "en", (Example("a", "is it up", "no"),))
    writer = Writer(fake_model(), one, WRITERS["en"][False], 10, 100, temperature=1.5)
    made = writer.next(0, [])
    assert len({c.prompt for c in made}) == 1
    assert [c.sample for c in made] == list(range(16))
    assert len({c.input for c in made}) > 10
    assert writer.next(0, []) == made


ENGLISH = """You run a harbour.
Every text has one of the labels below. Labels: left, right. For each label a new text of that kind, different from all the others.

Label: left
Text: mind the gap

Label: right
Text:"""
CHINESE = """下面这项任务的输入：把句子译成英文。这是一份输入的清单，每一条都与其他的不同。

编号 1
输入：早上好

编号 2
输入："""


def test_the_prompts_as_they_are_read(ship: SimpleNamespace) -> None:
    role = "You run a harbour."
    _, _, writer = prepare(ship.seeds(), None, FakeModel(ship.write), Asked(role=role))
    assert isinstance(writer, Writer)
    assert writer.prompt.role == role
    from rung.types import Demonstration

    plain = WRITERS["en"][True]
    text = render(plain, ship.seeds().words, "right", [Demonstration("left", "mind the gap")])
    assert f"{role}\n{text}" == ENGLISH
    zh = Seeds("generate", "zh", description="把句子译成英文")
    assert render(WRITERS["zh"][False], zh.words, "2", [Demonstration("1", "早上好")]) == CHINESE


@pytest.mark.parametrize(
    ("text", "one_line", "found"),
    [
        ("  “我的快递呢”\n", True, ("我的快递呢", "length")),
        ("first\nsecond and", True, ("first", "stop")),
        ("first\nsecond and", False, ("first\nsecond and", "length")),
        ('"', True, ('"', "length")),
    ],
)
def test_what_was_written_is_tidied(text: str, one_line: bool, found: tuple[str, str]) -> None:
    assert tidy(text, "length", one_line) == found


def test_marks_that_seeds_hold_are_none(ship: SimpleNamespace) -> None:
    model = FakeModel(ship.write)
    assert Writer(model, ship.seeds(), WRITERS["en"][True], 1, 1).marks == ("Text:", "Label:")
    assert Writer(model, ship.seeds("Text: a b c", "starboard d"), WRITERS["en"][True], 1, 1).marks == ("Label:",)


def test_nothing_to_write_after_is_told() -> None:
    with pytest.raises(UserError, match="nothing says what to write") as wrong:
        prepare(Seeds("generate", "en"), None, fake_model(), Asked())
    assert "没有说明要写什么" in wrong.value.zh
