"""What the cleaning did, counted: documents and bytes by source and by reason, rules, and samples to look at.

Samples are those with the smallest hash of their place, so that they come from everywhere and are the same every time.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from rung.pretrain.clean.document import Document, Finding

SHOWN = 400  # characters of a document in removed.jsonl
Sample = tuple[int, str, dict[str, Any]]


class Report:
    """Is told of every document, and gives the figures at the end."""

    def __init__(self, reasons: Sequence[str], samples: int):
        self.reasons, self.samples = list(reasons), samples
        self.sources: dict[str, Counter[str]] = defaultdict(Counter)
        self.removed: dict[str, Counter[str]] = {reason: Counter() for reason in self.reasons}
        self.changed: dict[str, Counter[str]] = {reason: Counter() for reason in self.reasons}
        self.rules: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.unreadable: list[dict[str, str]] = []
        self.unreadable_lines = 0
        self._heaps: dict[tuple[str, str], list[Sample]] = defaultdict(list)

    def bad(self, place: str, wrong: str) -> None:
        """A line that is no document."""
        self.unreadable_lines += 1
        self.sources[place.rsplit("/", 1)[0]]["unreadable"] += 1
        if len(self.unreadable) < self.samples:
            self.unreadable.append({"place": place, "wrong": wrong})

    def add(self, source: str, size: int, document: Document, finding: Finding | None) -> None:
        """A document of ``size`` bytes came; it goes for the finding, or stays."""
        counts = self.sources[source]
        left = len(document.text.encode(errors="replace"))
        counts.update({"documents": 1, "bytes": size})
        if finding is None:
            counts.update({"kept": 1, "kept_bytes": left})
        else:
            counts[finding.reason] += 1
            self.removed[finding.reason].update({"documents": 1, "bytes": size})
            self.rules["removed", finding.reason][finding.rule] += 1
            self._sample("removed", source, document, finding)
        for reason, changes in _by_reason(document.changes):
            self.changed[reason]["documents"] += 1
            self.rules["changed", reason].update(change.rule for change in changes)
            if finding is None:
                self._sample("changed", source, document, changes[0])

    def _sample(self, action: str, source: str, document: Document, finding: Finding) -> None:
        rank = int.from_bytes(blake2b(document.place.encode(), digest_size=8).digest(), "big")
        heap = self._heaps[action, finding.reason]
        if self.samples and (len(heap) < self.samples or -rank > heap[0][0]):
            row = {"reason": finding.reason, "action": action, "source": source, "place": document.place,
                   "rule": finding.rule, "value": finding.value, "evidence": finding.excerpt,
                   "text": document.text[:SHOWN]}  # fmt: skip
            (heapq.heappush if len(heap) < self.samples else heapq.heappushpop)(heap, (-rank, document.place, row))

    def rows(self) -> Iterator[dict[str, Any]]:
        """The samples, by reason, those that went first."""
        for reason in self.reasons:
            for action in ("removed", "changed"):
                yield from (row for _, _, row in sorted(self._heaps[action, reason], key=lambda s: s[1]))

    def figures(self) -> dict[str, Any]:
        """Everything but the samples, as plain values."""
        total: Counter[str] = sum(self.sources.values(), Counter())
        return {
            "documents": {"read": total["documents"], "kept": total["kept"]},
            "bytes": {"read": total["bytes"], "kept": total["kept_bytes"]},
            "removed": {
                r: {**_plain(self.removed[r]), "rules": _ranked(self.rules["removed", r])} for r in self.reasons
            },
            "changed": {
                r: {"documents": self.changed[r]["documents"], "rules": _ranked(self.rules["changed", r])}
                for r in self.reasons
            },
            "sources": {name: dict(counts) for name, counts in sorted(self.sources.items())},
            "unreadable": {"lines": self.unreadable_lines, "first": self.unreadable},
        }

    def write(self, folder: Path, figures: dict[str, Any]) -> None:
        """``report.json`` and ``removed.jsonl``."""
        (folder / "report.json").write_text(json.dumps(figures, ensure_ascii=False, indent=1), encoding="utf-8")
        with (folder / "removed.jsonl").open("w", encoding="utf-8") as out:
            out.writelines(
                json.dumps(row, ensure_ascii=False).encode(errors="replace").decode() + "\n" for row in self.rows()
            )


def _by_reason(changes: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    found: dict[str, list[Finding]] = {}
    for change in changes:
        found.setdefault(change.reason, []).append(change)
    return list(found.items())


def _plain(counts: Counter[str]) -> dict[str, int]:
    return {"documents": counts["documents"], "bytes": counts["bytes"]}


def _ranked(rules: Counter[str]) -> dict[str, int]:
    return dict(sorted(rules.items(), key=lambda item: (-item[1], item[0])))
