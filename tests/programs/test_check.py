"""An adaptation that cannot answer is refused before anything is asked, and says what is wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from rung.programs import PROGRAMS
from rung.programs.check import NEEDS, check_adaptation
from rung.types import Adaptation, AdaptationError, Decoding, Demonstration, Prompt, Selector

GOOD = Adaptation(
    "f/a", "f", "classify", "en", labels=("bad", "good"), prompt=Prompt("bare", "en"),
    demonstrations=(Demonstration("x", "good"),), selector=Selector("bm25", 1), calibration=(0.0, -1.5),
)  # fmt: skip


def test_every_program_says_what_it_needs() -> None:
    assert list(NEEDS) == list(PROGRAMS)


def test_a_whole_one_passes() -> None:
    check_adaptation(GOOD)
    check_adaptation(Adaptation("m/a", "m", "classify", "en", program="majority", parameters={"answer": "bad"}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": None}, "no prompt"),
        ({"labels": ()}, "no labels"),
        ({"demonstrations": ()}, "no demonstrations"),
        ({"program": "majority"}, r"no parameters\.answer"),
        ({"program": "tfidf", "labels": ()}, "no adapter, labels"),
        ({"program": "probe"}, "no adapter"),
        ({"program": "nearest", "selector": None, "demonstrations": ()}, "no demonstrations"),
        ({"calibration": (0.0, math.nan)}, "calibration.*expected 2 numbers"),
        ({"calibration": (0.0,)}, "calibration.*expected 2 numbers"),
        ({"selector": Selector("bm25", 0)}, r"selector\.n"),
        ({"decoding": Decoding(max_tokens=0)}, r"decoding\.max_tokens"),
        ({"decoding": Decoding(temperature=math.inf)}, r"decoding\.temperature"),
        ({"decoding": Decoding(temperature=-1.0)}, r"decoding\.temperature"),
        ({"decoding": Decoding(top_p=0.0)}, r"decoding\.top_p"),
    ],
)  # fmt: skip
def test_a_part_that_is_missing_or_cannot_be_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AdaptationError, match=message) as error:
        check_adaptation(replace(GOOD, **changes))
    assert error.value.zh != str(error.value)
