"""What the cleaning remembers of the corpus, in one SQLite file: memory does not grow with the texts.

The file lives while the command runs. A killed run begins anew, so it needs no journal.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import numpy as np

from rung.pretrain.clean.minhash import Signature

TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -16384;
CREATE TABLE lines (key INTEGER, source TEXT, documents INTEGER, PRIMARY KEY (key, source)) WITHOUT ROWID;
CREATE TABLE texts (key INTEGER PRIMARY KEY, place TEXT) WITHOUT ROWID;
CREATE TABLE kept (number INTEGER PRIMARY KEY, place TEXT, signature BLOB);
CREATE TABLE bands (key INTEGER, number INTEGER, PRIMARY KEY (key, number)) WITHOUT ROWID;
"""
BUFFERED = 50_000  # lines that are counted in memory before they are written


class Work:
    """Counts of lines, hashes of texts, and signatures with their bands."""

    def __init__(self, path: Path):
        self.path = path
        self.base = sqlite3.connect(path)
        self.base.executescript(TABLES)
        self._lines: Counter[tuple[int, str]] = Counter()

    def __enter__(self) -> Work:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.base.close()
        self.path.unlink(missing_ok=True)

    # --- lines ---

    def count_lines(self, source: str, keys: Iterable[int]) -> None:
        """These lines stand in one more document of the source."""
        self._lines.update((key, source) for key in keys)
        if len(self._lines) >= BUFFERED:
            self._write_lines()

    def common_lines(self, source: str, needed: int) -> frozenset[int]:
        """Lines of at least ``needed`` documents: no more than documents / needed for each line of a document."""
        self._write_lines()
        rows = self.base.execute("SELECT key FROM lines WHERE source = ? AND documents >= ?", (source, needed))
        return frozenset(key for (key,) in rows)

    def _write_lines(self) -> None:
        self.base.executemany(
            "INSERT INTO lines VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET documents = documents + excluded.documents",
            [(key, source, count) for (key, source), count in sorted(self._lines.items())],
        )
        self._lines.clear()

    # --- documents ---

    def same(self, key: int) -> str | None:
        """The place of the document that was kept with this hash."""
        row = self.base.execute("SELECT place FROM texts WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def near(self, keys: list[int]) -> list[tuple[str, Signature]]:
        """Place and signature of every kept document that shares a band, in the order in which they were kept."""
        marks = ", ".join("?" * len(keys))
        rows = self.base.execute(
            f"SELECT place, signature FROM kept WHERE number IN (SELECT number FROM bands WHERE key IN ({marks}))", keys
        )
        return [(place, np.frombuffer(made, np.uint32)) for place, made in rows]

    def keep(self, key: int, place: str, made: Signature | None, keys: list[int]) -> None:
        """Remember a document that stays."""
        self.base.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", (key, place))
        if made is not None:
            number = self.base.execute(
                "INSERT INTO kept (place, signature) VALUES (?, ?)", (place, made.tobytes())
            ).lastrowid
            self.base.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?)", [(one, number) for one in keys])
