"""The three sentences: they claim what the result holds, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rung.ladder import LADDER
from rung.report.sentences import three_sentences

Make = Callable[..., dict[str, Any]]


def test_a_proven_rung(result_of: Make):
    en, zh = three_sentences(result_of(), "en"), three_sentences(result_of(), "zh")
    assert en[0] == "Use lora/r8: it is the cheapest rung whose score is proven to reach your target of .85."
    assert en[1] == "On the sealed test, opened once, its accuracy is .905 [.864, .946], n = 200 (95% interval)."
    assert en[2] == (
        "A request costs 74 tokens, 6 ms, 970 MFLOP, and it took 1 min 36 s to build; "
        "the next rung, full, was not needed."
    )
    assert zh[0] == "建议使用 lora/r8：它是经证实达到目标 0.85 的方法中最便宜的。"
    assert zh[1] == "在只打开一次的封存测试集上，其准确率为 0.905 [0.864, 0.946]，n = 200（95% 区间）。"
    assert zh[2] == "每次请求约需 74 词元、6 毫秒、970 MFLOP，构建用时 1 分 36 秒；下一个方法 full 用不上。"


def test_requests_to_an_endpoint_are_added_up(result_of: Make):
    endpoint = {"asked": {}, "price": None}
    assert "the requests of its search took 1 min 36 s in all" in three_sentences(result_of(endpoint=endpoint), "en")[2]
    assert "搜索的各次请求合计用时 1 分 36 秒" in three_sentences(result_of(endpoint=endpoint), "zh")[2]


def test_a_latin_name_stands_apart_from_chinese(result_of: Make):
    result = result_of()
    for metric, said in (("macro-f1", "其宏平均 F1 为 0.905"), ("chrf", "其 chrF 为 0.905")):
        result["task"]["metric"] = metric
        assert said in three_sentences(result, "zh")[1]


def test_who_is_ahead_of_what_was_taken_is_said(result_of: Make):
    ahead = {"rung": "lora", "value": 0.07, "low": -0.005, "high": 0.145, "n": 200}
    result = likely(result_of())
    result["chosen"]["ahead"] = ahead
    assert (
        "On dev lora is ahead by .070 [-.005, .145], which 200 examples do not tell" in three_sentences(result, "en")[0]
    )
    assert "开发集上 lora 领先 0.070 [-0.005, 0.145]，但 200 条" in three_sentences(result, "zh")[0]
    assert "ahead" not in three_sentences(result_of(), "en")[0]


def likely(result: dict[str, Any]) -> dict[str, Any]:
    chosen = result["chosen"] | {
        "rung": "few-shot-bm25",
        "candidate": "few-shot-bm25/8",
        "verdict": "likely",
        "met": False,
    }
    return result | {"chosen": chosen}


def test_a_likely_rung_says_how_many_examples_are_missing(result_of: Make):
    en = three_sentences(likely(result_of()), "en")
    assert en[0].startswith("No rung is proven to reach your target of .85; use few-shot-bm25/8")
    assert "about 310 more dev examples would settle" in en[2]
    assert "约 310 条开发样本" in three_sentences(likely(result_of()), "zh")[2]


def test_break_even_is_what_comes_next_where_more_examples_would_not_help(result_of: Make):
    result = likely(result_of())
    for row in result["rungs"]:
        row["more_dev"] = None
    assert "beyond about 7,200 requests lora costs less in all" in three_sentences(result, "en")[2]


def test_the_rungs_that_a_climb_left_out_come_next(result_of: Make):
    result = likely(result_of())
    result["break_even"] = []
    for row in result["rungs"]:
        row["more_dev"] = None
        row["status"] = "missed"
    left = len([rung for rung in LADDER if rung.name not in {row["name"] for row in result["rungs"]}])
    assert left > 1
    assert three_sentences(result, "en")[2].endswith(
        f"{left} other rungs of the ladder would be next; type the command without --rungs or --recipe."
    )
    assert f"另外 {left} 个方法" in three_sentences(result, "zh")[2]
    result["rungs"] += [dict(result["rungs"][-1], name=rung.name) for rung in LADDER]
    assert three_sentences(result, "en")[2].endswith("more or better examples or a larger model would be next.")
    assert three_sentences(result | {"target": None}, "en")[2].endswith("no rung of the ladder is left to try.")


def test_an_unopened_test_is_never_called_a_test_figure(result_of: Make):
    spent = result_of(test=None, complete=False, budget={"seconds": None, "spent": 61.0})
    en, zh = three_sentences(spent, "en"), three_sentences(spent, "zh")
    assert en[1].startswith("The budget ended before the sealed test was measured, so all that is known is")
    assert ".913 [.877, .949], n = 240" in en[1]
    assert zh[1].startswith("预算在测完封存测试集之前用完")
    empty = result_of(test=None)
    empty["task"]["n_test"] = 0
    assert three_sentences(empty, "en")[1].startswith("There is no test split")


def test_an_opened_test_with_nothing_to_measure_is_not_called_unopened(result_of: Make):
    result = result_of(test={"value": None, "low": None, "high": None, "n": 40, "opened_at": "2026-03-01T14:05:09"})
    assert three_sentences(result, "en")[1].startswith("The sealed test, opened once, holds nothing to measure, so all")
    assert three_sentences(result, "zh")[1].startswith("封存测试集已打开过一次，其中没有可计量的内容，因此")
    next(row for row in result["rungs"] if row["name"] == "lora")["dev"] |= {"value": None, "low": None, "high": None}
    assert three_sentences(result, "en")[1] == (
        "Nothing is known of how good it would be: neither dev nor the sealed test, opened once, holds anything to measure."
    )
    assert "效果未知：开发集和打开过一次的封存测试集都没有" in three_sentences(result, "zh")[1]


def test_a_better_rung_that_forgets_too_much_is_not_passed_over_in_silence(result_of: Make):
    for target in (None, 0.95):
        result = likely(result_of(target=target))
        assert "worse than the best." in three_sentences(result, "en")[0]
        assert "与最优者无" in three_sentences(result, "zh")[0]
        lora = next(row for row in result["rungs"] if row["name"] == "lora")
        lora |= {"status": "missed", "reason": {"en": "it cannot be chosen: it forgets", "zh": "不能选用：遗忘"}}
        en, zh = three_sentences(result, "en")[0], three_sentences(result, "zh")[0]
        assert "within the limit on forgetting" in en and "worse than the best of them." in en
        assert "遗忘未超限的方法" in zh and "与其中最优者无" in zh


def test_what_was_not_tried_or_failed_is_not_called_tried(result_of: Make):
    result = likely(result_of(break_even=[], complete=False))
    for row in result["rungs"]:
        row |= {"more_dev": None, "status": "missed"}
    result["rungs"][2]["status"] = "not-reached"  # below the chosen one: rungs that race come to a score in any order
    assert three_sentences(result, "en")[2].endswith("the next rung, zero-shot, has not been tried.")
    result["rungs"][2]["status"] = "failed"
    for target in (None, 0.85):
        assert three_sentences(result | {"target": target}, "en")[2].endswith(
            "zero-shot failed, for reasons in the table of rungs: to mend them would be next."
        )
    assert three_sentences(result, "zh")[2].endswith("zero-shot 未能测成，原因见阶梯表：下一步是先解决它们。")


def test_a_test_below_the_target_says_so(result_of: Make):
    result = result_of()
    result["test"] |= {"value": 0.8, "low": 0.74, "high": 0.85}
    assert "which is below the target of .85" in three_sentences(result, "en")[1]
    assert "低于目标 0.85" in three_sentences(result, "zh")[1]


def test_a_test_at_the_target_says_whether_it_confirms_it(result_of: Make):
    result = result_of()
    result["test"] |= {"value": 0.9}
    for confirmed, en, zh in (
        (True, "which confirms the target of .85", "证实达到目标 0.85"),
        (False, "reaches the target of .85, but 300 examples do not confirm it", "仅凭这 300 条还不能证实"),
    ):
        result["test"] |= {"confirmed": confirmed, "n": 300}
        assert en in three_sentences(result, "en")[1]
        assert zh in three_sentences(result, "zh")[1]


def test_a_test_that_confirms_what_dev_could_not_prove_says_both(result_of: Make):
    result = result_of()
    result["test"] |= {"value": 0.9, "confirmed": True}
    assert "could not prove" not in three_sentences(result, "en")[1]
    result["chosen"] |= {"met": False, "verdict": "likely"}
    assert "confirms the target of .85, though dev could not prove it." in three_sentences(result, "en")[1]
    assert "虽然开发集未能证实" in three_sentences(result, "zh")[1]


def test_no_target(result_of: Make):
    assert three_sentences(result_of(target=None), "en")[0].startswith("Use lora/r8: no target was set")
    assert three_sentences(result_of(target=None), "zh")[0].startswith("建议使用 lora/r8：没有设定目标")


def test_a_control_that_wins_says_that_no_language_model_is_needed(result_of: Make):
    result = result_of()
    result["chosen"] |= {"rung": "tfidf", "candidate": "tfidf/C1"}
    en = three_sentences(result, "en")
    assert "It needs no language model." in en[0]
    assert "它不需要语言模型" in three_sentences(result, "zh")[0]
    assert "0 tokens" not in en[2]


def test_costs_that_were_not_measured_are_not_invented(result_of: Make):
    result = result_of()
    row = next(row for row in result["rungs"] if row["name"] == "lora")
    row["cost"] |= {"tokens_per_request": None, "seconds_per_request": None, "flops_per_request": None}
    assert three_sentences(result, "en")[2].startswith(
        "What a request costs was not measured, and it took 1 min 36 s to build"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_chosen(result_of: Make, language: Any):
    result = result_of(chosen=None, test=None, complete=False, rungs=[])
    sentences = three_sentences(result, language)
    assert len(sentences) == 3
    assert ("nothing to recommend" in sentences[0]) or ("暂无可推荐" in sentences[0])


def test_only_a_rung_that_is_as_good_pays_for_itself(result_of: Make):
    """One that costs less in all and misses what the chosen one reaches is no advice."""
    result = likely(result_of())
    for row in result["rungs"]:
        row["more_dev"] = None
    cheaper = {"cheap_to_run": "tfidf", "cheap_to_build": "few-shot-bm25", "requests": 3, "unit": "flops"}
    result["break_even"] = [cheaper, *result["break_even"]]
    assert "beyond about 7,200 requests lora costs less in all" in three_sentences(result, "en")[2]
    lora = next(row for row in result["rungs"] if row["name"] == "lora")
    lora["reason"] = {"en": "it cannot be chosen: it forgets", "zh": "不能选用：遗忘"}
    assert "costs less in all" not in three_sentences(result, "en")[2]
    proven = result_of()
    proven["break_even"] = [cheaper | {"cheap_to_build": "lora"}]
    assert "costs less in all" not in three_sentences(proven, "en")[2]


def test_a_spent_budget_must_grow(result_of: Make):
    spent = result_of(chosen=None, test=None, complete=False, budget={"seconds": 1.0, "spent": 1.1})
    assert "with a larger budget goes on" in three_sentences(spent, "en")[2]
    assert "加大预算后会从这里继续" in three_sentences(spent, "zh")[2]
