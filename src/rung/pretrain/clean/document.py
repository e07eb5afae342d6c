"""A document on its way through the stages, and what a stage says of it.

A stage is a function of the document. It may change the text, and tells each change; it returns a finding where the
document has to go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rung.pretrain.clean.units import Units, units

WORD = re.compile("[a-z']+")
AROUND = 60  # characters of a text that an excerpt shows on each side


@dataclass(frozen=True)
class Finding:
    """Why a document goes, or what was changed in it: the stage, its rule, the measured value, and a look at the place."""

    reason: str
    rule: str
    value: str | float = ""
    excerpt: str = ""


@dataclass
class Document:
    """One text; ``place`` is its file and line, ``changes`` what the stages did to it, in order."""

    place: str
    text: str
    row: dict[str, Any] = field(default_factory=dict)  # all fields of its line
    language: str = ""  # set by the stage of that name
    changes: list[Finding] = field(default_factory=list)
    _read: Units | None = None
    _words: list[str] | None = None

    def change(self, text: str, reason: str, rule: str, value: str | float = "", excerpt: str = "") -> None:
        """Put ``text`` in place of what stood there, and remember why."""
        self.changes.append(Finding(reason, rule, value, excerpt))
        self.text, self._read, self._words = text, None, None

    @property
    def units(self) -> Units:
        """The units of the text as it stands now."""
        if self._read is None:
            self._read = units(self.text)
        return self._read

    @property
    def words(self) -> list[str]:
        """The words in Latin letters, in lower case."""
        if self._words is None:
            self._words = WORD.findall(self.text.lower())
        return self._words


Stage = Callable[[Document], Finding | None]


def around(text: str, start: int, end: int) -> str:
    """A stretch of a text with what stands beside it, on one line."""
    left, right = max(0, start - AROUND), end + AROUND
    return " ".join(("…" * (left > 0) + text[left:right] + "…" * (right < len(text))).split())
