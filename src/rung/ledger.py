"""The ledger: every score once, in SQLite, so that a climb can be killed at any moment and goes on.

A prediction's key is (weights, adaptation, example, sample, dtype); decoding is part of the adaptation's hash. Rows
are inserted, never replaced: scoring one key twice is an error of ours and raises. What was bought (predictions,
trained candidates) is written before anything is decided from it.

A model behind an endpoint has no weights to be hashed: ``weights`` is then the hash of its base URL and name
(:class:`rung.engine.endpoint.Address`), and ``dtype`` "endpoint". Each answer to a call is written when it arrives, under the
digest of what was asked, from whatever thread: what a prediction, a calibration or a probe asks again is not paid again.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rung.folders import room_for, writable
from rung.types import DataError, Example, Prediction

CLAIMS = {  # how a person calls what makes a climb this climb
    "version": ("the version of run folders", "运行文件夹的版本"), "task": ("the examples or their splits", "样本或其切分"),
    "language": ("the task's language", "任务语言"), "description": ("the description", "任务说明"), "metric": ("the metric", "指标"),
    "target": ("the target", "目标"), "weights": ("the base model", "基座模型"), "dtype": ("the number format", "数值精度"),
    "seed": ("the seed", "种子"), "volume": ("--volume", "--volume"), "rungs": ("the rungs", "方法"),
    "general text": ("the general text", "通用文本"), "general share": ("--mix-general", "--mix-general"),
    "max forgetting": ("--max-forgetting", "--max-forgetting"), "domain text": ("the domain text", "领域文本"),
}  # fmt: skip
HASHES = ("task", "weights", "general text", "domain text")  # values that tell nobody anything

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS examples (
  split TEXT NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL, input TEXT NOT NULL, target TEXT NOT NULL,
  source TEXT NOT NULL, PRIMARY KEY (split, position));
CREATE TABLE IF NOT EXISTS adaptations (hash TEXT PRIMARY KEY, rung TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS builds (
  rung TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, cost TEXT NOT NULL, notes TEXT NOT NULL,
  PRIMARY KEY (rung, name));
CREATE TABLE IF NOT EXISTS predictions (
  weights TEXT NOT NULL, adaptation TEXT NOT NULL, example TEXT NOT NULL, sample INTEGER NOT NULL, dtype TEXT NOT NULL,
  output TEXT NOT NULL, text TEXT NOT NULL, valid INTEGER NOT NULL, scores TEXT, tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL, calls INTEGER NOT NULL, flops REAL, seconds REAL NOT NULL, shown TEXT NOT NULL,
  score REAL, PRIMARY KEY (weights, adaptation, example, sample, dtype));
CREATE TABLE IF NOT EXISTS calls (
  key TEXT PRIMARY KEY, body TEXT NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, seconds REAL NOT NULL,
  lost INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL);
"""


class Ledger:
    """Reads and writes one ``ledger.sqlite``. ``weights`` and ``dtype`` name the base model in every key.

    UserError for a folder that nothing may be written to, which readers too must, DataError for a file that is no ledger.
    """

    def __init__(self, path: Path, *, weights: str = "", dtype: str = ""):
        writable(path.parent)
        self.path, self.weights, self.dtype = path, weights, dtype
        self.db = sqlite3.connect(path, timeout=30, check_same_thread=False)
        self._lock = threading.RLock()  # answers of an endpoint come in on a thread of their own
        try:
            with room_for(path):
                self.db.execute("PRAGMA journal_mode=WAL")  # a reader (report, page) never blocks the climb
                self.db.execute("PRAGMA synchronous=NORMAL")  # safe against a killed process
                self.db.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            self.db.close()
            if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise
            raise DataError(
                f"{path} is no ledger, or was damaged ({error}): type another run folder, or climb anew in one",
                zh=f"{path} 不是账本，或已损坏（{error}）：请换一个运行文件夹，或在新的文件夹里重新攀登",
            ) from None
        if not weights:  # a reader: take the model from the run itself
            self.weights, self.dtype = self.get("weights") or "", self.get("dtype") or ""

    def close(self) -> None:
        self.db.close()

    # --- the run itself -------------------------------------------------------------------------------------------

    def get(self, key: str) -> str | None:
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def claim(self, meta: Mapping[str, str]) -> None:
        """Write what this run is about, or check that it is still the same; raises DataError naming what differs."""
        for key, value in meta.items():
            known = self.get(key)
            if known is None:
                self._write("INSERT INTO meta VALUES (?, ?)", [(key, value)])
            elif known != value:
                en, zh = CLAIMS.get(key, (key, key))
                shown = key not in HASHES
                raise DataError(
                    f"{self.path.parent} holds another climb. What differs: {en}"
                    f"{f' ({known} there, {value} here)' if shown else ''}. Type --run with another folder.",
                    zh=f"{self.path.parent} 里是另一次攀登，不同之处：{zh}"
                    f"{f'（那次为 {known}，这次为 {value}）' if shown else ''}。请用 --run 指定别的文件夹。",
                )

    def event(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Something that happens once and is remembered: the opening of the test split, an interruption."""
        body = json.dumps(detail, ensure_ascii=False, sort_keys=True)
        self._write("INSERT INTO events (at, kind, detail) VALUES (?, ?, ?)", [(time.time(), kind, body)])

    def begin_session(self) -> int:
        """A session of work begins; gives its number for :meth:`tick`."""
        with room_for(self.path), self.db:
            added = self.db.execute(
                "INSERT INTO events (at, kind, detail) VALUES (?, 'session', ?)", (time.time(), '{"seconds": 0.0}')
            )
        return int(added.lastrowid or 0)

    def tick(self, session: int, seconds: float) -> None:
        """How long a session has worked so far; kept as it goes on: a killed process cannot say it at its end."""
        self._write("UPDATE events SET detail = ? WHERE number = ?", [(json.dumps({"seconds": seconds}), session)])

    def events(self, kind: str) -> list[dict[str, Any]]:
        rows = self.db.execute("SELECT at, detail FROM events WHERE kind = ? ORDER BY number", (kind,))
        return [{"at": at, **json.loads(detail)} for at, detail in rows]

    # --- examples -------------------------------------------------------------------------------------------------

    def keep_examples(self, split: str, examples: Iterable[Example]) -> None:
        """Keep a split for the report; test only after the seal was opened. A second call changes nothing."""
        rows = [(split, i, e.id, e.input, e.target, e.source) for i, e in enumerate(examples)]
        self._write("INSERT OR IGNORE INTO examples VALUES (?, ?, ?, ?, ?, ?)", rows)

    def examples(self, split: str) -> list[Example]:
        rows = self.db.execute(
            "SELECT id, input, target, source FROM examples WHERE split = ? ORDER BY position", (split,)
        )
        return [Example(*row) for row in rows]

    # --- adaptations ----------------------------------------------------------------------------------------------

    def keep_adaptation(self, hash: str, rung: str, name: str, body: Mapping[str, Any]) -> None:
        text = json.dumps(body, ensure_ascii=False, sort_keys=True)
        self._write("INSERT OR IGNORE INTO adaptations VALUES (?, ?, ?, ?)", [(hash, rung, name, text)])

    def adaptations(self) -> dict[str, dict[str, Any]]:
        rows = self.db.execute("SELECT hash, body FROM adaptations ORDER BY rowid")
        return {hash: {**json.loads(body), "hash": hash} for hash, body in rows}

    def keep_build(self, rung: str, name: str, hash: str, cost: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
        """What it took to build a trained candidate; written when its files are whole."""
        row = (rung, name, hash, json.dumps(cost), json.dumps(notes, ensure_ascii=False))
        self._write("INSERT INTO builds VALUES (?, ?, ?, ?, ?)", [row])

    def build(self, rung: str, name: str) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        """(adaptation hash, cost, notes) of a candidate that was built before, else None."""
        row = self.db.execute(
            "SELECT hash, cost, notes FROM builds WHERE rung = ? AND name = ?", (rung, name)
        ).fetchone()
        return (row[0], json.loads(row[1]), json.loads(row[2])) if row else None

    def builds(self, rung: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        """(name, cost, notes) of every candidate of a rung that was built before."""
        rows = self.db.execute("SELECT name, cost, notes FROM builds WHERE rung = ? ORDER BY rowid", (rung,))
        return [(name, json.loads(cost), json.loads(notes)) for name, cost, notes in rows]

    # --- predictions ----------------------------------------------------------------------------------------------

    def keep_predictions(
        self, adaptation: str, rows: Sequence[tuple[Prediction, float | None]], sample: int = 0
    ) -> None:
        """Write a block of predictions in one transaction. Raises sqlite3.IntegrityError on a key that is there."""
        values = []
        for p, score in rows:
            d = asdict(p)
            scores = None if p.scores is None else json.dumps(p.scores)
            values.append(
                (self.weights, adaptation, p.example_id, sample, self.dtype, p.output, p.text, int(p.valid), scores)
                + tuple(d[k] for k in ("tokens_in", "tokens_out", "calls", "flops", "seconds"))
                + (json.dumps(p.shown, ensure_ascii=False), score)
            )
        self._write("INSERT INTO predictions VALUES (" + ",".join("?" * 16) + ")", values)

    def known(self, adaptation: str, ids: Iterable[str], sample: int = 0) -> dict[str, tuple[Prediction, float | None]]:
        """What is known already of this adaptation on these examples."""
        wanted = set(ids)
        rows = self.db.execute(
            "SELECT example, output, text, valid, scores, tokens_in, tokens_out, calls, flops, seconds, shown, score "
            "FROM predictions WHERE weights = ? AND adaptation = ? AND sample = ? AND dtype = ?",
            (self.weights, adaptation, sample, self.dtype),
        )
        return {row[0]: _prediction(row) for row in rows if row[0] in wanted}

    def predictions(self, adaptation: str, split: str) -> list[tuple[Prediction, float | None]]:
        """Known predictions on a kept split, in the split's order."""
        ids = [e.id for e in self.examples(split)]
        known = self.known(adaptation, ids)
        return [known[i] for i in ids if i in known]

    # --- calls to an endpoint -------------------------------------------------------------------------------------

    def known_call(self, key: str) -> tuple[str, int, int, float] | None:
        """(body, tokens in, tokens out, seconds) of an answer that came before, else None."""
        with self._lock:
            found = self.db.execute(
                "SELECT body, tokens_in, tokens_out, seconds FROM calls WHERE key = ? AND lost = 0", (key,)
            ).fetchone()
        return found and tuple(found)

    def keep_call(self, key: str, body: str, tokens_in: int, tokens_out: int, seconds: float) -> None:
        """Write an answer; raises sqlite3.IntegrityError for one that is there."""
        self._write("INSERT INTO calls VALUES (?, ?, ?, ?, ?, 0)", [(key, body, tokens_in, tokens_out, seconds)])

    def lose_call(self, key: str, tokens_in: int, tokens_out: int) -> None:
        """An attempt that broke off may have been billed: at most so many tokens."""
        self._write("INSERT INTO calls VALUES (?, '', ?, ?, 0, 1)", [(key, tokens_in, tokens_out)])

    def call_totals(self) -> tuple[int, int, int, int, int, int]:
        """(answers, tokens in, tokens out), and the same of the lost ones."""
        with self._lock:
            rows = self.db.execute("SELECT lost, COUNT(*), SUM(tokens_in), SUM(tokens_out) FROM calls GROUP BY lost")
            found = {row[0]: row[1:] for row in rows}
        return (*found.get(0, (0, 0, 0)), *found.get(1, (0, 0, 0)))

    def tokens(self) -> int:
        """Tokens read and written for all predictions so far, as lone requests."""
        (total,) = self.db.execute("SELECT SUM(tokens_in + tokens_out) FROM predictions").fetchone()
        return int(total or 0)

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with room_for(self.path), self._lock, self.db:  # one transaction: all rows or none
            self.db.executemany(statement, rows)


def _prediction(row: tuple[Any, ...]) -> tuple[Prediction, float | None]:
    example, output, text, valid, scores, tokens_in, tokens_out, calls, flops, seconds, shown, score = row
    numbers = tuple(json.loads(scores)) if scores else None
    prediction = Prediction(
        example,
        output,
        text,
        bool(valid),
        numbers,
        tokens_in,
        tokens_out,
        calls,
        flops,
        seconds,
        tuple(json.loads(shown)),
    )
    return prediction, score
