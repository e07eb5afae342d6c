"""A climb out of what a person says: the one reading of options for the command, the pages and the library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rung.engine import LanguageModel
from rung.evaluate import read_general
from rung.ladder import remote
from rung.ladder.budget import Budget
from rung.ladder.climb import Climb, default_folder
from rung.ladder.recipes import plan, read_domain, wants_training
from rung.rungs import Rung
from rung.types import LARGEST_SEED, Task, UserError, Way


def arrange(
    task: Task,
    model: Callable[[], LanguageModel],
    *,
    rungs: str | None = None,
    recipe: str | None = None,
    all: bool = False,
    race: bool = False,
    seed: int = 0,
    budget: str | None = None,
    price: float = 0.0,
    volume: int = 10_000,
    general_text: Path | None = None,
    max_forgetting: float | None = None,
    mix_general: float = 0.0,
    domain_text: Path | None = None,
    run: Path | None = None,
) -> Climb:
    """The climb, ready to run. ``model`` is called last, so that a mistake is told before anything is loaded.

    ``price``: money per million tokens, where the model has none of its own. Raises UserError for options that cannot be.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise UserError(
            f"a seed of {seed}: expected 0 to {LARGEST_SEED}", zh=f"种子为 {seed}：应在 0 到 {LARGEST_SEED} 之间"
        )
    rungs_, domain = plan(rungs, recipe, domain_text), read_domain(domain_text)
    wants_training(rungs_, domain)
    fits_one(task, rungs_)
    general = read_general(general_text, share=mix_general, most=max_forgetting)
    Budget.parse(budget, price=price or 1.0)  # can it be read?
    loaded = model()
    own = remote.price_of(loaded)
    spend = Budget.parse(budget, price=own.of(5e5, 5e5) if own else price)
    asked = general_text is not None or max_forgetting is not None
    folder = run or default_folder(task, loaded, rungs_, seed, all, volume, general if asked else None, domain, race)
    return Climb(task, loaded, folder, rungs_, all, race, seed, volume, spend, general=general, domain=domain)


def fits_one(task: Task, rungs: Sequence[Rung]) -> None:
    """UserError where none of the rungs takes a task of this kind, so that a climb would measure nothing."""
    if any(task.kind in rung.kinds for rung in rungs):
        return
    if task.kind == "prefer":
        raise UserError(
            "no rung learns from preference pairs yet",
            zh="目前还没有方法能从偏好对中学习",
            ways=(Way("output", "chosen", why=("to climb on the chosen answers alone", "只用选中的回答来攀登")),),
        )
    names = ", ".join(rung.name for rung in rungs)
    raise UserError(
        f"not for {task.kind} tasks: {names}",
        zh=f"不适用于 {task.kind} 任务：{names}",
        ways=(Way("rungs", why=("to climb those that are", "就攀登适用的方法"), out=True),),
    )
