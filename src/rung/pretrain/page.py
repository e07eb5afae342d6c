"""``OUT/curve.html``: loss, learning rate and speed over the tokens seen, on one page that opens offline.

Read from ``report.json`` and ``curve.jsonl``. Words stand in both languages, charts are SVG inside the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import vl_convert

from rung.folders import write_whole

POINTS = 400  # of a line: more cannot be told apart at this width
FONT = "system-ui, 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
Row = Mapping[str, Any]

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pre-training · 预训练 · {name}</title>
<style>
:root {{ color-scheme: light dark; --paper: #f7f6f2; --ink: #1d2226; --muted: #5b646c; --line: #e2dfd7;
  --main: #0b6e63; --second: #c2570c; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #121517; --ink: #e8e6e1; --muted: #a5adb3; --line: #31373c;
  --main: #4fc3b1; --second: #f0a35e; }} }}
body {{ max-width: 900px; margin: 0 auto; padding: 32px 20px 64px; background: var(--paper); color: var(--ink);
  font: 16px/1.6 {font}; }}
h1 {{ font-size: 28px; margin: 0 0 4px; }}
h2 {{ font-size: 18px; margin: 36px 0 4px; }}
p, th, td {{ color: var(--muted); }}
figure {{ margin: 8px 0 0; }}
svg {{ max-width: 100%; height: auto; }}
th, td {{ text-align: left; padding: 2px 24px 2px 0; font-weight: 400; }}
td {{ color: var(--ink); font-variant-numeric: tabular-nums; }}
</style>
<h1>Pre-training · 预训练 · {name}</h1>
<p>{parameters:,} parameters · 参数</p>
<table>{facts}</table>
{figures}
</html>
"""


def write_page(out: Path) -> Path:
    """Write ``out/curve.html`` from what a finished pre-training left there, and return its path."""
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    lines = (out / "curve.jsonl").read_text(encoding="utf-8").splitlines() if (out / "curve.jsonl").exists() else []
    path = out / "curve.html"
    write_whole(path, page(out.resolve().name, report, [json.loads(line) for line in lines]))
    return path


def page(name: str, report: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The page as text."""
    facts = "".join(f"<tr><th>{escape(key)}<td>{escape(value)}" for key, value in facts_of(report).items())
    parts = [figure("Loss · 损失", "nats per token; the line is the mean of a fiftieth of the run · 每词元纳特，线为均值",
                    loss_chart(report["losses"], report["recipe"]["batch"]))]  # fmt: skip
    timed = [row for row in rows if "tokens_per_second" in row]  # not before the second step, nor in older runs
    if timed:
        parts.append(figure("Speed · 速度", "tokens a second · 每秒词元", line_chart(timed, "tokens_per_second")))
        words = "share of the machine's measured matrix products · 占实测矩阵乘算力的比例"
        parts.append(figure("Use of the machine · 机器利用率", words, line_chart(timed, "share", form=".0%")))
    if rows:
        words = "share of the peak · 占峰值的比例"
        parts.append(figure("Learning rate · 学习率", words, line_chart(rows, "scale")))
    return PAGE.format(
        name=escape(name), font=FONT, parameters=report["parameters"], facts=facts, figures="\n".join(parts)
    )


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


def smooth(losses: Sequence[float]) -> np.ndarray:
    """Each step's mean over the fiftieth of the run that ends there."""
    width = max(1, len(losses) // 50)
    sums = np.concatenate([[0.0], np.cumsum(losses)])
    ends = np.arange(1, len(losses) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)


def loss_chart(losses: Sequence[float], batch: int) -> alt.LayerChart:
    """Every step's loss in the background, the mean in front of it."""
    picked = np.unique(np.linspace(0, len(losses) - 1, POINTS).astype(int))
    means = smooth(losses)
    values = [{"tokens": int(i + 1) * batch, "each": losses[i], "mean": float(means[i])} for i in picked]
    chart = alt.Chart(alt.Data(values=values))
    x = tokens_axis()
    y = {"title": None, "scale": alt.Scale(zero=False)}
    back = chart.mark_line(color="var(--muted)", opacity=0.35, strokeWidth=1).encode(x=x, y=alt.Y("each:Q", **y))
    return back + chart.mark_line(color="var(--main)", strokeWidth=2.2).encode(x=x, y=alt.Y("mean:Q", **y))


def line_chart(rows: Sequence[Row], name: str, form: str = "~s") -> alt.Chart:
    """One figure of the curve's rows, from zero."""
    values = [{"tokens": row["tokens"], name: row[name]} for row in rows]
    y = alt.Y(f"{name}:Q", title=None, scale=alt.Scale(domainMin=0), axis=alt.Axis(format=form, tickCount=5))
    line = alt.Chart(alt.Data(values=values)).mark_line(color="var(--second)", strokeWidth=2.2, point=len(rows) < 3)
    return line.encode(x=tokens_axis(), y=y)


def tokens_axis() -> alt.X:
    return alt.X("tokens:Q", title="tokens · 词元", axis=alt.Axis(format="~s", grid=False, tickCount=8))


def figure(title: str, words: str, chart: alt.TopLevelMixin) -> str:
    """A heading, a line on what is drawn, and the chart as SVG that takes the page's colours."""
    text = {"labelColor": "var(--muted)", "titleColor": "var(--muted)", "labelFontSize": 12, "titleFontWeight": 400}
    looks = (
        chart.properties(width=760, height=240)
        .configure(background="transparent", font=FONT)
        .configure_view(stroke=None)
        .configure_axis(gridColor="var(--line)", domainColor="var(--line)", tickColor="var(--line)", **text)
    )
    drawn = vl_convert.vegalite_to_svg(json.dumps(looks.to_dict()))
    drawn = drawn.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)
    return f"<h2>{escape(title)}</h2>\n<p>{escape(words)}</p>\n<figure>{drawn}</figure>"
