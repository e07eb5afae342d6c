"""The journal: every candidate with what became of it, a line each, written round by round; so a killed run goes on.

A round ends with a line that says so. What stands behind the last such line was cut off by a kill, and is made again: a round is
a function of those before it, so the rows are those of a run that was never killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rung.folders import room_for, writable
from rung.synthesize.attempt import Attempt, as_row, of_row
from rung.types import DataError, UserError

BEGIN = b'{"settings": '  # of every journal


class Journal:
    """``attempts.jsonl`` of a folder: the first line holds the settings, which must be those of this command."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        writable(folder)
        self.path = folder / "attempts.jsonl"
        self._lock = FileLock(str(folder / ".lock"))
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise UserError(
                f"another process is writing to {folder}; wait for it, or type another folder",
                zh=f"另一个进程正在写 {folder}；请等它结束，或换一个文件夹",
            ) from None
        self.attempts: list[Attempt] = []
        if self.path.exists():
            self._recover(settings)
        elif any(p.name != ".lock" for p in folder.iterdir()):
            raise self._foreign()
        else:
            self._append([{"settings": settings}])

    def keep(self, attempts: Sequence[Attempt]) -> None:
        """A round, on the disk when this returns."""
        self.attempts += attempts
        self._append([*map(as_row, attempts), {"round": len(self.attempts)}])

    def close(self) -> None:
        """Let another process write."""
        self._lock.release()

    def _append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        with room_for(self.path), self.path.open("a", encoding="utf-8") as out:
            out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            out.flush()
            os.fsync(out.fileno())

    def _foreign(self) -> DataError:
        """The error for a folder that is somebody else's, which is let go."""
        self.close()
        folder = self.path.parent
        return DataError(
            f"{folder} is there and was not made by `rung data synthesize`: type another folder",
            zh=f"{folder} 已存在，且不是 rung data synthesize 生成的：请换一个文件夹",
        )

    def _recover(self, settings: Mapping[str, Any]) -> None:
        """Read what is whole, and cut off the rest; DataError for a file of the same name that is no journal."""
        raw, end = self.path.read_bytes(), 0
        if not (raw.startswith(BEGIN) or BEGIN.startswith(raw)):  # a kill may have cut it short
            raise self._foreign()
        lines = raw.split(b"\n")[:-1]  # behind the last line end stands nothing, or half a line
        found: dict[str, Any] = {}
        waiting: list[Attempt] = []
        size = 0
        for line in lines:
            size += len(line) + 1
            try:
                row = json.loads(line)
            except ValueError:
                break
            if "settings" in row:
                found, end = row["settings"], size
            elif "round" in row:
                self.attempts += waiting
                waiting, end = [], size
            else:
                waiting.append(of_row(row))
        if end == 0:  # killed before the first line was whole
            self.path.unlink()
            self._append([{"settings": settings}])
            return
        self._check(found, json.loads(json.dumps(settings)))
        if end < len(raw):
            os.truncate(self.path, end)

    def _check(self, found: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        other = [name for name in asked if found.get(name) != asked[name]]
        if other:
            self.close()
            name = other[0]
            raise UserError(
                f"{self.path.parent} was begun with other settings ({', '.join(other)}): {name} was {found.get(name)!r}, "
                f"now {asked[name]!r}. Type another folder, or the settings of then",
                zh=f"{self.path.parent} 是用另一组设置开始的（{'、'.join(other)}）：{name} 原为 {found.get(name)!r}，"
                f"现为 {asked[name]!r}。请换一个文件夹，或用原来的设置",
            )
