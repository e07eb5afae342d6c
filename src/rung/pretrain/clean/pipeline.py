"""Clean texts to pre-train on: ``rung pretrain clean``.

    read -> repair -> what is it -> is it good -> whose is it -> was it here before -> write

Two passes over the texts: the first counts lines, the second takes each document through the stages of ``line_up``, in
that order, until one says that it goes. Held-out parts come first, so that it is the training text that loses what both
have. Everything is written into a folder that appears when it is whole.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TextIO

from rung.folders import replacing, writable
from rung.pretrain.clean.document import Document, Finding, Stage
from rung.pretrain.clean.duplicates import duplicates
from rung.pretrain.clean.harm import harm, spam
from rung.pretrain.clean.heldout import held_out_files
from rung.pretrain.clean.language import check_languages, only
from rung.pretrain.clean.leaks import Leaks
from rung.pretrain.clean.lines import boilerplate, line_keys, needed
from rung.pretrain.clean.markup import markup
from rung.pretrain.clean.mojibake import mojibake
from rung.pretrain.clean.page import write_page
from rung.pretrain.clean.personal import personal
from rung.pretrain.clean.quality import quality
from rung.pretrain.clean.read import Texts, find_texts, split_of
from rung.pretrain.clean.repetition import repetition
from rung.pretrain.clean.report import Report
from rung.pretrain.clean.symbols import symbols
from rung.pretrain.clean.work import Work
from rung.types import DataError, Language, UserError

REASONS = (
    "mojibake", "markup", "symbols", "language", "boilerplate", "repetition", "quality", "spam", "harm", "personal",
    "leak", "duplicate", "near-duplicate",
)  # fmt: skip
SPLITS = ("valid", "train")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Cleaning:
    """What to clean, and what for."""

    held_out: tuple[Path, ...] = ()  # evaluation sets that must not be in the texts
    languages: tuple[str, ...] = ("zh", "en")
    keep: tuple[str, ...] = ()  # reasons that are none: their stages do not run
    samples: int = 20  # documents of each reason in removed.jsonl


def clean(
    texts: Path, out: Path, how: Cleaning = Cleaning(), *, language: Language = "en", say: Say = print
) -> dict[str, Any]:
    """Write the cleaned texts to ``out``, in the layout of ``rung pretrain base``; returns what ``report.json`` holds.

    ``language`` is the page's. Raises DataError (no texts, no evaluation sets, ``out`` is something else) and UserError
    (a reason or a language that there is not, a disk that is read-only).
    """
    check(how)
    sources, held_out = find_texts(texts), held_out_files(how.held_out)
    check_out(texts, out)
    writable(out.parent)
    started = time.perf_counter()
    report = Report([*REASONS, "empty"], how.samples)
    with replacing(out) as fresh:
        with Work(fresh / "work.sqlite") as work:
            leaks = Leaks(held_out) if held_out and "leak" not in how.keep else None
            common = first_pass(sources, work, leaks)
            stages = line_up(how, work, leaks, common)
            for split in SPLITS:
                for source in sources:
                    if split in source.files:
                        clean_split(source, split, stages, fresh, report)
                        say(told(source, split, report))
        for source in sources:
            copy_papers(source, fresh)
        figures = {
            "texts": str(texts), "languages": list(how.languages), "off": list(how.keep),
            "held_out": [path.as_posix() for path in held_out], **report.figures(),
            "seconds": round(time.perf_counter() - started, 1),
        }  # fmt: skip
        report.write(fresh, figures)
        write_page(fresh, figures, list(report.rows()), language)
    return figures


def line_up(how: Cleaning, work: Work, leaks: Leaks | None, common: dict[str, frozenset[int]]) -> list[Stage]:
    """The stages in their order: what repairs, what a document is, how good it is, whose, and whether it was there."""
    visible: dict[str, Stage] = {
        "mojibake": mojibake,
        "boilerplate": boilerplate(lambda document: common.get(document.place.rsplit("/", 1)[0], frozenset())),
        "markup": markup,
        "symbols": symbols,
        "language": only(how.languages),
        "repetition": repetition,
        "quality": quality,
        "spam": spam,
        "harm": harm,
        "personal": personal,
        **({"leak": leaks} if leaks else {}),
    }
    stages = [stage for name, stage in visible.items() if name not in how.keep]
    exact, near = ("duplicate" not in how.keep), ("near-duplicate" not in how.keep)
    return [*stages, duplicates(work, exact=exact, near=near)] if exact or near else stages


def first_pass(sources: Sequence[Texts], work: Work, leaks: Leaks | None) -> dict[str, frozenset[int]]:
    """Count in how many documents lines and held-out grams stand; gives each source's common lines."""
    common = {}
    for source in sources:
        documents = 0
        for split in source.files:
            for document in source.documents(
                split, lambda place, wrong: None
            ):  # the second pass counts what is no document
                work.count_lines(source.name, line_keys(document.text))
                if leaks:
                    leaks.count(document)
                documents += 1
        common[source.name] = work.common_lines(source.name, needed(documents))
    return common


def clean_split(source: Texts, split: str, stages: Sequence[Stage], out: Path, report: Report) -> None:
    """The second pass over one file."""
    folder = out / source.name
    folder.mkdir(exist_ok=True)
    with ExitStack() as open_files:
        files: dict[str, TextIO] = {
            name: open_files.enter_context((folder / f"{name}.jsonl").open("w", encoding="utf-8"))
            for name in (SPLITS if "valid" not in source.files else (split,))
        }
        for document in source.documents(split, report.bad):
            size = len(document.text.encode(errors="replace"))
            finding = judge(document, stages)
            report.add(source.name, size, document, finding)
            if finding is None:
                where = split if "valid" in source.files else split_of(document.text)
                row = json.dumps({**document.row, "text": document.text}, ensure_ascii=False)
                files[where].write(row.encode(errors="replace").decode() + "\n")


def judge(document: Document, stages: Sequence[Stage]) -> Finding | None:
    """The first finding, or None for a document that stays."""
    for stage in stages:
        if not document.text.strip():
            return Finding("empty", "nothing left", len(document.changes))
        if finding := stage(document):
            return finding
    return None


def check(how: Cleaning) -> None:
    """UserError for a reason or a language that there is not, with the nearest one."""
    check_languages(how.languages)
    for name in how.keep:
        if name not in REASONS:
            near = get_close_matches(name, REASONS, 1, 0.0)[0]
            raise UserError(
                f"no reason {name!r} to keep: did you mean {near!r}? There are {', '.join(REASONS)}",
                zh=f"没有名为 {name!r} 的理由：是不是 {near!r}？可选 {'、'.join(REASONS)}",
            )


def check_out(texts: Path, out: Path) -> None:
    """DataError where writing ``out`` would destroy the texts, or a folder that no cleaning has made."""
    here, there = texts.resolve(), out.resolve()
    if here == there or there in here.parents or here in there.parents:
        raise DataError(
            f"{out} and {texts} lie in each other: type another folder for the cleaned texts",
            zh=f"{out} 与 {texts} 互相包含：请为清洗后的文本另选文件夹",
        )
    if out.exists() and not (out / "removed.jsonl").exists() and (out.is_file() or any(out.iterdir())):
        raise DataError(
            f"{out} is there and was not made by `rung pretrain clean`: type another folder",
            zh=f"{out} 已存在，且不是 rung pretrain clean 生成的：请换一个文件夹",
        )


def copy_papers(source: Texts, out: Path) -> None:
    """Licence and provenance go where the texts go: the model card reads them."""
    for path in _papers(source):
        shutil.copyfile(path, out / source.name / path.name)


def _papers(source: Texts) -> Iterator[Path]:
    for path in sorted(source.folder.iterdir()) if source.folder else ():
        if path.is_file() and path.name.upper().startswith(("LICENSE", "LICENCE", "PROVENANCE", "NOTICE", "README")):
            yield path


def told(source: Texts, split: str, report: Report) -> str:
    """A line of progress: what the source has lost so far."""
    counts = report.sources[source.name]
    gone = ", ".join(f"{name} {counts[name]:,}" for name in [*REASONS, "empty", "unreadable"] if counts[name])
    return f"{source.name} with {split}: {counts['kept']:,} of {counts['documents']:,} documents stay ({gone or 'none goes'})"
