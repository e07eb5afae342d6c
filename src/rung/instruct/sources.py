"""The texts and labelled sets that exercises are made from, read once and only where they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rung.instruct.clear import clear
from rung.pretrain.corpus import read_objects, read_rows
from rung.types import DataError, Language

# Labelled sets that a model may be trained on and passed on with (Apache, MIT, CC BY, CC BY-SA, ODC-By), and their licences.
# Evaluation-only sets and those of the n-shot study are not here, nor csl_title and csl_keywords, whose papers are csl_category's.
LICENSED = {
    "cmrc2018": "CC BY-SA 4.0",
    "gsm8k": "MIT",
    "instruction_induction": "MIT",
    "kdconv": "Apache-2.0",
    "onestop_english": "CC BY-SA 4.0",
    "onestop_simplify": "CC BY-SA 4.0",
    "self_instruct_seed": "Apache-2.0",
    "tatoeba": "CC BY 2.0 FR",
}


@dataclass(frozen=True)
class Passage:
    """A document of plain text."""

    source: str  # the folder it is from: en_wiki, zh_law ...
    title: str
    text: str

    @property
    def language(self) -> Language:
        return "zh" if self.source.startswith("zh") else "en"


@dataclass(frozen=True)
class Sources:
    """``texts``: a folder of folders with train.jsonl and valid.jsonl; ``tasks``: a folder of labelled sets.

    ``exam`` True reads the valid (texts) and dev splits (sets) in place of the training splits, for items that were never trained
    on; test splits are never read, and rows for training that overlap with one are left out.
    """

    texts: Path
    tasks: Path
    exam: bool = False

    def passages(self, source: str) -> tuple[Passage, ...]:
        """The documents of ``texts/source``; DataError where there are none."""
        return _passages(self.texts / source, "valid" if self.exam else "train")

    def rows(self, name: str) -> tuple[dict[str, Any], ...]:
        """The training rows (exam: the dev rows, or the last tenth of the training rows where there is no dev) of a set."""
        if name not in LICENSED:
            raise DataError(f"{name} may not be trained on: known are {', '.join(LICENSED)}", zh=f"{name} 不可用于训练")
        return _kept(self.tasks, name, self.exam)

    def file(self, need: str) -> Path:
        """The file that a need of a family (``text:en_wiki``, ``tatoeba``) is read from for training."""
        if need.startswith("text:"):
            return self.texts / need.removeprefix("text:") / "train.jsonl"
        return _training(self.tasks, need)


def _training(tasks: Path, name: str) -> Path:
    return tasks / name / ("seed_tasks.jsonl" if name == "self_instruct_seed" else "train.jsonl")


@cache
def _kept(tasks: Path, name: str, exam: bool) -> tuple[dict[str, Any], ...]:
    """The rows of the split; those for training are clear of every test split."""
    path = tasks / name
    has_dev = (path / "dev.jsonl").exists()
    if exam and has_dev:
        return _rows(path / "dev.jsonl")
    rows = _rows(_training(tasks, name))
    if not has_dev:
        kept = len(rows) - len(rows) // 10
        rows = rows[kept:] if exam else rows[:kept]
    return rows if exam else clear(rows, tasks)


@cache
def _passages(folder: Path, split: str) -> tuple[Passage, ...]:
    rows = read_rows(_there(folder / f"{split}.jsonl"))
    return tuple(Passage(folder.name, str(row.get("title") or ""), row["text"]) for row in rows)


@cache
def _rows(path: Path) -> tuple[dict[str, Any], ...]:
    return tuple(row for _, row in read_objects(_there(path)))


def _there(path: Path) -> Path:
    if not path.exists():
        raise DataError(f"no file {path}", zh=f"没有文件 {path}")
    return path
