"""Lines that a site puts on all its pages: those that stand in many documents of a source, and those with its phrases.

The first pass counts in how many documents each line stands; the second takes out what is in too many. Short lines are
not counted: poets' names, "Chapter 1" and "附则" are in hundreds of good texts.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from rung.pretrain.clean.document import Document, Finding

COUNTED = 24  # bytes of a line: eight Han characters, four or five English words
MANY = 20  # documents of a source, and
ONE_IN = 500  # of them one in so many
PHRASED, PART = 120, 0.25  # the longest line that phrases condemn, and how much of it is theirs (or two of them)
LEFT = 0.4  # of the characters; a document with less left was a page of nothing else


def line_keys(text: str) -> set[int]:
    """A hash of each line that is long enough to be counted, once."""
    return {key(line) for line in map(str.strip, text.split("\n")) if long_enough(line)}


def long_enough(line: str) -> bool:
    return len(line) >= COUNTED or (len(line) >= COUNTED // 3 and len(line.encode(errors="replace")) >= COUNTED)


def key(line: str) -> int:
    return int.from_bytes(blake2b(line.encode(errors="replace"), digest_size=8).digest(), "big", signed=True)


def needed(documents: int) -> int:
    """In how many documents of a source of that size a line must stand to be boilerplate."""
    return max(MANY, documents // ONE_IN)


def boilerplate(common: Callable[[Document], frozenset[int]]) -> Callable[[Document], Finding | None]:
    """The stage; ``common`` gives the keys of the lines that are common in the document's source."""

    def stage(document: Document) -> Finding | None:
        lines = document.text.split("\n")
        keys = common(document)
        lower = document.text.lower()
        present = [phrase for phrase in phrases() if phrase in lower]
        if not keys and not present:
            return None
        rules = [_rule(line.strip(), keys, present) for line in lines]
        if not any(rules):
            return None
        kept = [line for line, rule in zip(lines, rules, strict=True) if not rule]
        gone = [(line, rule) for line, rule in zip(lines, rules, strict=True) if rule]
        left = sum(map(len, kept)) / max(1, len(document.text))
        if left < LEFT:
            return Finding("boilerplate", "little else", round(left, 3), gone[0][0].strip()[:120])
        text = "\n".join(kept)
        for rule in dict.fromkeys(rule for _, rule in gone):
            those = [line for line, its in gone if its == rule]
            document.change(text, "boilerplate", rule, len(those), those[0].strip()[:120])
        return None

    return stage


def _rule(line: str, common: Container[int], present: Sequence[str]) -> str:
    if long_enough(line) and key(line) in common:
        return "line of many documents"
    if 0 < len(line) <= PHRASED:
        lower = line.lower()
        found = [phrase for phrase in present if phrase in lower]
        if len(found) > 1 or sum(map(len, found)) >= PART * len(line):
            return "phrase" if found else ""
    return ""


@cache
def phrases() -> tuple[str, ...]:
    lines = files("rung.pretrain.clean").joinpath("words/boilerplate.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
