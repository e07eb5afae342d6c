"""A climb in a notebook: the three sentences and the ladder as HTML that needs no style sheet, and as text.

The cells are those of the terminal (:mod:`rung.report.terminal`), so that both say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from io import StringIO
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from rung.report.sentences import three_sentences
from rung.report.terminal import FAINT, endpoint_lines, forgetting_lines, rung_cells, rung_table, summary
from rung.types import Language

CELL = "text-align:left;padding:.25em .9em .25em 0;font-variant-numeric:tabular-nums"


def climb_text(result: Mapping[str, Any], language: Language, width: int = 100) -> str:
    """What the terminal shows at the end of a climb, without colours."""
    out = StringIO()
    Console(file=out, width=width, no_color=True, highlight=False).print(summary(result, language))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")


def climb_html(result: Mapping[str, Any], language: Language) -> str:
    """The same as a fragment of HTML."""
    unit = result.get("unit", "flops")
    chosen = result["chosen"]["rung"] if result["chosen"] else None
    heads = "".join(
        f'<th scope="col" style="{CELL}">{escape(str(c.header))}</th>' for c in rung_table(language, unit).columns
    )
    rows = []
    for row in result["rungs"]:
        cells = [escape(_plain(cell)) for cell in rung_cells(row, language, unit, chosen=row["name"] == chosen)]
        cells[1] = f"<b>{cells[1]}</b>" if row["name"] == chosen else cells[1]
        faint = ' style="opacity:.55"' if row["status"] in FAINT else ""
        why = row["reason"] or row.get("stopped")
        told = f' title="{escape(why[language])}"' if why else ""
        rows.append(f"<tr{faint}{told}>" + "".join(f'<td style="{CELL}">{cell}</td>' for cell in cells) + "</tr>")
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in three_sentences(result, language))
    notes = [line.plain.strip() for line in (*forgetting_lines(result, language), *endpoint_lines(result, language))]
    under = "".join(f"<br>{escape(note)}" for note in notes)
    return (
        f'<div lang="{language}">{said}<table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f"<small>{under.removeprefix('<br>')}</small></div>"
    )


def _plain(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
