"""Total cost against the number of requests, build included, and where two rungs cross."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import altair as alt

from rung.report.charts.canvas import (
    INK,
    MUTED,
    PAPER,
    SAID,
    SERIES,
    Figure,
    Size,
    axis,
    draw,
    names_layer,
    said,
    tick_names,
)
from rung.report.charts.labels import place
from rung.report.figures import Figures
from rung.report.sentences import rounded
from rung.report.text import TOTALS, term, word
from rung.types import Language

LINES = 6  # more lines cannot be told apart
STEPS = 60
BUILD = {unit: f"build_{unit}" for unit in ("flops", "seconds", "tokens", "money")}
REQUEST = {unit: f"{unit}_per_request" for unit in BUILD}
Row = Mapping[str, Any]


def crossings(result: Mapping[str, Any]) -> list[Row]:
    """The break-even points to draw: those of the chosen rung where it has any, of one unit, of at most LINES rungs."""
    chosen = result["chosen"]["rung"] if result["chosen"] else None
    own = [b for b in result["break_even"] if chosen in (b["cheap_to_build"], b["cheap_to_run"])]
    entries = sorted(own or result["break_even"], key=lambda b: b["requests"])
    kept: list[Row] = []
    names: set[str] = set()
    for entry in entries:
        wanted = names | {entry["cheap_to_build"], entry["cheap_to_run"]}
        if entry["unit"] == entries[0]["unit"] and len(wanted) <= LINES:
            names = wanted
            kept.append(entry)
    return kept


def break_even_chart(result: Mapping[str, Any], language: Language) -> Figure | None:
    """The chart, or None where no two rungs cross."""
    found = crossings(result)
    if not found:
        return None
    figures = Figures(language)
    words = f"{word('break_even', language)}: " + "; ".join(
        f"{b['cheap_to_run']} / {b['cheap_to_build']}: {figures.count(rounded(b['requests']))}" for b in found
    )
    return draw(lambda size: _chart(result, found, size, language), words)


def _total(cost: Row, unit: str, requests: float) -> float | None:
    """Build plus requests, or None where a request was not measured or all of it is nothing (a logarithm has no 0)."""
    each = cost[REQUEST[unit]]
    return None if each is None else ((cost[BUILD[unit]] or 0.0) + requests * each) or None


def _chart(result: Mapping[str, Any], found: Sequence[Row], size: Size, language: Language) -> alt.LayerChart:
    unit, figures = found[0]["unit"], Figures(language)
    last = 10.0 ** math.ceil(math.log10(10 * max([*(b["requests"] for b in found), result["volume"] / 3])))
    lines = _lines(result, found, unit, last)
    totals = [row["total"] for row in lines]
    low, high = min(totals) / 1.5, max(totals) * 1.5
    x = _scale("n:Q", word("requests", language), 1, last, 8 if size.name == "wide" else 4, figures.count)
    y = _scale("total:Q", term(TOTALS, unit, language), low, high, 7, lambda total: figures.amount(total, unit))

    def spot(row: Row) -> tuple[float, float]:
        across, up = math.log(row["n"]) / math.log(last), math.log(high / row["total"]) / math.log(high / low)
        return size.width * across, size.height * up

    cross = _named_crossings(result, found, unit, figures)
    curves = [(left - 6, top - 4, left + 6, top + 4) for left, top in map(spot, lines)]
    labels = place([c["text"] for c in cross], [spot(c) for c in cross], size.width, size.height, curves)
    named = [c | {"strong": True} | (asdict(at) if at else {}) for c, at in zip(cross, labels, strict=True)]
    named_volume = f"{word('volume', language)} {figures.count(result['volume'])}"
    volume = alt.Chart(alt.Data(values=[{"n": result["volume"], "text": named_volume}]))
    beside = volume.mark_text(color=MUTED, align="right", dx=-5, dy=10, baseline="top", fontSize=11)
    dots = alt.Chart(alt.Data(values=cross))
    return alt.layer(
        volume.mark_rule(color=MUTED, strokeDash=[3, 4]).encode(x=x),
        beside.encode(x=x, y=alt.value(0), text="text:N"),
        alt.Chart(alt.Data(values=lines)).mark_line(strokeWidth=2.2).encode(x=x, y=y, color=_colour(lines, size)),
        dots.mark_point(filled=True, size=70, color=PAPER, stroke=INK, strokeWidth=2, opacity=1).encode(
            x=x, y=y, description=said()
        ),
        names_layer(named, x, y),
    ).properties(width=size.width, height=size.height)


def _lines(result: Mapping[str, Any], found: Sequence[Row], unit: str, last: float) -> list[dict[str, Any]]:
    """Points of each rung's total, evenly spaced on the logarithmic axis."""
    names = {name for b in found for name in (b["cheap_to_build"], b["cheap_to_run"])}
    grid = [last ** (i / STEPS) for i in range(STEPS + 1)]
    return [
        {"n": n, "total": total, "rung": row["name"]}
        for row in result["rungs"]
        if row["name"] in names
        for n in grid
        if (total := _total(row["cost"], unit, n)) is not None
    ]


def _named_crossings(
    result: Mapping[str, Any], found: Sequence[Row], unit: str, figures: Figures
) -> list[dict[str, Any]]:
    costs = {row["name"]: row["cost"] for row in result["rungs"]}
    return [
        {
            "n": b["requests"],
            "total": total,
            "text": figures.count(rounded(b["requests"])),
            "said": f"{SAID}{b['cheap_to_run']} / {b['cheap_to_build']}: {figures.count(rounded(b['requests']))}",
        }
        for b in found
        if (total := _total(costs[b["cheap_to_build"]], unit, b["requests"])) is not None
    ]


def _scale(field: str, title: str, low: float, high: float, most: int, write: Callable[[float], str]) -> Any:
    """A logarithmic axis with at most ``most`` ticks, at powers of ten."""
    powers = [10.0**e for e in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    ticks = powers[:: max(1, -(-len(powers) // most))]
    lines = axis(
        values=ticks, labelExpr=tick_names({tick: write(tick) for tick in ticks}), grid=field.startswith("total")
    )
    channel = alt.X if field == "n:Q" else alt.Y
    return channel(field, title=title, scale=alt.Scale(type="log", domain=[low, high], nice=False), axis=lines)


def _colour(lines: Sequence[Row], size: Size) -> alt.Color:
    names = list(dict.fromkeys(row["rung"] for row in lines))
    legend = alt.Legend(columns=0 if size.name == "wide" else 2, symbolType="stroke", symbolStrokeWidth=3)
    return alt.Color(
        "rung:N", sort=names, scale=alt.Scale(domain=names, range=list(SERIES[: len(names)])), legend=legend
    )
