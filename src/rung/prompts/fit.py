"""How many demonstrations fit into the context, decided before the call.

Nothing is ever cut: a truncated demonstration teaches a wrong format, and a truncated question is another question. Whole
demonstrations are left out instead, from the front, where the least similar ones stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rung.prompts.render import Chat, Source, render
from rung.prompts.words import Words
from rung.types import Demonstration, Prompt, TooLong


def fit(
    prompt: Prompt,
    words: Source,
    inputs: Sequence[str],
    shown: Sequence[Sequence[Demonstration]],
    *,
    count: Callable[[Sequence[str]], Sequence[int]],
    context: int,
    reserve: int,
    chat: Chat | None = None,
) -> list[tuple[Demonstration, ...]]:
    """For each input the longest tail of its demonstrations that leaves ``reserve`` tokens of ``context`` free.

    ``count(texts)`` gives each text's tokens; ``reserve`` is what the model will write (for a prompt that reasons, the reasoning and
    the answer with its lead). Each input is decided for itself, so the batch does not matter. Raises ``TooLong`` when an input
    does not fit even without demonstrations.
    """
    words = Words.of(words)
    room = context - reserve

    def sizes(items: Sequence[int], keep: Sequence[int]) -> Sequence[int]:
        texts = [
            render(prompt, words, inputs[i], _tail(shown[i], k), chat=chat) for i, k in zip(items, keep, strict=True)
        ]
        return count(texts) if texts else []

    fits = [len(demonstrations) for demonstrations in shown]  # the most that is known (or hoped) to fit
    over = [i for i, size in enumerate(sizes(range(len(inputs)), fits)) if size > room]
    for i, size in zip(over, sizes(over, [0] * len(over)), strict=True):
        if size > room:
            raise _too_long(inputs[i], size, context, reserve)
    fails = {i: fits[i] for i in over}
    fits = [0 if i in fails else k for i, k in enumerate(fits)]
    while open_items := [i for i in over if fails[i] - fits[i] > 1]:  # bisection, all open items in one call
        middle = [(fits[i] + fails[i]) // 2 for i in open_items]
        for i, k, size in zip(open_items, middle, sizes(open_items, middle), strict=True):
            if size > room:
                fails[i] = k
            else:
                fits[i] = k
    return [_tail(demonstrations, k) for demonstrations, k in zip(shown, fits, strict=True)]


def _tail(demonstrations: Sequence[Demonstration], keep: int) -> tuple[Demonstration, ...]:
    return tuple(demonstrations[len(demonstrations) - keep :])


def _too_long(input: str, size: int, context: int, reserve: int) -> TooLong:
    start = input[:40] + ("…" if len(input) > 40 else "")
    return TooLong(
        f"the prompt of {start!r} needs {size} tokens without any demonstration, and {reserve} more for the answer; the model holds "
        f"{context}. Shorten the input or the instruction, or take a model with a longer context",
        zh=f"输入 {start!r} 的提示不带示例也要 {size} 个词元，回答还要 {reserve} 个，而模型最多容纳 {context} 个。"
        "请缩短输入或指令，或换用上下文更长的模型",
    )
