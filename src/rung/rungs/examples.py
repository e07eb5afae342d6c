"""Step 2, in-context examples: the n-shot curve, the order, and demonstrations chosen for each input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rung.incontext import SHOTS, balanced, order, random
from rung.rungs.context import Context, Wave
from rung.rungs.prompts import calibrated, scoring
from rung.types import Adaptation, Demonstration, Selector

SEEDS = 3  # draws of demonstrations for each number of shots
ORDERS = 4  # orders of the best set
CHOSEN = (2, 4, 8)  # demonstrations chosen for each input: nothing is shared, so each one costs every request


def few_shot(context: Context) -> Iterator[Wave]:
    """The curve over 0, 1, 2, 4, 8, 16 shots as far as they fit; more draws; other orders of the best; calibrated."""
    shots = possible(context)
    way = "balanced" if context.task.kind == "classify" else "random"
    yield Wave([fixed(context, n, context.seed) for n in (0, *shots)], drop=False, family=way)
    if not shots:
        return
    draws = [fixed(context, n, context.seed + s) for n in shots for s in range(1, SEEDS) if n > 1]
    yield Wave(draws, family=way)
    several = next((a for a in context.ranking if len(a.demonstrations) > 1), None)
    if several is not None:  # the best set, even where showing nothing is better still
        orders = [order(several.demonstrations, context.seed + i) for i in range(1, ORDERS + 1)]
        made = [replace(several, name=f"{several.name}-order{i}", demonstrations=o) for i, o in enumerate(orders, 1)]
        yield Wave(made, drop=False, family="order")  # the spread is reported: every order runs to the end
    yield from calibrated(context)


def chosen_by(kind: str):
    """The rung that picks demonstrations for each input: by keyword (``bm25``) or by the model's states."""

    def propose(context: Context) -> Iterator[Wave]:
        made = [
            context.adaptation(
                f"{kind}-{n}", prompt=context.prompt, demonstrations=context.pool, parameters=scoring(context),
                selector=Selector(kind, n, context.seed),  # type: ignore[arg-type]
            )
            for n in possible(context) if n in CHOSEN
        ]  # fmt: skip
        if made:
            yield Wave(made)
            yield from calibrated(context)

    return propose


def fixed(context: Context, n: int, seed: int) -> Adaptation:
    """``n`` demonstrations drawn once: one of each label as far as they go, else at random."""
    if n == 0:
        return context.adaptation("random-0", prompt=context.prompt, parameters=scoring(context))
    shown: tuple[Demonstration, ...]
    if context.task.kind == "classify":
        way, shown = "balanced", balanced(context.pool, n, seed, context.task.labels)
    else:
        way, shown = "random", random(context.pool, n, seed)
    name = f"{way}-{n}-s{seed}"
    return context.adaptation(name, prompt=context.prompt, demonstrations=shown, parameters=scoring(context))


def possible(context: Context) -> list[int]:
    """The numbers of shots that the pool has and that typically fit: half of all draws must be shown whole.

    What does not fit for a long input is left out for that input alone (``rung.prompts.fit``), never cut.
    """
    lengths = sorted(context.model.length(d.input + d.target) + 8 for d in context.pool)
    if not lengths:
        return []
    typical = lengths[len(lengths) // 2]
    room = context.model.context - context.decoding.max_tokens - typical
    return [n for n in SHOTS if 0 < n <= len(context.pool) and n * typical <= room]
