"""The answers of a run's rungs, example by example: read from the ledger, once each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.report.run import Answer, best_hashes, open_ledger
from rung.types import Example, Prediction

Answers = Mapping[str, Mapping[str, Answer]]  # rung -> example id -> answer


@dataclass(frozen=True)
class Sheet:
    """Examples of one split, and what the best candidate of each rung answered. A rung that answered nothing is left out."""

    split: str
    examples: Sequence[Example]
    answers: Answers
    hashes: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        return list(self.answers)

    def differ(self, a: str, b: str) -> list[Example]:
        """The examples that both answered, and not alike."""
        one, two = self.answers[a], self.answers[b]
        return [e for e in self.examples if e.id in one and e.id in two and not alike(one[e.id], two[e.id])]


def text_of(answer: Prediction) -> str:
    """What is shown of an answer: itself, or what was written where that could not be read."""
    return answer.output or answer.text


def alike(one: Answer, two: Answer) -> bool:
    """Whether two answers say the same; two that cannot be read are alike if they were written alike."""
    first, second = one.prediction, two.prediction
    if first.valid and second.valid:
        return first.output == second.output
    return first.valid == second.valid and first.text == second.text


def sheet(run: Path, result: Mapping[str, Any], split: str) -> Sheet:
    """The answers on ``split``: "dev", or "test" once the seal is open (else it is empty)."""
    ledger = open_ledger(run)
    try:
        examples = ledger.examples(split)
        known = {example.id: example for example in examples}
        found: dict[str, dict[str, Answer]] = {}
        hashes = best_hashes(result)
        for name, hash in hashes.items():
            rows = ledger.predictions(hash, split)
            if rows:
                found[name] = {p.example_id: Answer(known[p.example_id], p, score) for p, score in rows}
        return Sheet(split, examples, found, hashes)
    finally:
        ledger.close()


def splits(result: Mapping[str, Any]) -> list[str]:
    """The splits that may be looked at."""
    return ["dev", "test"] if result["test"] else ["dev"]
