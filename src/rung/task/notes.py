"""What is told to the user about the data: notes, and rows that cannot be used, in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from rung.types import DataError, Language, Naming, Way, told, typed

EXCERPT = 80  # characters of a bad row that are shown


@dataclass(frozen=True)
class Note:
    """A sentence in English and in Chinese, and ways to mend what it tells of, which :meth:`text` ends with."""

    en: str
    zh: str
    ways: tuple[Way, ...] = ()

    def text(self, language: Language, named: Naming = typed) -> str:
        """The sentence in that language, for the door that ``named`` speaks for."""
        return told(self.zh if language == "zh" else self.en, self.ways, language, named)

    def error(self) -> DataError:
        """The sentence as an error to raise."""
        return DataError(self.en, zh=self.zh, ways=self.ways)


@dataclass(frozen=True)
class BadRow:
    """A row that is not used: where it stands, what kind of fault (a word in kebab case), why, and its beginning."""

    file: str
    line: int
    code: str
    reason: Note
    text: str = ""

    @property
    def place(self) -> str:
        """ "reviews.csv:12"."""
        return f"{self.file}:{self.line}"


def excerpt(text: str) -> str:
    """The beginning of a text on one line."""
    flat = " ".join(text[: 4 * EXCERPT].split())
    return flat if len(flat) <= EXCERPT and len(text) <= 4 * EXCERPT else flat[: EXCERPT - 1] + "…"


def joined(names: object) -> str:
    """Names as a list for a message: "a, b, c"."""
    return ", ".join(str(name) for name in names) or "-"  # type: ignore[attr-defined]
