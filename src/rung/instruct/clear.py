"""Labelled rows that stay clear of what models are measured on: none shares 13 words (Chinese: characters) with a test split.

Sets overlap where one does not expect it: two made of the same articles, dialogues about the same facts, questions that everybody
asks. The rule is that of the cleaning of texts (`rung.pretrain.clean.leaks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rung.pretrain.clean.document import Document
from rung.pretrain.clean.heldout import strings
from rung.pretrain.clean.leaks import Leaks

TOGETHER = 1_000  # rows that are looked through as one text


def clear(rows: Sequence[dict[str, Any]], tasks: Path) -> tuple[dict[str, Any], ...]:
    """The rows that overlap with no ``test*.jsonl`` of the sets under ``tasks``."""
    leaks = _tests(tasks)
    if leaks is None:
        return tuple(rows)
    documents = [Document("", "\n".join(strings(row))) for row in rows]
    touched = {
        begin + i: documents[begin + i]
        for begin in range(0, len(rows), TOGETHER)
        for i in leaks.touching(documents[begin : begin + TOGETHER])
    }
    leaks.recount(touched.values())
    gone = {i for i, document in touched.items() if leaks(document)}
    return tuple(row for i, row in enumerate(rows) if i not in gone)


@cache
def _tests(tasks: Path) -> Leaks | None:
    """The test splits' grams, or None where there is no test split; some ten seconds for all the public sets."""
    files = sorted(tasks.glob("*/test*.jsonl"))
    return Leaks(files) if files else None
