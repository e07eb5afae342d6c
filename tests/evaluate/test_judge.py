"""The judge of pairs: both orders are asked, nothing twice, and what does not fit is not made up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from rung.adaptation import hash_of
from rung.engine import FakeModel, fake_model
from rung.evaluate import Contest, Judged, Order, ask, asked_of, check_judge, judge
from rung.evaluate.judge import BLOCK, shown
from rung.ledger import Ledger
from rung.programs import opened
from rung.prompts import TEMPLATES
from rung.types import Adaptation, AdaptationError, Example, Prediction

CONTESTS = [Contest(f"e{i}", f"question {i}", f"left {i}", f"a longer right {i}") for i in range(70)]
TASK = "Answer the question."


def answers_in(prompt: str) -> list[str]:
    return re.findall(r"^Answer [12]: (.*)$", prompt, re.M)


def longer(prompt: str) -> str:
    one, two = answers_in(prompt)
    return "1" if len(one) > len(two) else "2"


def always_first(prompt: str) -> str:
    return "1"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite", weights="w", dtype="float32")
    yield made
    made.close()


def judged(rule: Callable[[str], str], contests: Sequence[Contest], ledger: Ledger) -> list[Judged]:
    model = FakeModel(rule)
    made = judge(model, "en")
    found = [j for _, j in ask(contests, made, lambda: opened(made, model), ledger, TASK)]
    assert all(j is not None for j in found)
    return found  # type: ignore[return-value]


def test_a_judge_that_reads_prefers_the_same_answer_in_both_orders(ledger: Ledger) -> None:
    found = judged(longer, CONTESTS, ledger)
    assert [j.example for j in found] == [c.example for c in CONTESTS]
    assert {j.choice for j in found} == {"b"}
    assert all(j.sides == ("b", "b") and j.margin is not None and j.margin < -1 for j in found)


def test_a_judge_that_always_says_1_gives_only_ties(ledger: Ledger) -> None:
    found = judged(always_first, CONTESTS, ledger)
    assert {j.choice for j in found} == {"tie"}
    assert {j.sides for j in found} == {("a", "b")}
    assert all(j.margin == pytest.approx(0) for j in found)  # nine tenths for the first, in both orders


def test_exchanged_answers_give_the_mirrored_margin_and_are_not_asked_again(ledger: Ledger) -> None:
    model = fake_model()  # random weights: margins of any size
    made = judge(model, "en")
    there = [j for _, j in ask(CONTESTS[:5], made, lambda: opened(made, model), ledger, TASK)]
    swapped = [Contest(c.example, c.input, c.b, c.a) for c in CONTESTS[:5]]
    back = [j for _, j in ask(swapped, made, lambda: pytest.fail("asked before"), ledger, TASK)]
    assert back == [j.mirrored() for j in there if j]
    for one, two in zip(there, back, strict=True):
        assert one and two
        assert one.margin
        assert two.margin == -one.margin
        assert one.choice == {"a": "b", "b": "a", "tie": "tie"}[two.choice or ""]


def test_a_margin_by_hand() -> None:
    # a first: log p = -0.2 for 1, -1.7 for 2; b first: -0.4 for 1, -1.1 for 2. ((-0.2 + 1.7) + (-1.1 + 0.4)) / 2
    one = Judged("e", Order("1", (-0.2, -1.7)), Order("1", (-0.4, -1.1)))
    assert one.margin == pytest.approx(0.4)
    assert (one.choice, one.leaning) == ("tie", "a")
    two = Judged("e", Order("1", (-0.2, -1.7)), Order("2", (-1.1, -0.4)))
    assert two.margin == pytest.approx(1.1)
    assert [two.choose(threshold) for threshold in (0, 1.0, 1.2)] == ["a", "a", "tie"]


def test_what_cannot_be_read_is_no_choice_and_no_tie() -> None:
    found = Judged("e", Order(None, None), Order("2", None))
    assert (found.sides, found.choice, found.margin, found.leaning) == (None, None, None, None)
    unscored = Judged("e", Order("1", None), Order("2", None))
    assert (unscored.choice, unscored.margin) == ("a", None)


def test_a_kill_in_the_middle_repeats_nothing(ledger: Ledger) -> None:
    model, asked = FakeModel(longer), []
    made = judge(model, "en")

    @contextmanager
    def watched() -> Iterator[Callable[[Sequence[Example]], list[Prediction]]]:
        with opened(made, model) as answer:

            def counted(examples: Sequence[Example]) -> list[Prediction]:
                if len(asked) == 2 * BLOCK and not killed:
                    killed.append(True)
                    raise KeyboardInterrupt
                asked.extend(e.id for e in examples)
                return answer(examples)

            yield counted

    killed: list[bool] = []
    before = []
    with pytest.raises(KeyboardInterrupt):
        for _, one in ask(CONTESTS, made, watched, ledger, TASK):
            before.append(one)
    assert len(before) == BLOCK
    after = [one for _, one in ask(CONTESTS, made, watched, ledger, TASK)]
    assert after[:BLOCK] == before
    assert len(asked) == len(set(asked)) == 2 * len(CONTESTS)


def test_answers_of_several_workers_are_the_same(ledger: Ledger, tmp_path: Path) -> None:
    model = FakeModel(longer)
    made = judge(model, "en")
    here = [j for _, j in ask(CONTESTS[:8], made, lambda: opened(made, model), ledger, TASK)]
    other = Ledger(tmp_path / "other.sqlite", weights="w", dtype="float32")
    there = [j for _, j in ask(CONTESTS[:8], made, lambda: opened(made, model), other, TASK, workers=4)]
    other.close()
    assert [j and j.choice for j in there] == [j and j.choice for j in here] == ["b"] * 8


@pytest.mark.parametrize("workers", [1, 3])
def test_a_pair_that_does_not_fit_is_told_and_the_others_are_judged(ledger: Ledger, workers: int) -> None:
    model = FakeModel(longer, context=600)
    made = judge(model, "en")
    contests = [CONTESTS[0], Contest("long", "q", "x" * 700, "y"), CONTESTS[1]]
    found = dict(
        (c.example, j) for c, j in ask(contests, made, lambda: opened(made, model), ledger, TASK, workers=workers)
    )
    assert found["long"] is None
    assert [found[c.example].choice for c in CONTESTS[:2]] == ["b", "b"]  # type: ignore[union-attr]
    kept = ledger.known(hash_of(made), [shown(c, TASK, "en", s).id for c in contests for s in ("a", "b")])
    assert len(kept) == 4
    assert {score for _, score in kept.values()} == {None}  # nobody knows the right answer: no mark


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_judge_sees_task_input_and_both_answers(language: str, ledger: Ledger) -> None:
    seen: list[str] = []

    def watching(prompt: str) -> str:
        seen.append(prompt)
        return "2"

    model = FakeModel(watching)
    made = judge(model, language)  # type: ignore[arg-type]
    assert (made.kind, made.labels, made.language) == ("classify", ("1", "2"), language)
    found = [j for _, j in ask(CONTESTS[:1], made, lambda: opened(made, model), ledger, "THE TASK")]
    assert found[0] and found[0].a_first.said == "2"
    assert len(seen) == 2
    for prompt, (first, second) in zip(
        sorted(seen), [("a longer right 0", "left 0"), ("left 0", "a longer right 0")], strict=True
    ):
        places = [prompt.index(text) for text in ("THE TASK", "question 0", first, second)]
        assert places == sorted(places)


def test_a_trained_adaptation_may_judge_if_it_knows_the_two_labels(ledger: Ledger) -> None:
    prompt = TEMPLATES["en"]["classify"][0]
    made = Adaptation("mine", "zero-shot", "classify", "en", labels=("1", "2"), prompt=prompt)
    check_judge(made, "mine")
    model = FakeModel(longer)
    (found,) = [j for _, j in ask(CONTESTS[:1], made, lambda: opened(made, model), ledger, TASK)]
    assert found and found.choice == "b"
    for other in (
        Adaptation("x", "x", "classify", "en", labels=("left", "right")),
        Adaptation("x", "x", "generate", "en"),
    ):
        with pytest.raises(AdaptationError, match="labels 1 and 2"):
            check_judge(other, "x")


def test_the_task_is_said_in_its_own_words_or_the_templates() -> None:
    made = Adaptation("x", "x", "classify", "en", labels=("left", "right"))
    assert asked_of(made) == "Decide which label fits the text. Labels: left, right."
    own = Adaptation("x", "x", "generate", "zh", description="把句子译成英文")
    assert asked_of(own) == "把句子译成英文。"
