"""The n-shot curve, and how far the score moves when only the order of the same examples changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from rung.report.charts.canvas import (
    ACCENT,
    INK,
    MUTED,
    PAPER,
    SAID,
    SERIES,
    Figure,
    Size,
    axis,
    draw,
    said,
    target_line,
)
from rung.report.figures import Figures
from rung.report.text import FAMILIES, METRICS, term, word
from rung.types import Language

FIXED = ("random", "balanced")  # the same demonstrations for every input
PICKED = ("bm25", "embedding", "diverse")  # chosen for each input
Candidate = Mapping[str, Any]


def curve(candidates: Sequence[Candidate]) -> dict[int, list[Candidate]]:
    """The measured candidates of the n-shot curve by number of examples.

    At 0 examples stands the curve's own prompt without any, or else the best zero-shot template.
    """
    by_shots: dict[int, list[Candidate]] = defaultdict(list)
    for one in _measured(candidates):
        if one["family"] in FIXED + PICKED and one["shots"] is not None:
            by_shots[one["shots"]].append(one)
    without = [c for c in _measured(candidates) if c["family"] == "template" and c["rung"] == "zero-shot"]
    if by_shots and without and 0 not in by_shots:
        by_shots[0] = [max(without, key=lambda c: (c["status"] == "finished", c["dev"]["value"]))]
    return dict(sorted(by_shots.items()))


def median(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate in the middle of the fixed ones (the lower of two): a real one, with a real interval."""
    fixed = [c for c in candidates if c["family"] in FIXED or c["shots"] == 0]
    return middle(fixed) if fixed else None


def middle(candidates: Sequence[Candidate]) -> Candidate:
    """The candidate with the middle score, the lower of two."""
    return sorted(candidates, key=lambda c: c["dev"]["value"])[(len(candidates) - 1) // 2]


def orders(candidates: Sequence[Candidate]) -> dict[int, list[Candidate]]:
    """The measured orders of the same examples, by number of examples; the order they came in is one of them."""
    measured = _measured(candidates)
    first = {c["name"].rsplit("-order", 1)[0] for c in measured if c["family"] == "order"}
    by_shots: dict[int, list[Candidate]] = defaultdict(list)
    for one in measured:
        if one["family"] == "order" or one["name"] in first:
            by_shots[one["shots"] or 0].append(one)
    return dict(sorted(by_shots.items()))


def _measured(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [c for c in candidates if c["dev"] and c["dev"]["value"] is not None]


def shots_chart(result: Mapping[str, Any], language: Language) -> Figure | None:
    """The curve, or None where fewer than two numbers of examples were measured."""
    found = curve(result["candidates"])
    if len(found) < 2:
        return None
    figures = Figures(language)
    line = [(n, median(candidates)) for n, candidates in found.items()]
    words = f"{word('shots', language)} ({word('median', language)}): " + "; ".join(
        f"{n}: {figures.interval(one['dev'])}" for n, one in line if one
    )
    return draw(lambda size: _curve(result, found, size, language), words)


def _curve(
    result: Mapping[str, Any], found: Mapping[int, Sequence[Candidate]], size: Size, language: Language
) -> alt.LayerChart:
    figures = Figures(language)
    used = [f for f in (*FIXED, *PICKED) if any(c["family"] == f for cs in found.values() for c in cs)]
    names = [term(FAMILIES, f, language) for f in used]
    place = {name: -0.24 + 0.48 * i / max(1, len(used) - 1) if len(used) > 1 else 0.0 for i, name in enumerate(names)}
    ranks = {n: i for i, n in enumerate(found)}  # evenly spaced: 0, 1, 2, 4, 8, 16 have no common scale
    points = [
        {
            "at": ranks[n] + place[name],
            "value": c["dev"]["value"],
            "family": name,
            "early": c["status"] == "behind",
            "said": f"{SAID}{c['name']}: {figures.with_n(c['dev'])}",
        }
        for n, candidates in found.items()
        for c in candidates
        if n and (name := term(FAMILIES, c["family"], language))
    ]
    medians = [{**one["dev"], "at": ranks[n]} for n, cs in found.items() if (one := median(cs))]
    ticks = " : ".join(f"datum.value == {i} ? '{n}'" for n, i in ranks.items()) + " : ''"
    x = alt.X(
        "at:Q",
        title=word("shots_axis", language),
        scale=alt.Scale(domain=[-0.45, len(ranks) - 0.55], nice=False),
        axis=axis(values=list(ranks.values()), labelExpr=ticks, grid=False),
    )
    y = alt.Y(
        "value:Q",
        title=term(METRICS, result["task"]["metric"], language),
        scale=alt.Scale(zero=False, nice=False, padding=12),
        axis=axis(format=".2f", tickCount=6),
    )
    scale = alt.Scale(domain=names, range=list(SERIES[: len(names)]))
    shapes = alt.Scale(domain=names, range=["circle", "square", "triangle-up", "diamond", "cross"][: len(names)])
    families = {
        "color": alt.Color(
            "family:N", sort=names, scale=scale, legend=alt.Legend(columns=0 if size.name == "wide" else 2)
        ),
        "shape": alt.Shape("family:N", sort=names, scale=shapes),
    }
    dots = alt.Chart(alt.Data(values=points))
    layers = [target_line(result["target"], y)] if result["target"] is not None else []
    line = alt.Chart(alt.Data(values=medians))
    layers += [
        line.mark_rule(color=MUTED, strokeWidth=7, opacity=0.3).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
        line.mark_line(color=INK, strokeWidth=1.8).encode(x=x, y=y),
        line.mark_point(filled=True, color=INK, size=48, opacity=1).encode(x=x, y=y),
        dots.mark_point(filled=True, size=52, opacity=0.9)
        .transform_filter("!datum.early")
        .encode(x=x, y=y, description=said(), **families),
        dots.mark_point(size=46, strokeWidth=1.6, opacity=1)
        .transform_filter("datum.early")
        .encode(x=x, y=y, description=said(), **families),
    ]
    return alt.layer(*layers).properties(width=size.width, height=size.height)


def order_chart(result: Mapping[str, Any], language: Language) -> Figure | None:
    """One dot for each order, or None where fewer than two orders of the same examples were measured."""
    found = {n: cs for n, cs in orders(result["candidates"]).items() if len(cs) > 1}
    if not found:
        return None
    figures = Figures(language)
    words = f"{word('order', language)}: " + "; ".join(
        f"{n}: " + ", ".join(figures.score(c["dev"]["value"]) for c in cs) for n, cs in found.items()
    )
    return draw(lambda size: _strip(result, found, size, language), words)


def _strip(
    result: Mapping[str, Any], found: Mapping[int, Sequence[Candidate]], size: Size, language: Language
) -> alt.LayerChart:
    named = {n: word("examples", language, n=n) for n in found}
    rows = [{"n": named[n], "value": c["dev"]["value"]} for n, cs in found.items() for c in cs]
    middles = [{**middle(cs)["dev"], "n": named[n]} for n, cs in found.items()]
    base, noise = alt.Chart(alt.Data(values=rows)), alt.Chart(alt.Data(values=middles))
    title = term(METRICS, result["task"]["metric"], language)
    scale = alt.Scale(zero=False, padding=16, nice=False)
    x = alt.X("value:Q", title=title, scale=scale, axis=axis(format=".2f", tickCount=5))
    y = alt.Y("n:N", title=None, sort=None, axis=axis(domain=False, ticks=False, grid=False))
    return alt.layer(
        noise.mark_rule(color=MUTED, strokeWidth=9, opacity=0.25).encode(
            x=alt.X("low:Q", title=title, scale=scale), x2="high:Q", y=y
        ),
        base.mark_point(filled=True, size=80, color=ACCENT, opacity=0.8, stroke=PAPER).encode(x=x, y=y),
    ).properties(width=size.width - 40, height=48 * len(found))
