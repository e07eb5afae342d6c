"""The answer of a climb in three sentences: what to use, how good it is, what it costs and what would be next.

The terminal and the page say the same, because both take it from here. Nothing is claimed that ``result.json`` does not
hold: no test figure without an opened seal, no "reaches the target" without a proof, no cost that was not measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rung.ladder import LADDER
from rung.report.figures import Figures
from rung.report.text import METRICS, amid_chinese, term
from rung.types import Language, Naming, Way, told, typed

Row = Mapping[str, Any]
ALL_RUNGS = (Way("rungs", out=True), Way("recipe", out=True))
LARGER = (Way("budget", any=("MORE", "更大的预算")),)
CONTROLS = {rung.name for rung in LADDER if not rung.model}


def three_sentences(result: Mapping[str, Any], language: Language, named: Naming = typed) -> list[str]:
    """What to use; how good it is, on the sealed test where that was opened; what it costs and what would be next.

    ``named``: how the door where they are read names a setting that would be changed next.
    """
    return [_what(result, language), _how_good(result, language), _cost_and_next(result, language, named)]


def rung_row(result: Mapping[str, Any], name: str) -> Row:
    """The row of ``result["rungs"]`` with that name."""
    return next(row for row in result["rungs"] if row["name"] == name)


def _say(language: Language, en: str, zh: str) -> str:
    return zh if language == "zh" else en


def _what(result: Mapping[str, Any], language: Language) -> str:
    chosen, target = result["chosen"], result["target"]
    if chosen is None:
        return _nothing(result, language)
    name, figures = chosen["candidate"], Figures(language)
    limited = barred(result)
    limit, limit_zh = (" within the limit on forgetting", "遗忘未超限的") if limited else ("", "")
    best, best_zh = ("the best of them", "其中最优者") if limited else ("the best", "最优者")
    if target is None:
        among, among_zh = (f"of the rungs{limit} ", f"在{limit_zh}方法中，") if limited else ("", "")
        advice = (
            f"Use {name}: no target was set, and {among}this is the cheapest that is not clearly worse than {best}.",
            f"建议使用 {name}：没有设定目标，{among_zh}它是与{best_zh}无显著差距的方法中最便宜的。",
        )
    elif chosen["met"]:
        goal = figures.target(target)
        advice = (
            f"Use {name}: it is the cheapest rung{limit} whose score is proven to reach your target of {goal}.",
            f"建议使用 {name}：它是经证实达到目标 {goal} 的{limit_zh}方法中最便宜的。",
        )
    else:
        goal = figures.target(target)
        advice = (
            f"No rung{limit} is proven to reach your target of {goal}; "
            f"use {name}, the cheapest that is not clearly worse than {best}.",
            f"没有{limit_zh}方法被证实达到目标 {goal}；建议先用 {name}，它是与{best_zh}无显著差距的方法中最便宜的。",
        )
    no_model = (" It needs no language model.", "它不需要语言模型。") if chosen["rung"] in CONTROLS else ("", "")
    ahead = _ahead(chosen.get("ahead"), figures)
    return _say(language, advice[0] + no_model[0] + ahead[0], advice[1] + no_model[1] + ahead[1])


def _ahead(best: Mapping[str, Any] | None, figures: Figures) -> tuple[str, str]:
    """By how much the best of dev is ahead of what was taken in its place; nothing where the best itself was."""
    if best is None:
        return "", ""
    by, n = figures.interval(best), figures.count(best["n"])
    return (
        f" On dev {best['rung']} is ahead by {by}, which {n} examples do not tell from chance.",
        f"开发集上 {best['rung']} 领先 {by}，但 {n} 条样本还不足以排除偶然。",
    )


def barred(result: Mapping[str, Any]) -> bool:
    """Whether a rung was measured and yet could not be chosen: it has forgotten too much."""
    return any(row["dev"] and row["reason"] for row in result["rungs"])


def _nothing(result: Mapping[str, Any], language: Language) -> str:
    if not any(row["dev"] for row in result["rungs"]):
        return _say(language, "There is nothing to recommend: no rung was measured.", "暂无可推荐：没有任何方法测完。")
    if not result["complete"]:
        return _say(
            language,
            "There is nothing to recommend yet: the climb has not come to its end.",
            "暂无可推荐：攀登还没有结束。",
        )
    return _say(language, "There is nothing to recommend: no rung could be chosen.", "暂无可推荐：没有能选出的方法。")


def _how_good(result: Mapping[str, Any], language: Language) -> str:
    figures, metric = Figures(language), term(METRICS, result["task"]["metric"], language)
    chosen, test = result["chosen"], result["test"]
    dev = rung_row(result, chosen["rung"])["dev"] if chosen else None
    if test and test["value"] is not None:
        percent = f"{100 * result['confidence']:.3g}"
        warning = _test_against_target(result, language)
        return _say(
            language,
            f"On the sealed test, opened once, its {metric} is {figures.with_n(test)} ({percent}% interval){warning}.",
            f"在只打开一次的封存测试集上，其{amid_chinese(metric)}为 {figures.with_n(test)}（{percent}% 区间）{warning}。",
        )
    if dev is None or dev["value"] is None:
        why = ("the sealed test was not opened", "封存测试集没有打开")
        if test:
            why = (
                "neither dev nor the sealed test, opened once, holds anything to measure",
                "开发集和打开过一次的封存测试集都没有可计量的内容",
            )
        return _say(language, f"Nothing is known of how good it would be: {why[0]}.", f"效果未知：{why[1]}。")
    why_en, why_zh = _why_sealed(result)
    return _say(
        language,
        f"{why_en}, so all that is known is its {metric} on dev, {figures.with_n(dev)}, "
        "which flatters what was chosen by it.",
        f"{why_zh}，因此只知道它在开发集上的{amid_chinese(metric).rstrip()}：{figures.with_n(dev)}；它正是据此选出的，这个数偏乐观。",
    )


def _test_against_target(result: Mapping[str, Any], language: Language) -> str:
    """A clause on what the test score says of the target, by itself; nothing without one."""
    target, test = result["target"], result["test"]
    if target is None:
        return ""
    goal = Figures(language).target(target)
    if test["value"] < target:
        return _say(language, f", which is below the target of {goal}", f"，低于目标 {goal}")
    if "confirmed" not in test:  # a run of before it was asked
        return ""
    if test["confirmed"]:
        though = ("", "") if result["chosen"]["met"] else (", though dev could not prove it", "，虽然开发集未能证实")
        return _say(
            language, f", which confirms the target of {goal}{though[0]}", f"，证实达到目标 {goal}{though[1]}"
        )  # fmt: skip
    n = Figures(language).count(test["n"])
    return _say(
        language, f", which reaches the target of {goal}, but {n} examples do not confirm it by themselves",
        f"，达到目标 {goal}，但仅凭这 {n} 条还不能证实",
    )  # fmt: skip


def _why_sealed(result: Mapping[str, Any]) -> tuple[str, str]:
    if result["task"]["n_test"] == 0:
        return "There is no test split", "没有测试集"
    if failed := (result["test"] or {}).get("failed"):
        return (
            f"The sealed test was opened and could not be answered ({failed['en']})",
            f"封存测试集打开了，却无法作答（{failed['zh']}）",
        )
    if result["test"] is not None:  # no target and no answer there holds anything to count
        return "The sealed test, opened once, holds nothing to measure", "封存测试集已打开过一次，其中没有可计量的内容"
    if budget_spent(result):
        return "The budget ended before the sealed test was measured", "预算在测完封存测试集之前用完"
    return "The sealed test was not opened", "封存测试集没有打开"


def budget_spent(result: Mapping[str, Any]) -> bool:
    """Whether the budget was used up; one in tokens or money shows only in a climb that is not complete."""
    budget = result["budget"]
    if budget is None:
        return False
    return not result["complete"] or bool(budget["seconds"] and budget["spent"] >= budget["seconds"])


def _cost_and_next(result: Mapping[str, Any], language: Language, named: Naming) -> str:
    if result["chosen"] is None:
        return _continue(result, language, named)
    en, zh = _next(result, named)
    cost = _cost(
        rung_row(result, result["chosen"]["rung"])["cost"], language, currency_of(result), bool(result.get("endpoint"))
    )
    return _say(language, f"{cost}; {en}.", f"{cost}；{zh}。")


def currency_of(result: Mapping[str, Any]) -> str:
    """Of an endpoint's price; "" where there is none."""
    price = (result.get("endpoint") or {}).get("price")
    return price["currency"] if price else ""


def spent_there(endpoint: Mapping[str, Any], language: Language) -> str:
    """Calls, tokens and money of all sessions; attempts that broke off apart."""
    figures, price = Figures(language), endpoint["price"]
    calls, read, wrote = (figures.count(endpoint[key]) for key in ("calls", "tokens_in", "tokens_out"))
    said = _say(
        language, f"{calls} answers, {read} tokens in, {wrote} out", f"{calls} 次应答，输入 {read}、输出 {wrote} 词元"
    )
    if endpoint["lost_calls"]:
        lost = figures.count(endpoint["lost_calls"])
        said += _say(
            language,
            f"; {lost} attempts broke off and may have been billed (at most {figures.count(endpoint['lost_tokens'])} tokens)",
            f"；{lost} 次尝试中断，可能已计费（至多 {figures.count(endpoint['lost_tokens'])} 词元）",
        )
    if price is None:
        return said + _say(language, "; no price is known", "；价格未知")
    paid = figures.money(endpoint["money"], price["currency"])
    return said + _say(language, f"; at most {paid}", f"；至多 {paid}")


def _cost(cost: Row, language: Language, currency: str = "", endpoint: bool = False) -> str:
    figures, join = Figures(language), _say(language, ", ", "、")
    request = [
        _say(
            language,
            f"{figures.tokens(cost['tokens_per_request'])} tokens",
            f"{figures.tokens(cost['tokens_per_request'])} 词元",
        )
        if cost["tokens_per_request"]
        else "",
        figures.seconds(cost["seconds_per_request"]) if cost["seconds_per_request"] is not None else "",
        figures.flops(cost["flops_per_request"]) if cost["flops_per_request"] else "",
        _say(
            language,
            f"{figures.money(1000 * cost['money_per_request'], currency)} for 1,000",
            f"每千次 {figures.money(1000 * cost['money_per_request'], currency)}",
        )
        if cost.get("money_per_request")
        else "",
    ]
    paid = join.join(part for part in request if part)
    built = figures.seconds(cost["build_seconds"])
    per = _say(language, f"A request costs {paid}", f"每次请求约需 {paid}")
    if not paid:
        per = _say(language, "What a request costs was not measured", "每次请求的开销没有测")
    built_part = (
        _say(language, f", and it took {built} to build", f"，构建用时 {built}") if cost["build_seconds"] else ""
    )
    if built_part and endpoint:  # requests that were under way at once are added up
        built_part = _say(
            language, f", and the requests of its search took {built} in all", f"，搜索的各次请求合计用时 {built}"
        )
    if not built_part:
        built_part = _say(language, " and there is nothing to build", "，无需构建")
    return per + built_part


def _next(result: Mapping[str, Any], named: Naming) -> tuple[str, str]:
    """What would be next, in both languages: more examples, many requests, a higher rung, or nothing."""
    chosen = result["chosen"]
    row = rung_row(result, chosen["rung"])
    if chosen["verdict"] == "likely" and row["more_dev"]:
        more_en, more_zh = (Figures(at).count(row["more_dev"]) for at in ("en", "zh"))
        return (
            f"about {more_en} more dev examples would settle whether it reaches the target",
            f"再有约 {more_zh} 条开发样本，就能判定它是否达到目标",
        )
    paying = [
        b for b in result["break_even"] if b["cheap_to_build"] == chosen["rung"] and _as_good(result, b["cheap_to_run"])
    ]
    crossing = min(paying, key=lambda b: b["requests"], default=None)
    if crossing:
        n_en, n_zh = (Figures(at).count(rounded(crossing["requests"])) for at in ("en", "zh"))
        other = crossing["cheap_to_run"]
        return (
            f"beyond about {n_en} requests {other} costs less in all",
            f"请求超过约 {n_zh} 次后，{other} 的总开销更低",
        )
    return _next_rung(result, named)


def _as_good(result: Mapping[str, Any], name: str) -> bool:
    """Whether a rung could stand in for the chosen one: proven as it is, or else with no lower score; and not barred."""
    row, chosen = rung_row(result, name), result["chosen"]
    if row["reason"] or not row["dev"] or row["dev"]["value"] is None:
        return False
    if chosen["met"]:
        return bool(row["status"] == "proven")
    return bool(row["dev"]["value"] >= (rung_row(result, chosen["rung"])["dev"]["value"] or 0.0))


def _next_rung(result: Mapping[str, Any], named: Naming) -> tuple[str, str]:
    # Below the chosen one too: of rungs that raced, some may not have come to a score when the budget ended.
    waiting = next((row["name"] for row in result["rungs"] if row["status"] == "not-reached"), None)
    if waiting and result["chosen"]["met"]:
        return f"the next rung, {waiting}, was not needed", f"下一个方法 {waiting} 用不上"
    if waiting:
        return f"the next rung, {waiting}, has not been tried", f"下一个方法 {waiting} 还没有试"
    if result["chosen"]["met"]:
        return "no rung above it is left to try in this climb", "本次攀登中其上没有未试的方法"
    if failed := [row["name"] for row in result["rungs"] if row["status"] == "failed"]:
        return (
            f"{' and '.join(failed)} failed, for reasons in the table of rungs: to mend them would be next",
            f"{'、'.join(failed)} 未能测成，原因见阶梯表：下一步是先解决它们",
        )
    if n := len(left_out(result)):
        s = "s" if n > 1 else ""
        return (
            told(f"{n} other rung{s} of the ladder would be next", ALL_RUNGS, "en", named),
            told(f"下一步可试阶梯上另外 {n} 个方法", ALL_RUNGS, "zh", named),
        )
    if result["target"] is None:
        return "no rung of the ladder is left to try", "阶梯上没有未试的方法"
    return (
        "every rung that fits was tried, so more or better examples or a larger model would be next",
        "适用的方法都试过了，下一步是补充、改善样本，或换更大的模型",
    )


def left_out(result: Mapping[str, Any]) -> list[str]:
    """The rungs of the ladder that were not asked for, though they are for tasks of this kind and for this model."""
    task, names = result["task"], {row["name"] for row in result["rungs"]}
    return [
        rung.name
        for rung in LADDER
        if rung.name not in names
        and task["kind"] in rung.kinds
        and task["n_train"] >= rung.needs
        and not (rung.weights and result.get("endpoint"))
    ]


def _continue(result: Mapping[str, Any], language: Language, named: Naming) -> str:
    if result["complete"]:
        return _say(
            language,
            "The reasons are in the table of rungs; mend them and climb again.",
            "原因见阶梯表；处理后请重新攀登。",
        )
    return _say(
        language,
        told(
            "The same climb with a larger budget goes on from here and repeats nothing that was measured",
            LARGER,
            "en",
            named,
        )
        + ".",
        told("同一次攀登加大预算后会从这里继续，不重复已测过的部分", LARGER, "zh", named) + "。",
    )


def rounded(requests: float) -> float:
    """A break-even count to two leading digits: its inputs are measured, not exact."""
    return float(f"{requests:.2g}")
