"""Two runs or more beside each other: whether they are one task, their figures, and the paired difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from rung.evaluate import Marked, paired_difference
from rung.evaluate import paired as counts
from rung.pages.home import chosen_on_dev
from rung.pages.runs import Run, find_run
from rung.pages.view import language_of, page
from rung.report.figures import DASH, Figures
from rung.report.pairs import sheet
from rung.report.sentences import rung_row
from rung.report.text import KINDS, METRICS, SPLITS, STATUS, amid_chinese, term
from rung.task.metrics import METRICS as MEASURES
from rung.types import Language, Sealed, Task

router = APIRouter()
MOST = 6
Rows = list[tuple[str, list[Any]]]


@router.get("/compare")
def compare(request: Request, run: Annotated[list[str] | None, Query()] = None) -> Response:
    language = language_of(request)
    names = list(dict.fromkeys(run or []))[:MOST]
    found = [find_run(request.app.state.settings.runs, name) for name in names]
    found = [one for one in found if one.result is not None]
    values: dict[str, Any] = {"runs": found}
    if len(found) > 1:
        values |= {
            "same": one_task([one.finished() for one in found], language),
            "pairs": [paired(one, two, language) for one, two in combinations(found, 2)],
            "lines": lines([one.finished() for one in found], language),
            "rungs": rung_lines([one.finished() for one in found], language),
        }
    return page(request, "compare.html.j2", **values)


def one_task(results: Sequence[Mapping[str, Any]], language: Language) -> str:
    """Whether the runs may be held against each other at all, in a sentence."""
    zh = language == "zh"
    if len({r["task"]["metric"] for r in results}) > 1:
        return (
            "不是同一任务，指标也不同：这些得分不可相互比较。"
            if zh
            else "No: they are judged by different metrics, so that their scores must not be held against each other."
        )
    if len({r["task"]["fingerprint"] for r in results}) > 1:
        return (
            "数据不同：得分来自不同的样本，只有在共同的样本上才能比较。"
            if zh
            else "Not the same data: scores are of other examples, and only those in common can be compared."
        )
    return "是：数据与切分完全相同。" if zh else "Yes: the same examples in the same splits."


def paired(one: Run, two: Run, language: Language) -> str:
    """The difference of the chosen adaptations on the examples that both runs answered: on test, else on dev."""
    zh, figures = language == "zh", Figures(language)
    name = f"{one.name} / {two.name}"
    a, b = one.finished(), two.finished()
    if not (a["chosen"] and b["chosen"]) or a["task"]["metric"] != b["task"]["metric"]:
        return f"{name}：没有可成对比较的。" if zh else f"{name}: nothing to pair."
    for split in ("test", "dev") if a["test"] and b["test"] else ("dev",):
        marks = common(one, two, split)
        if marks is None:
            continue
        gap, low, high = paired_difference(*counts(*marks), MEASURES[a["task"]["metric"]].combine)
        if marks[0].outputs == marks[1].outputs:
            return f"{name}：两者的回答完全相同。" if zh else f"{name}: the two give the same answers."
        n, clear = figures.count(len(marks[0].examples)), low > 0 or high < 0
        where, metric = term(SPLITS, split, language), term(METRICS, a["task"]["metric"], language)
        span = f"{gap:+.3f} [{low:+.3f}, {high:+.3f}]"
        if zh:
            caveat = "；两者都是据开发集选出的，此数偏乐观" if split == "dev" else ""
            verdict = "差异显著" if clear else "看不出差异"
            return f"{name}：在{where}共同的 {n} 条上，{amid_chinese(metric).lstrip()}相差 {span}（95% 区间），{verdict}{caveat}。"
        caveat = "; both were chosen by dev, which flatters them" if split == "dev" else ""
        verdict = "a clear difference" if clear else "no clear difference"
        return (
            f"{name}: on the {n} examples of the {where.lower()} in common, {metric} differs by {span} "
            f"(95% interval): {verdict}{caveat}."
        )
    return f"{name}：没有共同的样本。" if zh else f"{name}: they have no examples in common."


def common(one: Run, two: Run, split: str) -> tuple[Marked, Marked] | None:
    """Both chosen adaptations' answers on the examples that stand in both runs with the same target; None without any."""
    sheets = [sheet(run.folder, run.finished(), split) for run in (one, two)]
    given = [s.answers.get(run.finished()["chosen"]["rung"], {}) for s, run in zip(sheets, (one, two), strict=True)]
    targets = {e.id: e.target for e in sheets[1].examples}
    shared = [e for e in sheets[0].examples if targets.get(e.id) == e.target and all(e.id in g for g in given)]
    if not shared:
        return None
    told = one.finished()["task"]
    labels = tuple(sorted({*told["labels"], *two.finished()["task"]["labels"]}))
    task = Task(told["name"], told["kind"], told["metric"], told["language"], (), (), Sealed(()), labels)
    first, second = (Marked(task, tuple(shared), tuple(g[e.id].prediction for e in shared)) for g in given)
    return first, second


def lines(results: Sequence[Mapping[str, Any]], language: Language) -> Rows:
    """(what, a cell for each run)."""
    f, zh = Figures(language), language == "zh"
    cost = [rung_row(r, r["chosen"]["rung"])["cost"] if r["chosen"] else None for r in results]

    def row(en: str, chinese: str, cells: Sequence[str]) -> tuple[str, list[Any]]:
        return (chinese if zh else en), list(cells)

    def chosen(key: str) -> list[str]:
        return [r["chosen"][key] if r["chosen"] else DASH for r in results]

    return [
        row("Task", "任务", [f"{r['task']['name']} ({term(KINDS, r['task']['kind'], language)})" for r in results]),
        row("Metric", "指标", [term(METRICS, r["task"]["metric"], language) for r in results]),
        row("Target", "目标", [DASH if r["target"] is None else f.target(r["target"]) for r in results]),
        row("Model", "模型", [r["model"]["name"] for r in results]),
        row("Choice", "选用", chosen("candidate")),
        row("Verdict", "判定", [term(STATUS, verdict, language) for verdict in chosen("verdict")]),
        row("Dev", "开发集", [f.with_n(chosen_on_dev(r)) for r in results]),
        row("Sealed test", "封存测试集", [f.with_n(r["test"]) for r in results]),
        row("FLOPs per request", "每次请求的 FLOPs", [f.flops(c and c["flops_per_request"]) for c in cost]),
        row("Seconds per request", "每次请求用时", [f.seconds(c and c["seconds_per_request"]) for c in cost]),
        row("To build", "构建用时", [f.seconds(c and c["build_seconds"]) for c in cost]),
        row("To keep", "存储", [f.bytes(c and c["bytes"]) for c in cost]),
        row("The climb took", "攀登用时", [f.seconds(r["seconds"]) for r in results]),
    ]


def rung_lines(results: Sequence[Mapping[str, Any]], language: Language) -> Rows:
    """(rung, {score, chosen} for each run), in the order of the ladder."""
    f = Figures(language)
    names = list(dict.fromkeys(row["name"] for r in results for row in r["rungs"]))
    rows = [{row["name"]: row for row in r["rungs"]} for r in results]
    return [
        (
            name,
            [
                {
                    "score": f.interval(known[name]["dev"]) if name in known else DASH,
                    "chosen": bool(r["chosen"]) and r["chosen"]["rung"] == name,
                }
                for r, known in zip(results, rows, strict=True)
            ],
        )
        for name in names
    ]
