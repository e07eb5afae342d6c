"""Which families are taught, and how one is drawn: for training, or for an exam on what was never trained."""

from __future__ import annotations

import importlib
import math
import pkgutil
import random
from collections.abc import Mapping, Sequence
from functools import cache

from rung.instruct import exercises
from rung.instruct.family import Family
from rung.instruct.holdout import held_out
from rung.instruct.item import Dialogue, Item
from rung.instruct.sources import Sources
from rung.types import DataError, UserError

# Of the tokens of all lessons. Three fifths for skills, which at a twentieth of all tokens were not learned; at seven tenths instructions were
# unlearned (docs/LOG.md).
SHARES: Mapping[str, float] = {
    "mapping-episodes": 4.0,
    "article-episodes": 1.0,
    "source-episodes": 0.5,
    "book-episodes": 0.3,
    "language-episodes": 0.2,
    "opinion-episodes": 1.0,
    "opinions": 12.0,
    "topic-episodes": 1.0,
    "topics": 10.0,
    "question-types": 7.0,
    "kinds": 7.0,
    "kind-episodes": 1.0,
    "formats": 1.0,
    "lookup": 7.0,
    "arithmetic": 0.5,
    "arithmetic-steps": 12.0,
    "checking": 3.0,
    "checking-steps": 7.0,
    "checking-reasons": 2.0,
    "tools": 8.0,
    "routing": 4.0,
    "programs": 7.0,
    "splitting": 1.0,
    "composing": 5.0,
    "reading": 8.0,
    "copying": 2.0,
    "cloze": 0.3,
    "ordering": 0.4,
    "dates": 0.2,
    "translation": 0.2,
    "titles": 0.4,
    "simplify": 0.2,
    "reading-level": 0.2,
    "instructions": 0.3,
    "dialogue": 0.3,
    "manners": 0.4,
}


@cache
def families() -> Mapping[str, Family]:
    """Every family of the files in ``exercises/``, by name."""
    found: dict[str, Family] = {}
    for module in pkgutil.iter_modules(exercises.__path__):
        for family in getattr(importlib.import_module(f"{exercises.__name__}.{module.name}"), "FAMILIES", ()):
            assert family.name not in found, f"two families are named {family.name}"
            found[family.name] = family
    return found


def family(name: str) -> Family:
    """The family of that name; UserError naming the known ones."""
    if name not in families():
        raise UserError(
            f"no family {name!r}; known are {', '.join(families())}",
            zh=f"没有 {name!r} 这类练习；可选 {'、'.join(families())}",
        )
    return families()[name]


def key(item: Item) -> str:
    """What is held out: the item's own key, else its questions."""
    if item.key:
        return item.key
    if isinstance(item, Dialogue):
        return "\n".join(turn.content for turn in item.turns if turn.role == "user")
    return item.input


def for_exam(item: Item) -> bool:
    """Whether the item belongs to the tenth that is never trained on: a pure function of its key."""
    return held_out(key(item))


def draw(family: Family, rng: random.Random, sources: Sources) -> Item:
    """An item of the family for training, or with ``sources.exam`` one that training never sees."""
    for _ in range(1000):
        item = family.make(rng, sources)
        if for_exam(item) == sources.exam:
            return item
    raise RuntimeError(f"{family.name}: 1,000 draws and none was {'for an exam' if sources.exam else 'for training'}")


def check(sources: Sources, shares: Mapping[str, float]) -> None:
    """DataError for texts or sets that a family needs and that are not there or empty, before anything is trained.

    It names the families that can be taught without them.
    """
    lacking = {name: [n for n in family(name).needs if not sources.file(n).exists()] for name in shares}
    if missing := sorted({str(sources.file(need)) for needs in lacking.values() for need in needs}):
        can = ",".join(name for name, needs in lacking.items() if not needs)
        wanting = ", ".join(name for name, needs in lacking.items() if needs)
        raise DataError(
            f"no file {', '.join(missing)}, which these families read: {wanting}. "
            + (f"Add them, or teach the others: --families {can}" if can else "Add them, or choose other families"),
            zh=f"没有文件 {'、'.join(missing)}，而以下练习要读它们：{wanting}。请补上，或"
            + (f"只教其余的：--families {can}" if can else "另选练习"),
        )
    for name in shares:
        for need in family(name).needs:
            text = need.startswith("text:")
            if not (sources.passages(need.removeprefix("text:")) if text else sources.rows(need)):
                raise DataError(
                    f"{sources.file(need)} has nothing to learn from, and {name} reads it: add rows, or type --families without it",
                    zh=f"{sources.file(need)} 没有可学的内容，而 {name} 要读它：请补上数据，或在 --families 中去掉它",
                )


def chosen(names: Sequence[str]) -> dict[str, float]:
    """The shares of these families alone: ``NAME`` at its usual one, ``NAME=2.5`` at another; one that has none counts 1.

    UserError for an unknown family, and for a share that is no positive number.
    """
    found: dict[str, float] = {}
    for given in names:
        name, mark, share = (part.strip() for part in given.partition("="))
        try:
            value = float(share) if mark else SHARES.get(name, 1.0)
        except ValueError:
            value = math.nan
        if not (value > 0 and math.isfinite(value)):
            raise UserError(
                f"{given!r} is no share of lessons: type NAME=NUMBER with a number above 0, such as {name}=2.5",
                zh=f"{given!r} 不是练习的份额：请写成 名称=数字，数字须大于 0，例如 {name}=2.5",
            )
        found[family(name).name] = value
    return found
