"""One look for all charts: fonts, colours as CSS variables, and SVG that may stand inside a page.

A chart is drawn twice, for a desk and for a telephone: one SVG scaled down to 340 px would have letters of 5 px. The
colours are the page's own CSS variables, so that dark mode needs no second drawing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

import altair as alt
import vl_convert

from rung.types import digest

FONT = "system-ui, 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
INK, MUTED, LINE, ACCENT, SECOND, PAPER = (
    f"var(--{name})" for name in ("ink", "muted", "line", "accent", "second", "card")
)
SAID = "said: "  # marks of a description that is kept, as ``data-tip``, for pages that show it
# Six hues that keep apart in light and in dark; the page defines --c1 .. --c6.
SERIES = tuple(f"var(--c{i})" for i in range(1, 7))


@dataclass(frozen=True)
class Size:
    """Width and height of the plot inside its axes, in px."""

    name: str
    width: int
    height: int


WIDE, NARROW = Size("wide", 800, 340), Size("narrow", 258, 280)


@dataclass(frozen=True)
class Figure:
    """A chart as two SVG texts, and the same in words for those who cannot see it."""

    wide: str
    narrow: str
    alt: str


def draw(build: Callable[[Size], alt.TopLevelMixin], words: str) -> Figure:
    """Draw ``build`` at both widths; ``words`` becomes the text alternative of each SVG."""
    return Figure(_svg(build(WIDE), WIDE, words), _svg(build(NARROW), NARROW, words), words)


def axis(**more: Any) -> alt.Axis:
    """An axis with quiet lines."""
    return alt.Axis(**({"tickColor": LINE, "domainColor": LINE, "labelPadding": 5, "titlePadding": 9} | more))


def tick_names(names: Mapping[float, str]) -> str:
    """A Vega expression that writes each tick by its name: logarithmic axes then read like the tables ("1 GFLOP")."""
    cases = "".join(f"abs(datum.value / {value!r} - 1) < 1e-6 ? '{name}' : " for value, name in names.items())
    return f"{cases}''"


def said(field: str = "said") -> alt.Description:
    """A mark's own words, out of a column of the data: pages show them where it is pointed at."""
    return alt.Description(f"{field}:N")


def target_line(target: float, y: alt.Y) -> alt.Chart:
    """A dashed line at the target."""
    return alt.Chart(alt.Data(values=[{"value": target}])).mark_rule(color=SECOND, strokeDash=[5, 4]).encode(y=y)


def names_layer(rows: Sequence[Mapping[str, Any]], x: alt.X, y: alt.Y) -> alt.Chart:
    """Each row's ``text`` where :func:`labels.place` put it (align, dx, dy); rows without a place are left out.

    ``strong`` rows are bold, ``plain`` ones quiet.
    """
    named = alt.Chart(alt.Data(values=[dict(row) for row in rows if "align" in row]))
    offset = {key: alt.expr(f"datum.{key}") for key in ("align", "dx", "dy")}
    weight = alt.expr("datum.strong ? 700 : 400")
    colour = alt.condition("datum.plain", alt.value(MUTED), alt.value(INK))
    return named.mark_text(baseline="middle", fontSize=12, fontWeight=weight, **offset).encode(
        x=x, y=y, text="text:N", color=colour
    )


def _look(chart: Any) -> Any:
    text = {"labelColor": MUTED, "titleColor": MUTED, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 500}
    return (
        chart.configure(background="transparent", font=FONT, padding={"left": 4, "top": 10, "right": 10, "bottom": 4})
        .configure_view(stroke=None)
        .configure_axis(gridColor=LINE, gridOpacity=0.7, **text)
        .configure_legend(
            orient="top",
            direction="horizontal",
            title=None,
            labelColor=INK,
            labelFontSize=12,
            symbolOpacity=1,
            labelLimit=260,
            columnPadding=14,
        )
        .configure_text(font=FONT)
    )


def _svg(chart: Any, size: Size, words: str) -> str:
    # Altair checks each mark against its schema when it is made; to check the whole once more takes half of the time.
    drawn = _convert(json.dumps(_look(chart).to_dict(validate=False)))
    # Several drawings share one page: their clip paths need names of their own.
    mark = "k" + digest(words, size.name)
    drawn = re.sub(r'id="(clip|gradient)', rf'id="{mark}\1', drawn)
    drawn = re.sub(r"url\(#(clip|gradient)", rf"url(#{mark}\1", drawn)
    drawn = re.sub(rf' aria-label="{SAID}([^"]*)"', r' data-tip="\1"', drawn)
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"| aria-[a-z]+="[^"]*"| role="[^"]*"', "", drawn)
    drawn = re.sub(r'(data-tip="[^"]*")|(\.\d{2})\d+', lambda found: found[1] or found[2], drawn)
    return drawn.replace("<svg", f'<svg role="img" aria-label="{escape(words)}"', 1).replace(
        'class="marks"', f'class="chart {size.name}"', 1
    )


@lru_cache(maxsize=64)
def _convert(specification: str) -> str:
    """Vega-Lite to SVG; the same chart in one process (two languages, tests) is converted once."""
    return str(vl_convert.vegalite_to_svg(specification))
