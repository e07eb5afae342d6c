"""In which order the trained rungs are climbed: by what they will cost on this task, with this model, at this volume.

    estimate = operations to build (training and search of all candidates) + volume * operations per request

Rungs below them stay as :data:`rung.ladder.rungs.LADDER` lists them: each builds on what those before it found. The trained ones build on
none of each other, and which is cheapest hangs on the volume: a LoRA that is merged costs a request nothing, a soft prompt takes the
fewest operations to train. The verdict's level is shared among all the rungs of a plan, in whatever order they come, so that
ordering them by the task costs it nothing (docs/concepts/ladder-and-verdicts.md). What was estimated is an order and no figure: the
choice is made by what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.ladder.verdict import total_cost
from rung.rungs import Context, Rung
from rung.types import UserError


def estimates(rungs: Sequence[Rung], context: Context, volume: int) -> dict[str, float]:
    """Operations in all of each rung that can tell beforehand; those that cannot (an extra is missing) are left out."""
    found = {}
    for rung in rungs:
        if rung.estimate is not None:
            try:
                found[rung.name] = total_cost(rung.estimate(context), volume)
            except UserError:  # it is told when the rung is climbed
                continue
    return found


def by_cost(rungs: Sequence[Rung], estimated: Mapping[str, float]) -> list[Rung]:
    """The rungs with an estimate sorted among their own places, cheap to costly; ties and the others as they were."""
    cheap = iter(sorted((r for r in rungs if r.name in estimated), key=lambda r: estimated[r.name]))
    return [next(cheap) if rung.name in estimated else rung for rung in rungs]
