"""From prompts and choices to tokens: where the prompt ends and the choice begins, and which choice wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rung.engine.score import ChoiceScores, common_prefix
from rung.engine.text import Text
from rung.types import ModelError, TooLong

Normalise = Literal["sum", "mean"]


@dataclass(frozen=True)
class Cut:
    """An item in tokens: the context that all choices share, and each choice's continuation (never empty)."""

    context: list[int]
    continuations: list[list[int]]

    def length(self) -> int:
        return len(self.context) + max(len(c) for c in self.continuations)


def per_prompt(prompts: Sequence[str], choices: Sequence[str] | Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """One tuple of choices per prompt, whether one list was given for all or one list for each.

    Raises ``ValueError`` for a bare string, a wrong number of lists, an empty choice or one that stands twice.
    """
    if isinstance(choices, str) or not choices:
        raise ModelError("choices must be a list of texts with at least one in it", zh="choices 必须是非空的文本列表")
    if isinstance(choices[0], str):
        lists = [tuple(str(c) for c in choices)] * len(prompts)
    else:
        lists = [tuple(c) for c in choices]
    if len(lists) != len(prompts):
        raise ModelError(
            f"{len(prompts)} prompts, but {len(lists)} lists of choices; give one list for all, or one for each",
            zh=f"{len(prompts)} 个提示，却有 {len(lists)} 组选项；请给所有提示一组，或每个提示一组",
        )
    for options in set(lists):
        if not options or not all(options):
            raise ModelError("an empty choice cannot be scored; remove it", zh="无法给空选项打分；请删除它")
        if len(set(options)) < len(options):
            double = next(o for i, o in enumerate(options) if o in options[:i])
            raise ModelError(
                f"the choice {double!r} stands twice; choices must differ", zh=f"选项 {double!r} 出现了两次"
            )
    return lists


def cut_all(text: Text, prompts: Sequence[str], choices: Sequence[Sequence[str]]) -> list[Cut]:
    """Each prompt with its choices as tokens.

    A choice is encoded together with its prompt, as the model would meet it; a token may then span the boundary
    ("the answer is" + "n't"). So the cut is the longest prefix that the prompt's own encoding and every joint
    encoding share: one cut per item, nothing of a choice inside the context, no empty continuation.
    """
    unique = list(dict.fromkeys(zip(prompts, map(tuple, choices), strict=True)))
    encoded = text.encode_continued([p for p, _ in unique], [cs for _, cs in unique])
    cuts = {item: _cut(text, ids[0], ids[1:], item[1]) for item, ids in zip(unique, encoded, strict=True)}
    return [cuts[p, tuple(c)] for p, c in zip(prompts, choices, strict=True)]


def _cut(text: Text, own: list[int], joint: list[list[int]], options: Sequence[str]) -> Cut:
    at = min(common_prefix(own, ids) for ids in joint)
    at = min([at, *(len(ids) - 1 for ids in joint)])
    context = own[:at]
    if not context:  # without BOS a choice may begin at the very first token, and something has to predict it
        context = text.start()
    continuations = [ids[at:] for ids in joint]
    if len(set(map(tuple, continuations))) < len(continuations):
        double = next(i for i, c in enumerate(continuations) if c in continuations[:i])
        raise ModelError(
            f"the choice {options[double]!r} has the same tokens as another choice; choices must differ",
            zh=f"选项 {options[double]!r} 与另一选项的词元相同；选项必须不同",
        )
    return Cut(context, continuations)


def fits(prompts: Sequence[str], lengths: Sequence[int], context: int) -> None:
    """Raises :class:`TooLong` for the first prompt that needs more tokens than the context holds."""
    for number, (prompt, length) in enumerate(zip(prompts, lengths, strict=True)):
        if length > context:
            head = prompt[:40] + ("..." if len(prompt) > 40 else "")
            raise TooLong(
                f"prompt {number + 1} of {len(prompts)} ({head!r}) needs {length} tokens with its answer, but the "
                f"context holds {context}; show fewer demonstrations, shorten the input, or lower max_tokens",
                zh=f"第 {number + 1} 个提示（共 {len(prompts)} 个，{head!r}）连同答案需要 {length} 个词元，"
                f"而上下文只有 {context}；请减少示例、缩短输入或调低 max_tokens",
            )


def ranked(scores: ChoiceScores, offsets: Sequence[float] | None, normalise: Normalise) -> list[float]:
    """What choices are compared by: log-probability, per token if ``normalise`` is "mean", plus the offsets."""
    values = list(scores.logprobs)
    if normalise == "mean":
        values = [v / n for v, n in zip(values, scores.tokens, strict=True)]
    return values if offsets is None else [v + o for v, o in zip(values, offsets, strict=True)]


def is_close(values: Sequence[float], tolerance: float) -> bool:
    """Whether the best and the second best are so close that rounding could have decided."""
    if len(values) < 2:
        return False
    second, best = sorted(values)[-2:]
    return best - second < tolerance
