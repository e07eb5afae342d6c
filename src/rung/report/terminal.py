"""The end of a climb in the terminal: three sentences and a small table of the rungs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rung.report.figures import DASH, Figures
from rung.report.sentences import spent_there, three_sentences
from rung.report.text import LANGUAGES, STATUS, UNITS, term, word
from rung.types import Language

STYLES = {
    "proven": "bold green",
    "likely": "yellow",
    "missed": "dim",
    "failed": "red",
    "skipped": "dim",
    "not-reached": "dim",
}
FAINT = ("skipped", "not-reached")
KEYS = {unit: f"{unit}_per_request" for unit in UNITS}

__all__ = ["rung_cells", "rung_table", "summary", "three_sentences"]


def summary(result: Mapping[str, Any], language: Language) -> RenderableType:
    """The three sentences and the ladder as something that ``rich`` prints."""
    sentences = [Padding(Text(sentence), (0, 0, 1, 2)) for sentence in three_sentences(result, language)]
    unit = result.get("unit", "flops")
    table = rung_table(language, unit)
    chosen = result["chosen"]["rung"] if result["chosen"] else None
    for row in result["rungs"]:
        table.add_row(
            *rung_cells(row, language, unit, chosen=row["name"] == chosen),
            style="dim" if row["status"] in FAINT else "",
        )
    reasons = [
        Text(f"  {row['name']}{_say(language, ': ', '：')}{why[language]}", style="dim")
        for row in result["rungs"]
        if (why := row["reason"] or row.get("stopped"))
    ]
    return Group(
        Text(), *sentences, table, *reasons, *forgetting_lines(result, language), *endpoint_lines(result, language)
    )


def endpoint_lines(result: Mapping[str, Any], language: Language) -> list[Text]:
    """How an endpoint was asked, and what it took."""
    if not (found := result.get("endpoint")):
        return []
    said = [found["asked"][language], spent_there(found, language)]
    return [Text(f"  {line}", style="dim") for line in said]


def forgetting_lines(result: Mapping[str, Any], language: Language) -> list[Text]:
    """A line for each rung that was trained: how much dearer general text has become."""
    figures, join = Figures(language), _say(language, ", ", "，")
    lead = _say(language, "general text, nats per token: ", "通用文本，每词元 nats：")
    lines = []
    for row in result["rungs"]:
        if found := row.get("forgetting"):
            rises = join.join(f"{term(LANGUAGES, at, language)} {figures.rise(rise)}" for at, rise in found.items())
            lines.append(Text(f"  {row['name']}{_say(language, ': ', '：')}{lead}{rises}", style="dim"))
    return lines


def rung_table(language: Language, unit: str = "flops") -> Table:
    """The empty table: rung, tried, score, cost per request, verdict."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column(word("rung", language), no_wrap=True)
    table.add_column(word("candidates", language), justify="right", no_wrap=True)
    table.add_column(word("dev_score", language), no_wrap=True)
    table.add_column(term(UNITS, unit, language), justify="right", overflow="fold")
    table.add_column(word("verdict", language), overflow="fold")  # on a narrow terminal on two lines, not cut off
    return table


def rung_cells(
    row: Mapping[str, Any], language: Language, unit: str = "flops", *, chosen: bool = False
) -> list[RenderableType]:
    """The cells of one row of ``result["rungs"]`` for :func:`rung_table`."""
    figures = Figures(language)
    verdict = Text(term(STATUS, row["status"], language), style=STYLES.get(row["status"], ""))
    if row["more_dev"]:
        verdict.append(
            _say(
                language,
                f" (+{figures.count(row['more_dev'])} dev)",
                f"（开发集还差 {figures.count(row['more_dev'])} 条）",
            )
        )
    return [
        Text("→" if chosen else " ", style="bold green"),
        Text(row["name"], style="bold" if chosen else ""),
        str(row["candidates"]) if row["candidates"] else DASH,
        figures.interval(row["dev"]),
        figures.amount(row["cost"][KEYS[unit]], unit) if row["cost"] else DASH,
        verdict,
    ]


def _say(language: Language, en: str, zh: str) -> str:
    return zh if language == "zh" else en
