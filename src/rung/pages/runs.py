"""The runs folder, read: which climbs there are, and how each of them stands.

A name from a request becomes a path here and nowhere else; what would lead out of the folder is not found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from rung.ladder import Progress, alive, read_progress
from rung.report.run import VERSION
from rung.task.read import exists
from rung.types import UserError

State = Literal["running", "done", "paused", "stopped", "failed"]
MARKS = ("result.json", "progress.json", "ledger.sqlite", "climb.json")
LOG = 4000  # characters of the end of a log that are shown


class NotFound(UserError):
    """There is no such run, file or page."""


def inside(root: Path, name: str) -> Path:
    """The folder ``root/name``, which must be a child of ``root`` in truth; NotFound otherwise, for a link that leads out too."""
    found = root / name
    plain = name not in ("", ".", "..") and not any(c in name for c in "/\\\0") and not name.startswith(".")
    if not plain or not exists(found) or not found.is_dir() or found.resolve().parent != root.resolve():
        raise NotFound(f"there is no {name!r} in the runs folder", zh=f"运行文件夹中没有 {name!r}")
    return found


@dataclass(frozen=True)
class Run:
    """One run folder. Its files are read once: make a new Run to look again."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def result(self) -> dict[str, Any] | None:
        """``result.json``, of this version; None while there is none."""
        body = _json(self.folder / "result.json")
        return body if body is not None and body.get("version") == VERSION else None

    @cached_property
    def progress(self) -> dict[str, Any] | None:
        return read_progress(self.folder)

    @cached_property
    def launch(self) -> dict[str, Any] | None:
        """What the pages started it with, if it was they."""
        return _json(self.folder / "climb.json")

    @cached_property
    def process(self) -> Mapping[str, Any] | None:
        """The process that climbs in it now: a program that goes on after its climb has ended climbs no more."""
        ended = self.progress is not None and self.progress["ended"] is not None
        for body in (self.launch, None if ended else self.progress):
            if body is not None and alive(body.get("process", {})):
                return body["process"]
        return None

    @cached_property
    def state(self) -> State:
        """Running; done; paused (a budget is spent); stopped (and can go on); failed (before it began)."""
        if self.process is not None:
            return "running"
        if self.result is not None:
            return "done" if self.result["complete"] else "paused"
        return "stopped" if self.progress is not None else "failed"

    @cached_property
    def steps(self) -> Progress | None:
        """The progress as a state to draw."""
        return None if self.progress is None else Progress.from_json(self.progress)

    @property
    def changed(self) -> float:
        """When something was last written, as a Unix time."""
        return max((f.stat().st_mtime for name in MARKS if (f := self.folder / name).exists()), default=0.0)

    @property
    def log(self) -> str:
        """The end of what the process said."""
        path = self.folder / "climb.log"
        return path.read_text(encoding="utf-8", errors="replace")[-LOG:].strip() if path.is_file() else ""

    def finished(self) -> dict[str, Any]:
        """The result; NotFound while there is none."""
        if self.result is None:
            raise NotFound(f"{self.name} has no result yet", zh=f"{self.name} 还没有结果")
        return self.result


def find_run(root: Path, name: str) -> Run:
    """The run of that name; NotFound."""
    folder = inside(root, name)
    if not any((folder / mark).is_file() for mark in MARKS):
        raise NotFound(f"there is no run {name!r}", zh=f"没有名为 {name!r} 的运行")
    return Run(folder)


def all_runs(root: Path) -> list[Run]:
    """Every run of the folder, the latest first."""
    names = sorted(entry.name for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
    found = []
    for name in names:
        try:
            found.append(find_run(root, name))
        except NotFound:  # another kind of folder
            continue
    shown = [run for run in found if run.result or run.progress or run.launch]
    return sorted(shown, key=lambda run: -run.changed)


def _json(path: Path) -> dict[str, Any] | None:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return body if isinstance(body, dict) else None
