"""RUN/report.html: one page that opens offline, in Chinese or in English, on a desk and on a telephone.

The page is a Jinja2 template with everything inside it: styles, charts as SVG, and a few lines of JavaScript that only
filter the table of mistakes. This module gathers what the template shows; a part that does not exist is told in words.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from rung.ladder import LADDER
from rung.report import text
from rung.report.charts import break_even_chart, cost_chart, order_chart, shots_chart
from rung.report.charts.break_even import crossings
from rung.report.charts.cost import common_unit, points_of
from rung.report.charts.shots import orders
from rung.report.figures import Figures
from rung.report.prompt import shown_prompt
from rung.report.run import Reads, answers, chosen_adaptation, open_ledger, read_result
from rung.report.sentences import CONTROLS, rounded, spent_there, three_sentences
from rung.report.tables import LISTED, Part, part_of
from rung.task.metrics import METRICS
from rung.types import Language

Result = Mapping[str, Any]
LONG = 240  # characters of an input beyond which it is folded
SAMPLE: dict[Language, str] = {"en": "your text", "zh": "你的文本"}


def write_report(run: Path, language: Language, *, ledger: Reads | None = None) -> Path:
    """Write ``RUN/report.html`` and return its path.

    ``ledger`` is read instead of ``RUN/ledger.sqlite`` where given. Raises DataError where the folder holds no climb.
    """
    result = read_result(run)
    opened = open_ledger(run) if ledger is None else None
    try:
        page = render_report(run, result, opened or ledger, language)  # type: ignore[arg-type]
    finally:
        if opened:
            opened.close()
    path = run / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def render_report(run: Path, result: Result, ledger: Reads, language: Language) -> str:
    """The page as text."""
    environment = Environment(
        loader=PackageLoader("rung.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    # "{{" in an input is data: Jinja fills the template once and never looks at what it put in.
    return template.render(**words(language), **_content(run, result, ledger, language))


def words(language: Language) -> dict[str, Any]:
    """What templates speak by: ``t`` and ``term`` (the words of text.py), ``say(en, zh)``, ``f`` (figures) ..."""

    def term(table: str, key: str) -> str:
        return text.term(getattr(text, table), key, language)

    return {
        "language": language,
        "f": Figures(language),
        "t": lambda key, **values: text.word(key, language, **values),
        "term": term,
        "say": lambda en, zh: zh if language == "zh" else en,
        "what": {r.name: text.pick((r.what, r.what_zh), language) for r in LADDER},
        "cap": lambda words: words[:1].upper() + words[1:],
        "rounded": rounded,
        "spent_there": spent_there,
        "LONG": LONG,
    }


def _content(run: Path, result: Result, ledger: Reads, language: Language) -> dict[str, Any]:
    adaptation = chosen_adaptation(result, ledger)
    opened = ("test", "dev") if result["test"] else ("dev",)
    parts = [part for split in opened if (part := part_of(split, answers(result, ledger, split), result["task"]))]
    on_dev = [part.answers for part in parts if part.split == "dev"]
    return {
        "r": result,
        "sentences": three_sentences(result, language),
        "control": bool(result["chosen"]) and result["chosen"]["rung"] in CONTROLS,
        "track": track(result),
        "charts": {
            "cost": cost_chart(result, language),
            "shots": shots_chart(result, language),
            "order": order_chart(result, language),
            "break_even": break_even_chart(result, language),
        },
        "forgetting": [(row["name"], row["forgetting"]) for row in result["rungs"] if row.get("forgetting")],
        "limit": result.get("max_forgetting"),
        "unplaced": unplaced(result),
        "unmeasured": _unmeasured(result, language),
        "stopped": [(row["name"], row["stopped"][language]) for row in result["rungs"] if row.get("stopped")],
        "orders": spreads(result),
        "crossings": crossings(result),
        "other_crossings": [b for b in result["break_even"] if b not in crossings(result)],
        "parts": parts,
        "prompt": shown_prompt(adaptation, on_dev[0]) if adaptation and on_dev else None,
        "adaptation": adaptation,
        "command": _command(run, result, language),
        "hits": METRICS[result["task"]["metric"]].hits,
        **_mistakes(parts),
    }


def track(result: Result) -> tuple[float, float]:
    """The common scale of the interval bars in the ladder: all intervals, bounds and the target."""
    rows = [row for row in result["rungs"] if row["dev"] and row["dev"]["low"] is not None]
    values = [row["dev"][end] for row in rows for end in ("low", "high")] + [result["target"] or 0.0] * bool(
        result["target"]
    )
    if not values:
        return 0.0, 1.0
    air = 0.04 * (max(values) - min(values)) + 0.005
    return max(0.0, min(values) - air), min(1.0, max(values) + air)


def unplaced(result: Result) -> list[str]:
    """Measured rungs that the cost chart cannot hold, because their cost is not known in its unit."""
    rows = [row for row in result["rungs"] if row["dev"]]
    placed = {point.name for point in points_of(rows, common_unit(rows))} if rows else set()
    return [row["name"] for row in rows if row["name"] not in placed]


def spreads(result: Result) -> list[dict[str, float]]:
    """For each number of examples: how many orders were tried, and their lowest and highest score."""
    found = {n: [c["dev"]["value"] for c in cs] for n, cs in orders(result["candidates"]).items() if len(cs) > 1}
    return [{"shots": n, "orders": len(v), "low": min(v), "high": max(v)} for n, v in found.items()]


def _mistakes(parts: list[Part]) -> dict[str, Any]:
    listed = [{"split": part.split, "answer": answer} for part in parts for answer in part.mistakes[:LISTED]]
    wrong = [answer for part in parts for answer in part.mistakes[:LISTED]]
    return {
        "mistakes": listed,
        "same_shown": len({answer.prediction.shown for part in parts for answer in part.answers}) == 1,
        "wanted_values": sorted({a.example.target for a in wrong}),
        "got_values": sorted({a.prediction.output for a in wrong if a.prediction.valid}),
    }


def _unmeasured(result: Result, language: Language) -> list[tuple[str, str]]:
    """The rungs without a score, and why."""
    return [
        (
            row["name"],
            row["reason"][language] if row["reason"] else text.term(text.STATUS_MEANING, row["status"], language),
        )
        for row in result["rungs"]
        if not row["dev"]
    ]


def _command(run: Path, result: Result, language: Language) -> str | None:
    chosen = result["chosen"]
    if chosen is None or chosen["adaptation"] is None:
        return None
    return f'rung predict {shlex.quote((run / chosen["adaptation"]).as_posix())} "{SAMPLE[language]}"'
