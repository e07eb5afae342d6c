"""A candidate on its way: what was written (or given), what was answered, and why it goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rung.pretrain.clean.document import Finding


@dataclass(frozen=True)
class Candidate:
    """An input that may become an example.

    ``number`` counts candidates from 0; ``sample`` tells those of one prompt apart; ``prompt`` is the digest of the prompt it was
    written from, ``shown`` what stood in it.
    """

    number: int
    input: str
    place: str = ""  # "inputs.csv:12" of a given one
    label: str = ""  # that it was written for
    finished: str = "eos"  # how the writing ended, see rung.engine.generate
    prompt: str = ""
    sample: int = 0
    shown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """A candidate with its answer and what became of it. ``finding`` None: it is accepted."""

    candidate: Candidate
    output: str = ""
    agreement: float | None = None  # 0..1; None: not measured
    asked: bool = False  # whether the teacher was asked to answer it
    finding: Finding | None = None

    @property
    def accepted(self) -> bool:
        return self.finding is None

    def without(self, finding: Finding) -> Attempt:
        """The same, taken out."""
        return replace(self, finding=finding)


def as_row(attempt: Attempt) -> dict[str, Any]:
    """A line of the journal."""
    one, finding = attempt.candidate, attempt.finding
    return {
        "number": one.number, "input": one.input, "place": one.place, "label": one.label, "prompt": one.prompt,
        "sample": one.sample, "output": attempt.output, "agreement": attempt.agreement, "asked": attempt.asked,
        "finding": finding and [finding.reason, finding.rule, finding.value, finding.excerpt],
    }  # fmt: skip


def of_row(row: dict[str, Any]) -> Attempt:
    """What :func:`as_row` wrote; what stood in the prompt is not kept."""
    one = Candidate(row["number"], row["input"], row["place"], row["label"], prompt=row["prompt"], sample=row["sample"])
    finding = Finding(*row["finding"]) if row["finding"] else None
    return Attempt(one, row["output"], row["agreement"], row["asked"], finding)
