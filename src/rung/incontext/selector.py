"""From the selector that an adaptation names to the object that picks its demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from rung.incontext.bm25 import Bm25Selector
from rung.incontext.diverse import DiverseSelector
from rung.incontext.embedding import EmbeddingSelector, Hidden
from rung.incontext.fixed import check_size
from rung.types import DataError, Demonstration, Example, ModelError, Selector

Pool = Sequence[Demonstration | Example]


class Picker(Protocol):
    """Picks demonstrations; ``pick`` gives indices into the pool for each input, the most similar last."""

    def pick(self, inputs: Sequence[str]) -> list[list[int]]: ...


def _bm25(selector: Selector, pool: Pool, hidden: Hidden | None) -> Picker:
    return Bm25Selector(pool, selector.n)


def _embedding(selector: Selector, pool: Pool, hidden: Hidden | None) -> Picker:
    if hidden is None:
        raise ModelError(
            "the selector 'embedding' needs a model that gives its hidden states; behind an endpoint there are none. Take the selector 'bm25'",
            zh="“embedding”选择器需要模型的隐藏状态，远程接口的模型无法提供，请改用 bm25 选择器",
        )
    return EmbeddingSelector(pool, selector.n, hidden)


def _diverse(selector: Selector, pool: Pool, hidden: Hidden | None) -> Picker:
    return DiverseSelector(pool, selector.n, selector.seed, hidden)


SELECTORS: dict[str, Callable[[Selector, Pool, Hidden | None], Picker]] = {
    "bm25": _bm25,
    "embedding": _embedding,
    "diverse": _diverse,
}


def make_selector(selector: Selector, pool: Pool, hidden: Hidden | None = None) -> Picker:
    """The picker for ``selector`` over ``pool``, indexed once.

    ``hidden(texts) -> [n_texts, d]`` gives mean-pooled states; "embedding" needs it, "diverse" uses TF-IDF without it. An input that
    stands in the pool is never shown to itself, so it gets n - 1 demonstrations when the pool has no other. Raises ``DataError``
    when the pool is smaller than ``n``.
    """
    if selector.n < 1:
        raise DataError(
            f"a selector picks at least one demonstration, and {selector.n} are asked for. For zero-shot take no selector",
            zh=f"选择器至少要挑选 1 个示例，而要求的是 {selector.n} 个；零样本请不要使用选择器",
        )
    check_size(pool, selector.n)
    if selector.kind not in SELECTORS:
        raise DataError(
            f"no selector is called '{selector.kind}'. There are: {', '.join(SELECTORS)}",
            zh=f"没有名为“{selector.kind}”的选择器，可用的有：{'、'.join(SELECTORS)}",
        )
    return SELECTORS[selector.kind](selector, pool, hidden)
