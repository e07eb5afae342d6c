"""One climb over a problem whose right rung is known, and its claim held against fresh examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.adaptation import load
from rung.engine import Model
from rung.evaluate import Marked
from rung.ladder import Climb, choose
from rung.programs import opened
from rung.selftest.codes import Kind, Problem

# Rungs by what they can do, cheap to costly.
PROMPTS = ("zero-shot",)
EXAMPLES = ("few-shot",)
SOFT = ("prefix-tuning", "p-tuning-v2")
WEIGHTS = ("lora", "full")
RUNGS = ("majority", *PROMPTS, *EXAMPLES, *SOFT, *WEIGHTS)
RIGHT: dict[Kind, tuple[str, ...]] = {
    "named": PROMPTS,
    "shown": EXAMPLES,
    "mapping": (*SOFT, *WEIGHTS),  # a low rank is enough too, should no prefix get there
    "attention": WEIGHTS,
}


@dataclass(frozen=True)
class Trial:
    """Where a climb stopped, what it claims, and what is true."""

    kind: Kind
    seed: int
    target: float
    chosen: str | None  # the rung; None: the climb chose nothing
    claims: bool  # "the target is met"
    dev: float | None  # of the chosen adaptation
    fresh: float | None  # the same, on examples that no climb saw

    @property
    def right(self) -> bool:
        """Whether it stopped where the kind of problem says."""
        return self.claims and self.chosen in RIGHT[self.kind]

    @property
    def false_claim(self) -> bool:
        """Whether it says that the target is met, and it is not."""
        return self.claims and self.fresh is not None and self.fresh < self.target


def trial(
    model: Model, kind: Kind, seed: int, folder: Path, *, target: float = 0.9, rungs: Sequence[str] = RUNGS
) -> Trial:
    """Climb the problem of that kind and seed in ``folder`` (or go on with it), and measure the choice on fresh examples."""
    problem = Problem.drawn(kind, seed, target)
    result = Climb(problem.task, model, folder, choose(",".join(rungs)), seed=seed).run()
    chosen = result["chosen"]
    if chosen is None:
        return Trial(kind, seed, target, None, False, None, None)
    row = next(row for row in result["rungs"] if row["name"] == chosen["rung"])
    fresh = accuracy(model, folder / chosen["adaptation"], problem)
    return Trial(kind, seed, target, chosen["rung"], chosen["met"], row["dev"]["value"], fresh)


def accuracy(model: Model, folder: Path, problem: Problem) -> float | None:
    """Of the adaptation in ``folder``, on the problem's fresh examples."""
    with opened(load(folder), model) as answer:
        predictions = answer(problem.fresh)
    return Marked(problem.task, problem.fresh, tuple(predictions)).result().value
