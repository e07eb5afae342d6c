"""Files that a person brings: ``RUNS/uploads/ID/``, with a ``task.yaml`` of ours that holds what was said about them.

The climb reads that ``task.yaml``, so that what is shown and what is climbed on are one thing. A file brought from
elsewhere may not be a ``task.yaml`` itself: it could name any path of this machine.
"""

from __future__ import annotations

import re
import secrets
import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from rung.pages.runs import NotFound, inside
from rung.task import Inspection, inspect_task
from rung.task.read import EXTENSIONS, read_table
from rung.types import DataError, UserError

FOLDER = "uploads"
LONGEST = 240  # bytes of a file's name; most file systems hold 255
SPLITS = {"train": "train", "dev": "dev", "valid": "dev", "validation": "dev", "val": "dev", "test": "test"}
SAID = ("input", "output", "kind", "metric", "target", "language", "description", "split", "encoding")


@dataclass(frozen=True)
class Upload:
    """Files of one task, and what was said about them."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def yaml(self) -> Path:
        return self.folder / "task.yaml"

    @property
    def said(self) -> dict[str, Any]:
        """The keys of its ``task.yaml``."""
        return dict(yaml.safe_load(self.yaml.read_text(encoding="utf-8")))

    @property
    def name(self) -> str:
        return str(self.said["name"])

    def say(self, values: Mapping[str, Any]) -> None:
        """Change what is said: a value that is empty is unsaid."""
        kept = {key: value for key, value in self.said.items() if key not in SAID}
        _write(self.yaml, kept | {key: values[key] for key in SAID if values.get(key) not in (None, "", (), [])})

    def inspect(self) -> Inspection:
        """What is understood of it; DataError."""
        return inspect_task(self.yaml)

    def columns(self) -> tuple[str, ...]:
        """The columns of its first file; none where it cannot be read."""
        said = self.said
        try:
            return read_table(self.folder / (said.get("data") or said["train"]), said.get("encoding", "utf-8")).columns
        except UserError:
            return ()


def find_upload(root: Path, id: str) -> Upload:
    """The upload of that id; NotFound."""
    folder = inside(inside(root, FOLDER), id) if (root / FOLDER).is_dir() else root / "none"
    if not (folder / "task.yaml").is_file():
        raise NotFound("there is no such file; bring it again", zh="没有这个文件；请重新上传")
    return Upload(folder)


def keep(root: Path, files: Sequence[tuple[str, IO[bytes]]]) -> Upload:
    """Write the files, (name, content) each, into a new upload. UserError for names that cannot be used."""
    if not files:
        raise DataError("no file was chosen", zh="没有选择文件")
    names = [clean_name(name) for name, _ in files]
    places = _places(names)
    folder = root / FOLDER / secrets.token_hex(6)
    folder.mkdir(parents=True)
    for name, (_, content) in zip(names, files, strict=True):
        with (folder / name).open("wb") as out:
            shutil.copyfileobj(content, out)
    title = Path(names[0]).stem if len(names) == 1 else "task"
    _write(folder / "task.yaml", {"name": title, **places})
    return Upload(folder)


def clean_name(name: str) -> str:
    """A file name that stays in its folder: its last part, of letters, digits and ``. _ -`` only. DataError for a kind we do not read."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = re.sub(r"[^\w.-]+", "_", last).strip("._-")
    stem, dot, ending = kept.rpartition(".")
    if f".{ending.lower()}" not in EXTENSIONS or not dot or not stem:
        listed = ", ".join(EXTENSIONS)
        raise DataError(f"{last!r} cannot be read: bring {listed}", zh=f"读不了 {last!r}：支持 {listed}")
    room = LONGEST - len(ending) - 1
    return f"{stem.encode()[:room].decode(errors='ignore')}.{ending.lower()}"


def _places(names: Sequence[str]) -> dict[str, str]:
    """One file is split; several are the splits, told by their names."""
    if len(names) == 1:
        return {"data": names[0]}
    found: dict[str, str] = {}
    for name in names:
        split = SPLITS.get(Path(name).stem.lower())
        if split is None or split in found:
            raise DataError(
                f"several files must be named train, dev and test, once each; found {name}",
                zh=f"多个文件须分别命名为 train、dev、test，各一个；这里有 {name}",
            )
        found[split] = name
    if "train" not in found:
        raise DataError("no file is named train", zh="没有名为 train 的文件")
    return found


def _write(path: Path, values: Mapping[str, Any]) -> None:
    partial = path.with_name("task.yaml.new")
    partial.write_text(yaml.safe_dump(dict(values), allow_unicode=True, sort_keys=False), encoding="utf-8")
    partial.replace(path)
