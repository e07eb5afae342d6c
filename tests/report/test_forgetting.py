"""What the report says of forgetting: a table on the page, lines in the terminal, the guard in the first sentence."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from rung.report import summary, write_report
from rung.report.sentences import three_sentences


def rise(nats: float) -> dict[str, Any]:
    return {
        "nats": nats, "low": nats - 0.02, "high": nats + 0.02, "per_byte": nats / 4, "detached": 0.0, "base": 4.304, "n": 40,
        "tokens": 5334,
    }  # fmt: skip


FORGOTTEN = {"en": rise(0.031), "zh": rise(0.214)}
BARRED = {"en": "it cannot be chosen: too much", "zh": "不能选用：太多"}


def with_forgetting(result: dict[str, Any]) -> dict[str, Any]:
    for row in result["rungs"]:
        row["forgetting"] = FORGOTTEN if row["name"] == "lora" else None
    return result


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["What training has made the model forget", "English", "+0.031 [+0.011, +0.051]", "40 texts, 5,334 tokens",
                "rises by more than 0.25 in its worse language"]),
        ("zh", ["训练使模型遗忘了多少", "英文", "+0.214 [+0.194, +0.234]", "40 条文本，5,334 个词元", "上升超过 0.25 的"]),
    ],
)  # fmt: skip
def test_a_table_on_the_page(make_run: Any, result_of: Any, language: Any, words: list[str]) -> None:
    rungs = with_forgetting(result_of())["rungs"]
    run = make_run(language, rungs=rungs, max_forgetting=0.25, charts=False)
    page = write_report(run, language).read_text(encoding="utf-8")
    for word in words:
        assert word in page


def test_a_climb_without_training_or_of_an_older_rung_has_no_table(make_run: Any) -> None:
    page = write_report(make_run("en", charts=False), "en").read_text(encoding="utf-8")
    assert "What training has made the model forget" not in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_line_in_the_terminal(result_of: Any, language: Any) -> None:
    console = Console(file=io.StringIO(), width=200, color_system=None, legacy_windows=False)
    console.print(summary(with_forgetting(result_of()), language))
    said = [line.strip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert {
        "en": "lora: general text, nats per token: English +0.031 [+0.011, +0.051], Chinese +0.214 [+0.194, +0.234]",
        "zh": "lora：通用文本，每词元 nats：英文 +0.031 [+0.011, +0.051]，中文 +0.214 [+0.194, +0.234]",
    }[language] in said


def test_the_first_sentence_says_that_forgetting_was_limited(result_of: Any) -> None:
    plain = result_of()
    assert "forgetting" not in three_sentences(plain, "en")[0]
    result = result_of()
    next(row for row in result["rungs"] if row["name"] == "few-shot-bm25")["reason"] = BARRED
    assert "the cheapest rung within the limit on forgetting whose score is proven" in three_sentences(result, "en")[0]
    assert "遗忘未超限的方法中最便宜的" in three_sentences(result, "zh")[0]
