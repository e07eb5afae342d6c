"""The look that the pages of all trainings share: one HTML text that opens offline, with curves over the tokens seen.

Words stand in both languages, charts are SVG inside the page and take its colours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import altair as alt
import numpy as np
import vl_convert

from rung.types import digest

POINTS = 400  # of a line: more cannot be told apart at this width
WIDE, SMALL = (760, 240), (180, 84)  # px, of a chart inside its axes: one over the page, one of many beside each other
FONT = "system-ui, 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
Row = Mapping[str, Any]

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
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
figcaption {{ font-size: 14px; color: var(--muted); }}
figcaption b {{ color: var(--ink); font-weight: 600; }}
.many {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 12px 20px; }}
svg {{ max-width: 100%; height: auto; }}
th, td {{ text-align: left; vertical-align: top; padding: 2px 24px 2px 0; font-weight: 400; }}
td {{ color: var(--ink); font-variant-numeric: tabular-nums; }}
</style>
<h1>{title}</h1>
<p>{words}</p>
<table>{facts}</table>
{figures}
</html>
"""


def frame(title: str, words: str, facts: Mapping[str, str], figures: Sequence[str]) -> str:
    """The page as text: a heading, a line under it, figures by their names, and the charts as HTML."""
    rows = "".join(f"<tr><th>{escape(key)}<td>{escape(value)}" for key, value in facts.items())
    return PAGE.format(title=escape(title), words=escape(words), font=FONT, facts=rows, figures="\n".join(figures))


def figure(title: str, words: str, chart: alt.TopLevelMixin) -> str:
    """A heading, a line on what is drawn, and the chart over the width of the page."""
    return f"{heading(title, words)}\n<figure>{draw(title, chart, WIDE)}</figure>"


def small_figure(name: str, words: str, chart: alt.TopLevelMixin | None = None) -> str:
    """One of many charts beside each other (:func:`many`), under its name and a few words; these alone without a chart."""
    drawn = draw(name, chart, SMALL) if chart else ""
    return f"<figure><figcaption><b>{escape(name)}</b> {escape(words)}</figcaption>{drawn}</figure>"


def many(title: str, words: str, figures: Sequence[str]) -> str:
    """A heading, a line on what is drawn, and small figures, as many in a row as the screen has room for."""
    return f'{heading(title, words)}\n<div class="many">{"".join(figures)}</div>'


def heading(title: str, words: str) -> str:
    return f"<h2>{escape(title)}</h2>\n<p>{escape(words)}</p>"


def draw(title: str, chart: alt.TopLevelMixin, size: tuple[int, int]) -> str:
    """The chart as SVG, ``size`` px inside its axes; ``title`` is what it is called where it cannot be seen."""
    text = {"labelColor": "var(--muted)", "titleColor": "var(--muted)", "labelFontSize": 12, "titleFontWeight": 400}
    looks = (
        chart.properties(width=size[0], height=size[1])
        .configure(background="transparent", font=FONT)
        .configure_view(stroke=None)
        .configure_axis(gridColor="var(--line)", domainColor="var(--line)", tickColor="var(--line)", **text)
    )
    drawn = vl_convert.vegalite_to_svg(json.dumps(looks.to_dict()))
    # One page has many drawings: the paths that they clip at need names of their own.
    drawn = re.sub(r'(id="|url\(#)clip', rf"\1c{digest(title)}-", drawn)
    return drawn.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)


def smooth(losses: Sequence[float] | np.ndarray, width: int | None = None) -> np.ndarray:
    """Each loss's mean with those before it, ``width`` in all, else a fiftieth of the run; float64 [losses]."""
    width = width or max(1, len(losses) // 50)
    sums = np.concatenate([[0.0], np.cumsum(losses)])
    ends = np.arange(1, len(losses) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)


def loss_chart(
    tokens: Sequence[int], losses: Sequence[float], means: np.ndarray, *, small: bool = False
) -> alt.LayerChart:
    """Every loss in the background, the mean in front of it; nats over the tokens seen.

    A ``small`` one goes from zero to somewhat above the means: a single loss far off would press the line flat.
    """
    picked = np.unique(np.linspace(0, len(losses) - 1, POINTS).astype(int))
    values = [{"tokens": tokens[i], "each": losses[i], "mean": float(means[i])} for i in picked]
    chart = alt.Chart(alt.Data(values=values))
    scale = alt.Scale(domain=[0, 1.5 * float(means.max())]) if small else alt.Scale(zero=False)
    x, y = tokens_axis(small=small), {"title": None, "scale": scale, "axis": alt.Axis(tickCount=3 if small else 5)}
    back = chart.mark_line(color="var(--muted)", opacity=0.35, strokeWidth=1, clip=small)
    front = chart.mark_line(color="var(--main)", strokeWidth=2.2, point=lone(values), clip=small)
    return back.encode(x=x, y=alt.Y("each:Q", **y)) + front.encode(x=x, y=alt.Y("mean:Q", **y))


def line_chart(rows: Sequence[Row], name: str, form: str = "~s") -> alt.Chart:
    """One figure of the curve's rows, from zero."""
    values = [{"tokens": row["tokens"], name: row[name]} for row in rows]
    y = alt.Y(f"{name}:Q", title=None, scale=alt.Scale(domainMin=0), axis=alt.Axis(format=form, tickCount=5))
    line = alt.Chart(alt.Data(values=values)).mark_line(color="var(--second)", strokeWidth=2.2, point=lone(values))
    return line.encode(x=tokens_axis(), y=y)


def lone(values: Sequence[object]) -> bool:
    """Whether the points must be shown, for there are too few to make a line."""
    return len(values) < 3


def tokens_axis(*, small: bool = False) -> alt.X:
    title, ticks = (None, 3) if small else ("tokens · 词元", 8)
    return alt.X("tokens:Q", title=title, axis=alt.Axis(format="~s", grid=False, tickCount=ticks))
