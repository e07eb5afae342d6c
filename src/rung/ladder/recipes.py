"""Recipes: which rungs to climb in which situation, so that nobody must know them by name. ``rung climb --recipe``.

A recipe is a plan like any other: controls and a prompt come first, because the training must be worth more than they are; every
figure, cost and verdict is made as on the whole ladder. ``cpt+sft`` goes on pre-training on the texts of ``--domain-text`` before it
trains on the examples, beside the same training without that: what the first stage is worth is measured, and both are paid for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from rung.evaluate.general_text import find_texts
from rung.ladder.rungs import LADDER, choose
from rung.rungs import Rung
from rung.types import DataError, UserError


@dataclass(frozen=True)
class Recipe:
    """The rungs, and the situation that they are for."""

    rungs: str
    what: str
    what_zh: str
    domain: bool = False  # whether it needs domain text


RECIPES: Mapping[str, Recipe] = {
    "sft+qlora": Recipe(
        "majority,tfidf,zero-shot,qlora", "little memory, and the answers should follow your format",
        "内存有限，只要求按你的格式作答",
    ),
    "sft+lora": Recipe("majority,tfidf,zero-shot,lora", "some memory, the usual case", "有一定内存，一般情形"),
    "cpt+sft": Recipe(
        "majority,tfidf,zero-shot,lora", "words and facts that the model has never seen", "模型从未见过的术语与知识",
        domain=True,
    ),
}  # fmt: skip


def plan(rungs: str | None, recipe: str | None, domain: Path | None) -> list[Rung]:
    """The rungs of ``--recipe``, else those of ``--rungs``; :class:`UserError` where the two do not go together, or name none."""
    if recipe is None:
        chosen, known = choose(rungs), ", ".join(rung.name for rung in LADDER)
        if not chosen:
            raise UserError(
                f"--rungs names no rung. The rungs are: {known}; without --rungs all of them are climbed",
                zh=f"--rungs 没有指定任何方法。可选：{known}；不加 --rungs 则全部攀登",
            )
        return chosen
    if rungs is not None:
        raise UserError(
            "--recipe names the rungs itself: leave out --rungs, or leave out --recipe",
            zh="--recipe 本身已指定要攀登的方法：请去掉 --rungs，或去掉 --recipe",
        )
    if recipe not in RECIPES:
        near = get_close_matches(recipe, RECIPES, 1)
        known = "; ".join(f"{name} ({r.what})" for name, r in RECIPES.items())
        raise UserError(
            f"no recipe is called {recipe!r}.{f' Did you mean {near[0]}?' if near else ''} The recipes are: {known}",
            zh=f"没有名为 {recipe!r} 的配方。{f'是否想写 {near[0]}？' if near else ''}可选："
            + "；".join(f"{name}（{r.what_zh}）" for name, r in RECIPES.items()),
        )
    if RECIPES[recipe].domain != (domain is not None):
        raise UserError(
            f"{recipe} needs texts of your domain: type --domain-text with a JSONL file (field text) or a folder of them"
            if domain is None
            else f"{recipe} makes no use of --domain-text: type --recipe cpt+sft, or leave the texts out",
            zh=f"{recipe} 需要领域文本：请用 --domain-text 指定 JSONL 文件（含 text 字段）或其所在文件夹"
            if domain is None
            else f"{recipe} 用不到 --domain-text：请改用 --recipe cpt+sft，或去掉这些文本",
        )
    return choose(RECIPES[recipe].rungs)


def read_domain(place: Path | None) -> tuple[str, ...]:
    """The texts of ``--domain-text``, each once; none for None. Raises :class:`DataError` where there are none."""
    if place is None:
        return ()
    try:
        return tuple(dict.fromkeys(find_texts(place)))
    except DataError as error:
        raise DataError(
            str(error).replace("general text", "domain text"), zh=error.zh.replace("通用文本", "领域文本")
        ) from error


def wants_training(rungs: Sequence[Rung], domain: Sequence[str]) -> None:
    """Raises :class:`UserError` for domain text that none of the rungs would read."""
    if domain and not any(rung.step == 5 for rung in rungs):
        raise UserError(
            "--domain-text is for rungs that train weights (adapter, lora, qlora, full), and none of them is in the plan",
            zh="--domain-text 用于训练权重的方法（adapter、lora、qlora、full），而计划中没有这些方法",
        )
