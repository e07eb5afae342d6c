"""``OUT/curve.html`` of a pre-training: loss, learning rate and speed over the tokens seen.

Read from ``report.json`` and ``curve.jsonl``; curves.py has the look.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.folders import write_whole
from rung.pretrain.curves import Row, figure, frame, line_chart, loss_chart, smooth
from rung.pretrain.record import rows_of

RATE = ("Learning rate · 学习率", "share of the peak · 占峰值的比例")


def write_page(out: Path) -> Path:
    """Write ``out/curve.html`` from what a finished pre-training left there, and return its path."""
    return write_curve(out, page)


def write_curve(out: Path, page: Callable[[str, Mapping[str, Any], Sequence[Row]], str]) -> Path:
    """Write ``out/curve.html``: what ``page`` makes of the folder's name, its report and its curve's rows."""
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    path = out / "curve.html"
    write_whole(path, page(out.resolve().name, report, rows_of(out / "curve.jsonl")))
    return path


def page(name: str, report: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The page as text."""
    losses, batch = report["losses"], report["recipe"]["batch"]
    seen = [(i + 1) * batch for i in range(len(losses))]
    parts = [figure("Loss · 损失", "nats per token; the line is the mean of a fiftieth of the run · 每词元纳特，线为均值",
                    loss_chart(seen, losses, smooth(losses)))]  # fmt: skip
    timed = [row for row in rows if "tokens_per_second" in row]  # not before the second step, nor in older runs
    if timed:
        parts.append(figure("Speed · 速度", "tokens a second · 每秒词元", line_chart(timed, "tokens_per_second")))
        words = "share of the machine's measured matrix products · 占实测矩阵乘算力的比例"
        parts.append(figure("Use of the machine · 机器利用率", words, line_chart(timed, "share", form=".0%")))
    if rows:
        parts.append(figure(*RATE, line_chart(rows, "scale", form=".0%")))
    parameters = f"{report['parameters']:,} parameters · 参数"
    return frame(f"Pre-training · 预训练 · {name}", parameters, facts_of(report), parts)


def facts_of(report: Mapping[str, Any]) -> dict[str, str]:
    """The figures above the charts, by their names."""
    tokens, losses, speed = report["steps"] * report["recipe"]["batch"], report["losses"], report["speed"]
    return {
        "tokens seen · 词元": f"{tokens:,}",
        "time · 用时": f"{report['seconds']:,.0f} s",
        "speed · 速度": f"{speed['tokens_per_second']:,.0f} tokens/s",
        "operations · 计算量": f"{speed['flops']:.2e} FLOP",
        "ceiling · 上限": f"{speed['ceiling'] / 1e9:,.0f} GFLOP/s, {report['recipe']['precision']}",
        "share of it · 占比": f"{100 * speed['share']:.0f} %",
        "loss at the end · 末段损失": f"{smooth(losses)[-1]:.3f}",
    }
