"""A teacher that is a rule: it writes ships' orders for a side, and reads the side off a word."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from rung.engine import FakeModel
from rung.synthesize import Asked, Filtering, Seeds, Teacher, Writer, synthesize
from rung.synthesize.teacher import prompted
from rung.synthesize.writer import WRITERS
from rung.types import Example, digest

SIDES = {"left": "port", "right": "starboard"}
NOUNS = [
    "anchor", "barrel", "cable", "deck", "engine", "fender", "gangway", "hatch", "island", "jetty", "keel", "ladder", "mast",
    "net", "oar", "pump", "quay", "rope", "sail", "tender", "umbrella", "valve", "winch", "yard", "buoy", "canvas", "davit",
    "flag", "galley", "helm",
]  # fmt: skip
SEEDS = ("mind the gap to port", "a boat comes up to port", "the lamp to port is out",
         "a rock lies to starboard", "hoist it on the starboard side", "the wind blows from starboard")  # fmt: skip


def write(prompt: str) -> str:
    """The text for the last label of a writing prompt, or the label of the last text of an answering one."""
    plain = re.sub(r"<\|\w+\|>", "\n", prompt).rstrip()
    if plain.endswith("Text:"):
        label = re.findall(r"Label: (\w+)", plain)[-1]
        return " " + " ".join(Random(prompt).sample(NOUNS, 6)) + f" to {SIDES[label]}\n\n"
    text = re.findall(r"Text: (.*)", plain)[-1]
    return " " + next((label for label, word in SIDES.items() if f"to {word}" in text), "left")


def example(text: str, target: str) -> Example:
    return Example(digest(text), text, target, "seeds.csv")


def seeds_of(*texts: str) -> Seeds:
    found = [example(text, "right" if "starboard" in text else "left") for text in texts or SEEDS]
    return Seeds("classify", "en", tuple(found), ("left", "right"))


def made(folder: Path, n: int = 20, rule: Callable[[str], str] = write, **options: object) -> SimpleNamespace:
    """A run in a folder: ``figures``, ``rows``, ``attempts`` as bytes."""
    model = options.pop("model", None) or FakeModel(rule)
    asked = Asked(n=n, **{k: v for k, v in options.items() if k in ("seed", "agreement", "tries")})  # type: ignore[arg-type]
    known = seeds_of()
    answers = prompted(model, known, seed=asked.seed)  # type: ignore[arg-type]
    teacher = Teacher(answers, model, seed=asked.seed, least=asked.agreement)  # type: ignore[arg-type]
    source = Writer(model, known, WRITERS["en"][True], n, asked.tries or 20 * n, seed=asked.seed)  # type: ignore[arg-type]
    how = options.get("how", Filtering())
    figures = synthesize(folder, known, teacher, source, how, options.get("say", lambda *_: None))  # type: ignore[arg-type]
    return SimpleNamespace(
        figures=figures, rows=(folder / "data.jsonl").read_bytes(), attempts=(folder / "attempts.jsonl").read_bytes()
    )


@pytest.fixture(scope="session")
def ship() -> SimpleNamespace:
    """The helpers of this file."""
    return SimpleNamespace(seeds=seeds_of, run=made, write=write, example=example)
