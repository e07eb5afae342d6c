"""What a run folder holds, read for the windows: ``result.json``, and the ledger's examples and predictions.

Nothing here decides anything. It finds the chosen adaptation, its predictions on dev and (where the seal was opened) on
test, and the mistakes among them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rung.adaptation import from_dict
from rung.ledger import Ledger
from rung.types import Adaptation, DataError, Example, Prediction

VERSION = 1


class Reads(Protocol):
    """The part of a ledger that a report needs."""

    def examples(self, split: str) -> list[Example]: ...

    def adaptations(self) -> dict[str, dict[str, Any]]: ...

    def predictions(self, adaptation: str, split: str) -> list[tuple[Prediction, float | None]]: ...


@dataclass(frozen=True)
class Answer:
    """An example with what the chosen adaptation answered; ``score`` None where the metric marks no single answer."""

    example: Example
    prediction: Prediction
    score: float | None

    @property
    def right(self) -> bool:
        """Full marks; by equality where the metric has no mark for one answer (macro F1)."""
        if self.score is None:
            return self.prediction.valid and self.prediction.output == self.example.target
        return self.score >= 1 - 1e-9


def read_result(run: Path) -> dict[str, Any]:
    """``RUN/result.json``; raises DataError where it is missing, broken or of another version."""
    path = run / "result.json"
    if not path.is_file():
        raise DataError(
            f"{run} is no run folder: it has no result.json. Type: rung climb FILE --run {run}",
            zh=f"{run} 不是运行文件夹：其中没有 result.json。请先运行：rung climb 文件 --run {run}",
        )
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            f"{path} is not readable as JSON ({error}). Run the same rung climb again: it writes it anew",
            zh=f"{path} 不是可读的 JSON（{error}）。请再次运行同一条 rung climb 命令，它会重新写出该文件",
        ) from None
    version = result.get("version") if isinstance(result, dict) else None
    if version != VERSION:
        raise DataError(
            f"{path} has version {version!r}, this Rung reads version {VERSION}. Climb again with this Rung",
            zh=f"{path} 的版本是 {version!r}，这里只认识版本 {VERSION}。请用当前的 Rung 重新攀登",
        )
    return dict(result)


def open_ledger(run: Path) -> Ledger:
    """``RUN/ledger.sqlite``; raises DataError where there is none (opening would make an empty one)."""
    path = run / "ledger.sqlite"
    if not path.is_file():
        raise DataError(
            f"{run} has no ledger.sqlite, so its mistakes and its prompt cannot be shown. Copy the whole run folder",
            zh=f"{run} 中没有 ledger.sqlite，无法列出错例和提示。请复制整个运行文件夹",
        )
    return Ledger(path)


def chosen_hash(result: Mapping[str, Any]) -> str | None:
    """The hash under which the ledger knows the chosen adaptation."""
    chosen = result["chosen"]
    if chosen is None:
        return None
    known = (c["hash"] for c in result["candidates"] if (c["rung"], c["name"]) == (chosen["rung"], chosen["candidate"]))
    return next(known, None)


def best_hashes(result: Mapping[str, Any]) -> dict[str, str]:
    """Each measured rung's best candidate, as the ledger knows it: rung -> hash."""
    known = {(c["rung"], c["name"]): c["hash"] for c in result["candidates"]}
    pairs = ((row["name"], known.get((row["name"], row["best"]))) for row in result["rungs"] if row["dev"])
    return {name: hash for name, hash in pairs if hash is not None}


def chosen_adaptation(result: Mapping[str, Any], ledger: Reads) -> Adaptation | None:
    """The chosen adaptation, or None where nothing was chosen."""
    body = ledger.adaptations().get(chosen_hash(result) or "")
    return None if body is None else from_dict({key: part for key, part in body.items() if key != "hash"})


def answers(result: Mapping[str, Any], ledger: Reads, split: str) -> list[Answer]:
    """The chosen adaptation's answers on a split, in its order; none where nothing was chosen or read."""
    hash = chosen_hash(result)
    if hash is None:
        return []
    examples = {example.id: example for example in ledger.examples(split)}
    rows = ledger.predictions(hash, split)
    return [Answer(examples[p.example_id], p, score) for p, score in rows if p.example_id in examples]
