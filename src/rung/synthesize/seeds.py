"""Seeds: what is known of the task before a teacher writes for it. A file of examples, a few pairs, a description."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rung.prompts import Words
from rung.task import BadRow, canonical, load_task, normalise
from rung.task.answers import infer_kind, infer_schema
from rung.task.columns import find_columns
from rung.task.config import MAX_CHARACTERS, settings
from rung.task.jsonlines import DECODER, Broken, encodable
from rung.task.language import is_chinese, language_of
from rung.task.load import check_pairs, in_order, nothing
from rung.task.notes import Note
from rung.task.rows import fit, pick, unique
from rung.task.targets import example, structure
from rung.task.unsplit import read_rows
from rung.types import Adaptation, DataError, Example, Kind, Language, UserError, digest

ARROW = "=>"  # between input and answer of a pair that is typed


@dataclass(frozen=True)
class Seeds:
    """The task that examples are wanted for, and the examples that are there.

    ``labels`` are sorted for ``classify``, ``schema`` is the answers' JSON Schema for ``extract``.
    """

    kind: Kind
    language: Language
    examples: tuple[Example, ...] = ()
    labels: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    description: str = ""

    @property
    def words(self) -> Words:
        """What a prompt may say of the task."""
        fields = tuple((self.schema or {}).get("properties", {}))
        return Words(self.language, self.description.strip(), self.labels, fields, self.schema)

    @property
    def languages(self) -> frozenset[Language]:
        """The languages that the seeds are in, by script; the task's own where there is none."""
        found: set[Language] = {"zh" if is_chinese(e.input) else "en" for e in self.examples}
        return frozenset(found or {self.language})


@dataclass(frozen=True)
class Told:
    """What the user says of the task; empty: not said."""

    kind: Kind | None = None
    labels: tuple[str, ...] = ()
    language: Language | None = None
    description: str = ""
    input: tuple[str, ...] = ()  # columns of the files
    output: str | None = None
    encoding: str = "utf-8"


def read_seeds(
    path: Path | None, pairs: Sequence[str] = (), told: Told = Told(), *, inputs: Sequence[str] = ()
) -> tuple[Seeds, list[BadRow]]:
    """The seeds in a file (as `rung.task` reads it: every row, unsplit; of a folder of splits the train split) and in typed pairs.

    ``inputs`` are unlabelled texts, which tell the language where nothing else does. Raises DataError for a file without
    usable rows, a pair without an arrow, a kind or language that there is not, or a task that cannot be told.
    """
    settings({"kind": told.kind, "language": told.language, "labels": told.labels}, "the settings", "设置")
    bad: list[BadRow] = []
    if path is not None and (path.is_dir() or path.suffix.lower() in (".yaml", ".yml")):
        known = of_task(path, told)
    elif path is not None:
        known, bad = of_file(path, told)
    else:
        known = described(told)
    typed = [read_pair(text, known.kind) for text in pairs]
    examples = (*known.examples, *typed)
    labels = known.labels
    if known.kind == "classify":
        labels = told.labels or tuple(sorted({*known.labels, *(e.target for e in examples)}))
        check_labels(labels, examples)
    schema = known.schema
    if known.kind == "extract" and schema is None and examples:
        schema = infer_schema([json.loads(e.target) for e in examples])
    texts = [e.input for e in examples] or list(inputs) or [told.description, *labels]
    return replace(
        known,
        examples=examples,
        labels=tuple(sorted(labels)),
        schema=schema,
        language=told.language or language_of(texts),
    ), bad


def told_by(made: Adaptation, told: Told) -> Told:
    """What the user says, and where he says nothing the task of the teacher's adaptation; UserError where they disagree."""
    kind, labels = told.kind or made.kind, told.labels or made.labels
    if kind != made.kind or not set(labels) <= set(made.labels):
        own, asked = (f"{k} {', '.join(names)}".strip() for k, names in ((made.kind, made.labels), (kind, labels)))
        raise UserError(
            f"the teacher answers {own}, and {asked} is asked for: take a teacher of the same task",
            zh=f"教师的任务是 {own}，而要求的是 {asked}：请换用同一任务的教师",
        )
    language = told.language or made.language
    return replace(told, kind=kind, labels=labels, language=language, description=told.description or made.description)


def of_task(path: Path, told: Told) -> Seeds:
    """The train split of a folder or a ``task.yaml``; dev and test stay unseen."""
    task = load_task(
        path, kind=told.kind, labels=told.labels or None, description=told.description or None, output=told.output,
        input=told.input or None, language=told.language,
        encoding=None if told.encoding == "utf-8" else told.encoding,
    )  # fmt: skip
    return Seeds(check_kind(task.kind), task.language, task.train, task.labels, task.schema, task.description)


def of_file(path: Path, told: Told) -> tuple[Seeds, list[BadRow]]:
    """All rows of one file."""
    table = read_rows(path, told.encoding)
    columns = find_columns(table, told.input, told.output)
    picked, bad = pick(table, columns, MAX_CHARACTERS)
    if not picked:
        raise nothing({"train": table}, [*table.bad, *bad])
    kind = told.kind or ("classify" if told.labels else None)
    kind = check_kind(kind or infer_kind(columns, [item.answer for item in picked], table.file)[0])
    check_pairs(kind, columns)
    fitting, misfits = fit(picked, kind, told.labels if kind == "classify" else ())
    good, dropped = unique(fitting, kind)
    bad = [*table.bad, *bad, *misfits, *dropped]
    if not good:
        raise nothing({"train": table}, bad)
    order, schema = structure(good) if kind == "extract" else ([], None)
    examples = tuple(example(item, kind, order) for item in good)
    labels = tuple(sorted({e.target for e in examples})) if kind == "classify" else ()
    return Seeds(kind, "en", examples, labels, schema, told.description), list(in_order(bad, {"train": table}))


def described(told: Told) -> Seeds:
    """A task in words alone."""
    kind = told.kind or ("classify" if told.labels else "generate")
    return Seeds(check_kind(kind), "en", (), told.labels, None, told.description)


def check_kind(kind: Kind) -> Kind:
    """DataError for preference pairs, which have no answer to write."""
    if kind == "prefer":
        raise DataError(
            "preference pairs cannot be synthesized yet: give examples with one answer each",
            zh="暂不支持合成偏好对：请给出每条只有一个答案的样本",
        )
    return kind


def check_labels(labels: Sequence[str], examples: Sequence[Example]) -> None:
    """DataError for fewer than two labels, or a pair with a label that is not among those given."""
    unknown = [e for e in examples if e.target not in labels]
    if unknown:
        raise DataError(
            f"the label {unknown[0].target!r} of {unknown[0].input[:40]!r} is not among the labels: {', '.join(labels)}",
            zh=f"{unknown[0].input[:40]!r} 的标签 {unknown[0].target!r} 不在给定的标签里：{'、'.join(labels)}",
        )
    if len(labels) < 2:
        raise DataError(
            f"a classify task needs two labels at least, found {', '.join(labels) or 'none'}: type --labels A,B",
            zh=f"classify 任务至少需要两种标签，现有 {'、'.join(labels) or '零种'}：请加 --labels A,B",
        )


def read_pair(text: str, kind: Kind) -> Example:
    """ "my parcel is late => delivery" as an example; DataError where there is no arrow, or no JSON behind it for ``extract``."""
    input, arrow, target = (part.strip() for part in text.rpartition(ARROW))
    if not arrow or not input or not target:
        raise DataError(
            f"--example {text!r}: write INPUT {ARROW} ANSWER", zh=f"--example {text!r}：请写成“输入 {ARROW} 答案”"
        )
    if kind == "extract":
        try:
            value = DECODER.decode(target)
            if not encodable(value):
                raise Broken(Note("half of a surrogate pair", "只有半个代理对"))
            target = canonical(value)
        except ValueError as error:
            why = error.why if isinstance(error, Broken) else Note(str(error), str(error))
            raise DataError(
                f"--example {text!r}: the answer is no JSON ({why.en})",
                zh=f"--example {text!r}：答案不是 JSON（{why.zh}）",
            ) from None
    return Example(digest(normalise(input)), input, target, "--example")
