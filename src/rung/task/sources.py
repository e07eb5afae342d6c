"""Where the splits of a task lie: one file, files for the splits, a folder of them, or a ``task.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rung.task.config import Settings, read_settings, settings
from rung.task.notes import joined
from rung.task.read import EXTENSIONS, exists
from rung.task.split import SPLITS, Split
from rung.types import DataError

STEMS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "dev": ("dev", "valid", "validation", "val"),
    "test": ("test",),
}


@dataclass(frozen=True)
class Source:
    """The settings of a task and the file of each split; only "train" means one file that is to be split."""

    settings: Settings
    files: Mapping[Split, Path]
    name: str


def find_source(path: str | Path | None, options: Mapping[str, Any]) -> Source:
    """Files and settings; ``options`` (None: not given) win over the ``task.yaml``. DataError without a train file."""
    if path is not None and not isinstance(path, str | PathLike):  # of a notebook
        kind = type(path).__name__
        raise DataError(
            f"a task is read from a file, and this is a {kind}; write it to one first: a table by its to_parquet",
            zh=f"任务要从文件读取，而这里给的是 {kind}；请先写成文件，表格可用它的 to_parquet",
        )
    if path is not None and not exists(Path(path)):
        raise DataError(f"there is no file {path}", zh=f"找不到文件 {path}")
    given = {key: value for key, value in options.items() if value is not None}
    if path is not None and (yaml := yaml_of(Path(path))):
        said = settings({**read_settings(yaml), **given}, "the settings", "设置")
        # Without a word about where they are, the files lie beside it.
        base: Path | None = said.data if said.data or said.train else yaml.parent
        default = yaml.parent.resolve().name
    else:
        said = settings(given, "the settings", "设置")
        base = Path(path) if path is not None else said.data
        default = ""
        if base is not None and said.train is not None and not base.is_dir():
            raise DataError(
                f"{base} and --train {said.train} are both training data; give one of the two",
                zh=f"{base} 与 --train {said.train} 都是训练数据；请只给一个",
            )
    files: dict[Split, Path] = {}
    for name in SPLITS:
        if (file := getattr(said, name)) is not None:
            files[name] = inside(base, file)
    if base is not None:
        files = of_base(base, files)
    if "train" not in files:
        raise DataError(
            "no training data: give a file, a folder or --train FILE",
            zh="没有训练数据：请给出文件、文件夹或 --train 文件",
        )
    return Source(
        said, {name: files[name] for name in SPLITS if name in files}, said.name or default or title(files["train"])
    )


def yaml_of(path: Path) -> Path | None:
    """The task.yaml that a path is or holds."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return path
    return path / "task.yaml" if (path / "task.yaml").is_file() else None


def inside(base: Path | None, file: Path) -> Path:
    """A split's file, which may be named relative to the folder."""
    return base / file if base is not None and base.is_dir() and not file.exists() else file


def of_base(base: Path, files: Mapping[Split, Path]) -> dict[Split, Path]:
    """The files that are given, and for the other splits those of a folder by their names, or the one file as train."""
    if not base.is_dir():
        return {"train": base, **files}
    found = dict(files)
    for name, stems in STEMS.items():
        here = sorted(f for f in base.iterdir() if f.stem.lower() in stems and f.suffix.lower() in EXTENSIONS)
        if name in files or not here:
            continue
        if len(here) > 1:
            listed = joined(f.name for f in here)
            raise DataError(
                f"{base}: several files for {name}: {listed}; give --{name} FILE",
                zh=f"{base}：{name} 有多个文件：{listed}；请加 --{name} 文件",
            )
        found[name] = here[0]
    if "train" not in found:
        listed = joined(sorted(f.name for f in base.iterdir() if f.suffix.lower() in EXTENSIONS))
        raise DataError(
            f"{base} holds no train file (train.csv, train.jsonl ...); found: {listed}. "
            "Give --train FILE --dev FILE --test FILE",
            zh=f"{base} 里没有训练文件（train.csv、train.jsonl 等）；现有：{listed}。"
            "请加 --train 文件 --dev 文件 --test 文件",
        )
    return found


def title(file: Path) -> str:
    """A name for the task: the file's, or its folder's where the file is only called "train"."""
    stem = file.stem
    return file.resolve().parent.name if stem.lower().split("_")[0] in ("train", "data") else stem
