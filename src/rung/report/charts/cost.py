"""Score against cost per request: each rung's best, with its interval, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import altair as alt

from rung.report.charts.canvas import (
    ACCENT,
    MUTED,
    PAPER,
    SAID,
    Figure,
    Size,
    axis,
    draw,
    names_layer,
    said,
    target_line,
    tick_names,
)
from rung.report.charts.labels import place
from rung.report.figures import Figures
from rung.report.text import METRICS, UNITS, term, word
from rung.types import Language

Span = tuple[float, float]
KEYS = {
    "flops": "flops_per_request", "money": "money_per_request", "seconds": "seconds_per_request",
    "tokens": "tokens_per_request",
}  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A rung's best: what a request costs and what it scores."""

    name: str
    cost: float
    value: float
    low: float
    high: float
    front: bool = False


def common_unit(rows: Sequence[Mapping[str, Any]]) -> str:
    """The unit in which most of the measured rungs are known: FLOPs before money, seconds and tokens at a draw.

    Money counts only where something is paid.
    """

    def known(unit: str) -> int:
        costs = [row["cost"].get(KEYS[unit]) for row in rows]
        return 0 if unit == "money" and not any(costs) else sum(cost is not None for cost in costs)

    return max(KEYS, key=known)


def points_of(rows: Sequence[Mapping[str, Any]], unit: str) -> list[Point]:
    """The rungs that have both a score and a cost in ``unit``, the front marked, from cheap to dear."""
    found = [
        (row["name"], row["cost"][KEYS[unit]], row["dev"])
        for row in rows
        if row["dev"] and row["dev"]["value"] is not None and row["cost"].get(KEYS[unit]) is not None
    ]
    points = [Point(name, cost, d["value"], d["low"], d["high"]) for name, cost, d in found]
    return [
        Point(p.name, p.cost, p.value, p.low, p.high, on_front(p, points))
        for p in sorted(points, key=lambda p: (p.cost, -p.value))
    ]


def on_front(point: Point, points: Sequence[Point]) -> bool:
    """Whether no other point costs at most as much and scores at least as much, and is better in one of the two."""
    return not any(
        other.cost <= point.cost
        and other.value >= point.value
        and (other.cost < point.cost or other.value > point.value)
        for other in points
    )


def cost_chart(result: Mapping[str, Any], language: Language, unit: str | None = None) -> Figure | None:
    """The chart, or None where fewer than two rungs have both a score and a cost in ``unit`` (None: the commonest)."""
    rows = [row for row in result["rungs"] if row["dev"]]
    if not rows:
        return None
    unit = unit or common_unit(rows)
    points = points_of(rows, unit)
    if len(points) < 2:
        return None
    return draw(lambda size: _chart(result, points, unit, size, language), _words(points, unit, language))


def _words(points: Sequence[Point], unit: str, language: Language) -> str:
    figures = Figures(language)
    each = [
        f"{p.name} {figures.score(p.value)}, {figures.amount(p.cost, unit)}{' *' if p.front else ''}" for p in points
    ]
    title = word("cost", language)
    return f"{title} ({term(UNITS, unit, language)}; * {word('front', language)}): " + "; ".join(each)


def _tip(point: Point, unit: str, language: Language) -> str:
    figures = Figures(language)
    score = figures.interval({"value": point.value, "low": point.low, "high": point.high})
    return f"{score} · {figures.amount(point.cost, unit)}" + (f" · {word('front', language)}" if point.front else "")


def _chart(
    result: Mapping[str, Any], points: Sequence[Point], unit: str, size: Size, language: Language
) -> alt.LayerChart:
    # A logarithm has no 0: what costs nothing gets a place of its own, left of all others, and the axis says 0 there.
    zero = min((p.cost for p in points if p.cost > 0), default=1.0) / 8
    at = {p.name: p.cost or zero for p in points}
    across = min(at.values()) / 1.8, max(at.values()) * (2.2 if size.name == "wide" else 4)
    up = _range(points, result["target"])
    chosen = result["chosen"]["rung"] if result["chosen"] else None
    tips = {p.name: f"{p.name}: {_tip(p, unit, language)}" for p in points}
    rows = [
        row
        | {"strong": row["name"] == chosen, "plain": not row["front"] and row["name"] != chosen}
        | {"said": SAID + tips[row["name"]]}
        for row in _with_labels(points, at, (across, up), result["target"], size)
    ]
    ticks = _ticks(across, zero if zero in at.values() else None, size)
    names = {tick: "0" if tick == zero else Figures(language).amount(tick, unit) for tick in ticks}
    x = alt.X(
        "cost:Q",
        title=term(UNITS, unit, language),
        scale=alt.Scale(type="log", domain=list(across), nice=False),
        axis=axis(values=ticks, grid=False, labelExpr=tick_names(names)),
    )
    y = alt.Y(
        "value:Q",
        title=term(METRICS, result["task"]["metric"], language),
        scale=alt.Scale(domain=list(up), nice=False),
        axis=axis(format=".2f", tickCount=6),
    )
    return alt.layer(*_layers(rows, result["target"], x, y)).properties(width=size.width, height=size.height)


def _layers(rows: list[dict[str, Any]], target: float | None, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """From the ground up: target, front, intervals, points, names."""
    base = alt.Chart(alt.Data(values=rows))
    layers = [target_line(target, y)] if target is not None else []
    steps = base.transform_filter("datum.front").mark_line(color=ACCENT, interpolate="step-after", opacity=0.45)
    return [
        *layers,
        steps.encode(x=x, y=y),
        base.mark_rule(color=MUTED, strokeWidth=1.4, opacity=0.75).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_point(filled=True, size=85, opacity=1, strokeWidth=1.8).encode(
            x=x,
            y=y,
            fill=alt.condition("datum.front", alt.value(ACCENT), alt.value(PAPER)),
            stroke=alt.condition("datum.front", alt.value(ACCENT), alt.value(MUTED)),
            description=said(),
        ),
        names_layer(rows, x, y),
    ]


def _with_labels(
    points: Sequence[Point], at: Mapping[str, float], scales: tuple[Span, Span], target: float | None, size: Size
) -> list[dict[str, Any]]:
    """The points as rows of the chart, each with the place of its name; the front chooses its places first."""
    (left, right), (bottom, top) = scales

    def x(point: Point) -> float:
        return size.width * math.log(at[point.name] / left) / math.log(right / left)

    def y(value: float) -> float:
        return size.height * (top - value) / (top - bottom)

    ordered = sorted(points, key=lambda p: not p.front)
    lines = [(x(p) - 2, y(p.high), x(p) + 2, y(p.low)) for p in points]
    lines += [(0, y(target) - 1, size.width, y(target) + 1)] if target is not None else []
    front = [p for p in points if p.front]
    for one, other in pairwise(front):
        lines += [
            (x(one), y(one.value) - 1, x(other), y(one.value) + 1),
            (x(other) - 1, y(other.value), x(other) + 1, y(one.value)),
        ]
    labels = place([p.name for p in ordered], [(x(p), y(p.value)) for p in ordered], size.width, size.height, lines)
    return [
        asdict(p) | {"cost": at[p.name], "text": p.name} | (asdict(label) if label else {})
        for p, label in zip(ordered, labels, strict=True)
    ]


def _range(points: Sequence[Point], target: float | None) -> tuple[float, float]:
    """The y axis: all intervals and the target with a little air, within 0..1."""
    values = [v for p in points for v in (p.low, p.high)] + ([target] if target is not None else [])
    air = 0.06 * (max(values) - min(values)) + 0.005
    return max(0.0, min(values) - air), min(1.0, max(values) + air)


def _ticks(across: Span, zero: float | None, size: Size) -> list[float]:
    """Powers of ten, as many as have room, and the place of zero where something costs nothing."""
    low, high = across
    powers = [10.0**e for e in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    powers = [p for p in powers if zero is None or p > 2.5 * zero]
    step = max(1, -(-len(powers) // (7 if size.name == "wide" else 3)))
    return ([] if zero is None else [zero]) + powers[::step]
