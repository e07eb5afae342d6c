"""``OUT/curve.html`` of a stage of lessons: the losses of text, of all lessons and of each family over the tokens seen.

Read from ``report.json`` and ``curve.jsonl``; the look is that of a pre-training's page (pretrain/curves.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np

from rung.pretrain.curves import Row, figure, frame, line_chart, loss_chart, many, small_figure, smooth
from rung.pretrain.page import RATE, write_curve

ECHOES = ("echo", "records")  # the sources that rows of echoes go by
FEW = 5  # points behind a line at least: a point of a rarely drawn family may be a single lesson
Points = tuple[list[int], list[float]]  # tokens seen, and nats per learned token there: one each

TEXT = ("Plain text · 普通文本", "nats per token · 每词元纳特")
LESSONS = (
    "Lessons · 练习",
    "nats per learned token, families weighted by their shares · 每个计入损失的词元的纳特数，各类练习按占比加权",
)
FAMILIES = (
    "Families · 各类练习",
    "nats per learned token; what leaves a frame is cut off. Beside a name: where its line ends, its share of the lessons, and, where not "
    "every point has it, how many do · 每个计入损失的词元的纳特数，超出图框的部分不画。名称旁：线末端的值、占练习的比例；并非每个点都抽到的，另写有几个点抽到",
)
TIME = ("Time · 用时", "seconds so far · 累计秒数")


def write_page(out: Path) -> Path:
    """Write ``out/curve.html`` from what a finished stage left there, and return its path."""
    return write_curve(out, page)


def page(name: str, report: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The page as text. ``rows`` are the curve's; a family that no lesson was drawn of meanwhile is not in a row."""
    shares = report["shares"]
    text, lessons = points(rows, "text"), lesson_points(rows, shares)
    parts = [figure(*words, mean_chart(found)) for words, found in ((TEXT, text), (LESSONS, lessons)) if found[0]]
    if rows:
        parts += [
            many(*FAMILIES, panels(rows, shares)),
            figure(*steps_words(report["settings"]), mean_chart(points(rows, "loss"))),
            figure(*RATE, line_chart(rows, "scale", form=".0%")),
            figure(*TIME, line_chart(rows, "seconds")),
        ]
    return frame(
        f"Lessons · 练习 · {name}", opening(report["steps"], bool(rows)), facts_of(report, text, lessons), parts
    )


def opening(steps: int, curve: bool) -> str:
    """The line under the heading: how many steps, and what the lines are."""
    if not curve:
        return f"{steps:,} steps: too few for a curve · {steps:,} 步：太少，没有曲线"
    return (
        f"{steps:,} steps; each line is the mean of a twentieth of its points, and of {FEW} at least "
        f"· {steps:,} 步；每条线是其二十分之一的点（至少 {FEW} 个）的均值"
    )


def points(rows: Sequence[Row], name: str) -> Points:
    """The points of the rows that have that figure."""
    found = [(row["tokens"], row[name]) for row in rows if name in row]
    return [seen for seen, _ in found], [loss for _, loss in found]


def lesson_points(rows: Sequence[Row], shares: Mapping[str, float]) -> Points:
    """Each row's mean over the families that it has, weighted by their shares; rows without any are left out."""
    seen, losses = [], []
    for row in rows:
        drawn = {name: share for name, share in shares.items() if name in row and share}
        if drawn:
            seen.append(row["tokens"])
            losses.append(sum(share * row[name] for name, share in drawn.items()) / sum(drawn.values()))
    return seen, losses


def mean_chart(found: Points) -> alt.LayerChart:
    """The wide chart of these points."""
    tokens, losses = found
    return loss_chart(tokens, losses, means_of(losses))


def means_of(losses: Sequence[float]) -> np.ndarray:
    """Each loss's mean with the few before it; a line through a rarely drawn family's reaches over as many points, further back."""
    return smooth(losses, max(FEW, len(losses) // 20))


def panels(rows: Sequence[Row], shares: Mapping[str, float]) -> list[str]:
    """A small figure for each family, in the order of ``shares``, and for echoes; one that was never drawn says so."""
    whole = sum(shares.values())
    named = {name: f"{100 * share / whole:.1f} %" for name, share in shares.items()} | dict.fromkeys(
        ECHOES, "echoes · 回声"
    )
    return [
        panel(name, words, points(rows, name), len(rows))
        for name, words in named.items()
        if name in shares or points(rows, name)[0]
    ]


def panel(name: str, words: str, found: Points, count: int) -> str:
    """A family's figure: ``found`` of ``count`` points have it."""
    tokens, losses = found
    if not losses:
        return small_figure(name, f"{words}, never drawn · 从未抽到")
    means = means_of(losses)
    drawn = f" · {len(losses)}/{count}" if len(losses) < count else ""
    return small_figure(name, f"{means[-1]:.2f} · {words}{drawn}", loss_chart(tokens, losses, means, small=True))


def steps_words(settings: Mapping[str, Any]) -> tuple[str, str]:
    """The heading of what the steps minimise, and how tokens count in it."""
    text, label = settings["weight"], settings["label"]
    return (
        "Loss of the steps · 每步的损失",
        f"what is minimised, of single steps: text counts {text:g}, an answer 1, a label {label:g} "
        f"· 优化的目标，取自单独的步：文本权重 {text:g}，答案 1，标签 {label:g}",
    )


def facts_of(report: Mapping[str, Any], text: Points, lessons: Points) -> dict[str, str]:
    """The figures above the charts, by their names."""
    ends = {"text at the end · 文本末段损失": text[1], "lessons at the end · 练习末段损失": lessons[1]}
    return {
        "tokens seen · 词元": f"{report['tokens']:,}",
        "time · 用时": f"{report['seconds']:,} s",
        "machine · 机器": report["hardware"],
        "of a step, text · 每步文本": f"{100 * report['text']:.0f} %",
        "of a step, echoes · 每步回声": f"{100 * report['echo']:.0f} %",
        "peak learning rate · 学习率峰值": f"{report['rate']:g}, {report['schedule']}",
        **{name: f"{means_of(losses)[-1]:.3f}" for name, losses in ends.items() if losses},
    }
