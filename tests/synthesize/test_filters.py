"""Every reason: a candidate that goes for it, and that nothing else takes out."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from rouge_score import rouge_scorer

from rung.synthesize.alike import NEAR, Known, similarity
from rung.synthesize.attempt import Attempt, Candidate
from rung.synthesize.filters import ANSWER_REASONS, INPUT_REASONS, answer_filters, grounded, input_filters, leak
from rung.synthesize.seeds import Seeds
from rung.synthesize.synthesize import first
from rung.task.metrics.generate import Tokenizer
from rung.types import Example

BROKEN = Candidate(0, "a sail is torn to port", shown=("mind the gap",))
ZH = tuple(
    Example(f"zh{i}", text, "物流", "zh.csv") for i, text in enumerate(("快递三天没动了", "包裹卡在中转站怎么办"))
)
EN = tuple(
    Example(f"en{i}", text, "left", "en.csv") for i, text in enumerate(("mind the gap to port", "a boat comes to port"))
)
ENTITIES = (Example("e1", "Wells met Ada in Rome on Monday", '{"person":["Wells","Ada"],"place":["Rome"]}'),)
PAIRS = (Example("p1", "premise: it rains\nhypothesis: it is wet", "yes"),)

INPUTS = {
    "empty": (EN, Candidate(0, " ?! …")),
    "unfinished": (EN, Candidate(0, "the harbour master has said that the", finished="length")),
    "length": (EN, Candidate(0, "a sail")),
    "language": (ZH, Candidate(0, "where is my parcel")),
    "repetition": (EN, Candidate(0, "on to on to on to on to on to on to")),
    "format": (PAIRS, Candidate(0, "premise: it snows and the roads are white")),
    "duplicate": (EN, Candidate(0, "Mind the GAP, to port!")),
    "near-duplicate": (EN, Candidate(0, "mind the big gap to port")),
    "copied": (EN, Candidate(0, "when it rains the old lamp goes", shown=("they say that when it rains the old lamp fails",))),
    "leak": (EN, Candidate(0, "the tide turns")),
}  # fmt: skip
ANSWERS = {
    "invalid": (EN, Attempt(BROKEN, "", 1.0)),
    "echo": (EN, Attempt(BROKEN, "A sail is torn, to port", 1.0)),
    "unsupported": (ENTITIES, Attempt(Candidate(0, "Ada flew to Oslo"), '{"person": ["Ada"], "place": ["Rome"]}', 1.0)),
    "other-label": (EN, Attempt(Candidate(0, "a sail is torn to port", label="left"), "right", 1.0)),
    "agreement": (EN, Attempt(BROKEN, "left", 0.59)),
}


def all_filters(examples: tuple[Example, ...], folder: Path) -> tuple[dict, dict]:
    kind = "extract" if examples == ENTITIES else "generate"
    seeds = Seeds(kind, "zh" if examples == ZH else "en", examples)  # type: ignore[arg-type]
    known = Known()
    for e in examples:
        known.add(e.input, e.source)
    held = folder / "test.jsonl"
    held.write_text(json.dumps({"text": "The tide turns."}) + "\n")
    return input_filters(seeds, known, leak([held]), marks=("Text:",)), answer_filters(seeds, 0.6)


def test_every_reason_has_its_case() -> None:
    assert tuple(INPUTS) == INPUT_REASONS
    assert tuple(ANSWERS) == tuple(r for r in ANSWER_REASONS if r != "enough")  # see test_synthesize


@pytest.mark.parametrize("reason", INPUT_REASONS)
def test_an_input_goes_for_the_reason_and_for_no_other(reason: str, tmp_path: Path) -> None:
    examples, one = INPUTS[reason]
    filters, _ = all_filters(examples, tmp_path)
    found = first(filters, one)
    assert found is not None
    assert found.reason == reason
    del filters[reason]
    rest = first(filters, one)
    # Nothing at all has no length either, and a duplicate is a near one: the more telling reason comes first.
    assert (rest and rest.reason) == {"empty": "length", "duplicate": "near-duplicate"}.get(reason)


@pytest.mark.parametrize("reason", list(ANSWERS))
def test_an_answer_goes_for_the_reason_and_for_no_other(reason: str, tmp_path: Path) -> None:
    examples, one = ANSWERS[reason]
    _, filters = all_filters(examples, tmp_path)
    found = first(filters, one)
    assert found is not None
    assert found.reason == reason
    del filters[reason]
    if reason != "invalid":  # nothing to judge is left of an answer that could not be read
        assert first(filters, one) is None


@pytest.mark.parametrize(
    ("examples", "text"),
    [
        (EN, "a sail is torn to port"),
        (ZH, "订单显示已签收可我没拿到"),
        (PAIRS, "premise: the sea is up\nhypothesis: it is wet"),
    ],
)
def test_a_good_input_stays(examples: tuple[Example, ...], text: str, tmp_path: Path) -> None:
    assert first(all_filters(examples, tmp_path)[0], Candidate(0, text, shown=tuple(e.input for e in examples))) is None


@pytest.mark.parametrize(
    ("text", "reason", "rule"),
    [
        ("here is what the captain said:", "unfinished", "ends in a colon"),
        ("a boat comes about. Text: a boat", "format", "words of the prompt"),
        ("a boat comes \ufffd about", "format", "half a character"),
        ("ab " * 40, "length", "too long"),
        ("no no no no no no no no no no no no", "repetition", "a loop"),
    ],
)
def test_rules_within_a_reason(text: str, reason: str, rule: str, tmp_path: Path) -> None:
    found = first(all_filters(EN, tmp_path)[0], Candidate(0, text))
    assert found is not None
    assert (found.reason, found.rule) == (reason, rule)


def test_a_teacher_that_knows_more_labels_gives_none_of_them() -> None:
    filters = answer_filters(Seeds("classify", "en", (), ("a", "b")), 0.0)
    found = first(filters, Attempt(BROKEN, "c", 1.0))
    assert found is not None
    assert (found.reason, found.value) == ("invalid", "c")
    assert first(filters, Attempt(BROKEN, "b", 1.0)) is None


def test_laughter_is_no_loop(tmp_path: Path) -> None:
    assert first(all_filters(ZH, tmp_path)[0], Candidate(0, "哈哈哈哈终于到了")) is None


def test_a_leak_is_thirteen_units_or_a_whole_item(tmp_path: Path) -> None:
    held = tmp_path / "test.csv"
    long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    held.write_text(f"text,label\n{long},a\n中午订的饭到晚上才送来，已经不能吃了,b\n", encoding="utf-8")
    judge = leak([held])
    words = long.split()
    assert judge(Candidate(0, "and " + " ".join(words[:13]) + " then")).value == "test.csv:2"  # type: ignore[union-attr]
    assert judge(Candidate(0, "and " + " ".join(words[:12]) + " then")) is None
    assert judge(Candidate(0, "他说中午订的饭到晚上才送来，已经不能吃了")).value == "test.csv:3"  # type: ignore[union-attr]


def test_given_texts_may_be_in_any_language_where_no_seed_says_otherwise() -> None:
    """A teacher of messages in two languages has its prompt in one of them: that says nothing of the texts."""
    text = Candidate(0, "快递三天没动了")
    assert first(input_filters(Seeds("generate", "en"), Known(), None, given=True), text) is None
    for seeds, given in ((Seeds("generate", "en"), False), (Seeds("generate", "en", EN), True)):
        found = first(input_filters(seeds, Known(), None, given=given), text)
        assert found is not None
        assert found.reason == "language"


def test_given_texts_are_judged_neither_by_length_nor_by_form() -> None:
    filters = input_filters(Seeds("generate", "en", PAIRS), Known(), None, given=True)
    assert first(filters, Candidate(0, "a premise: " + "and so on and on, ".join(map(str, range(9))) + ":")) is None


def test_what_the_seeds_extract_must_stand_in_the_input_only_where_theirs_does() -> None:
    loose = Example("e2", "He was born in the capital of Italy", '{"place":["Rome"]}')
    assert grounded(Seeds("extract", "en", ENTITIES))
    assert not grounded(Seeds("extract", "en", (*ENTITIES, loose)))


def test_rouge_is_that_of_the_metric() -> None:
    reference = rouge_scorer.RougeScorer(["rougeL"], tokenizer=Tokenizer())
    rng = random.Random(0)
    texts = ["".join(rng.choice("我的快递 ab cd") for _ in range(rng.randint(0, 24))) for _ in range(60)]
    for one, two in itertools.pairwise(texts):
        assert similarity(one, two) == pytest.approx(reference.score(one, two)["rougeL"].fmeasure)


def test_the_nearest_text_is_the_one_that_comparing_all_would_give() -> None:
    rng = random.Random(1)
    texts = [" ".join(rng.choice("abcdefgh") for _ in range(rng.randint(1, 9))) for _ in range(150)]
    known, before = Known(), []
    for number, text in enumerate(texts):
        best = max((similarity(text, other) for other in before), default=0.0)
        assert known.nearest(text)[0] == pytest.approx(best if best >= NEAR else 0.0)
        known.add(text, str(number))
        before.append(text)
    assert known.same(texts[7].upper()) == str(texts.index(texts[7]))


def test_what_was_asked_is_not_asked_again(ship: SimpleNamespace, tmp_path: Path) -> None:
    """A text like one that disagreed would disagree too."""

    def rule(prompt: str) -> str:  # always the same text
        return " a sail is torn to port\n\n" if prompt.rstrip().endswith("Text:") else ship.write(prompt)

    found = ship.run(tmp_path / "out", n=4, tries=32, rule=rule)
    reasons = {name: r["candidates"] for name, r in found.figures["reasons"].items() if r["candidates"]}
    assert reasons == {"duplicate": 31}
    assert (found.figures["answered"], found.figures["labels"]) == (1, {"left": 1})
