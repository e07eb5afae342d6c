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


def clear(rows: Sequence[dict[str, Any]], tasks: Path) -> tuple[dict[str, Any], ...]:
    """The rows that overlap with no ``test*.jsonl`` of the sets under ``tasks``."""
    leaks = _tests(tasks)
    if leaks is None:
        return tuple(rows)
    documents = [Document("", "\n".join(strings(row))) for row in rows]
    leaks.recount(documents)
    return tuple(row for row, document in zip(rows, documents, strict=True) if not leaks(document))


@cache
def _tests(tasks: Path) -> Leaks | None:
    """The test splits' grams, or None where there is no test split; some ten seconds for all the public sets."""
    files = sorted(tasks.glob("*/test*.jsonl"))
    return Leaks(files) if files else None
