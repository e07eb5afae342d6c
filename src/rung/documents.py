"""Documents to train on: tokens of which only those after ``start`` are learned, batched without padding.

A batch is a pure function of the step, so a run that goes on after a kill needs no sampler state; a batch is cut into
microbatches by a budget of tokens, which changes memory and speed and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from rung.engine import Model
from rung.engine.choices import cut_all
from rung.engine.layout import Segment
from rung.pretrain.tokenizer import token_ids
from rung.types import DataError

# Float32 logits of one microbatch: half a gigabyte.
LOGITS_BUDGET = 1 << 27


@dataclass(frozen=True)
class Document:
    """Token ids; the loss is on ``tokens[start:]``, and the logits are computed only there."""

    tokens: tuple[int, ...]
    start: int
    source: str = ""  # "reviews.csv:12", for messages

    @property
    def learned(self) -> Sequence[int]:
        """Places of the tokens that the loss is on."""
        return range(self.start, len(self.tokens))

    @property
    def targets(self) -> int:
        """What its loss is a sum of."""
        return len(self.learned)

    @property
    def segment(self) -> Segment:
        """What the model reads; the last token is predicted, never read."""
        return Segment(len(self.tokens) - 1)

    @property
    def reads(self) -> int:
        """Places whose logits are computed."""
        return len(self.learned)

    @property
    def length(self) -> int:
        """Tokens of context that it needs."""
        return len(self.tokens)


@dataclass(frozen=True)
class Microbatch:
    """Documents of one kind for one forward."""

    documents: tuple[Document, ...]

    @property
    def targets(self) -> int:
        return sum(d.targets for d in self.documents)

    def flat(self) -> tuple[list[int], list[int], list[int], list[int]]:
        """Tokens and positions of the one row [T], the flat positions to read [R], and the tokens wanted there [R]."""
        tokens: list[int] = []
        positions: list[int] = []
        read: list[int] = []
        wanted: list[int] = []
        for d in self.documents:
            read += (len(tokens) + place - 1 for place in d.learned)
            wanted += (d.tokens[place] for place in d.learned)
            positions += range(len(d.tokens) - 1)
            tokens += d.tokens[:-1]
        return tokens, positions, read, wanted


def answer_documents(
    model: Model,
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    choices: Sequence[Sequence[str]] | None = None,
    end: int | None = None,
    sources: Sequence[str] | None = None,
) -> list[Document]:
    """Prompts with their answers as documents whose loss is on the answer alone.

    The cut between prompt and answer is the one that scoring makes: the longest common prefix of the prompt's own
    encoding and the joint encodings, over all ``choices`` of an item where they are given (``answers[i]`` must be one
    of ``choices[i]``). end: the token that ends an answer, for tasks whose answers are written and not chosen.
    Raises :class:`rung.types.ModelError` for an empty answer.
    """
    options = [tuple(c) for c in choices] if choices is not None else [(a,) for a in answers]
    places = list(sources) if sources is not None else [f"example {i + 1}" for i in range(len(prompts))]
    close = () if end is None else (end,)
    documents = []
    for cut, answer, option, source in zip(
        cut_all(model.text, prompts, options), answers, options, places, strict=True
    ):
        tokens = (*cut.context, *cut.continuations[option.index(answer)], *close)
        documents.append(Document(tokens, len(cut.context), source))
    return documents


def text_documents(model: Model, texts: Sequence[str], row: int) -> list[Document]:
    """Plain texts to go on pre-training with: every token is learned, the end-of-text that closes a text too.

    A text is cut into rows of at most ``row`` tokens, each behind the mark that begins a document; no two texts share a row.
    Raises ``ValueError`` for a row that does not fit the context or holds nothing beside its mark.
    """
    begin = model.text.start()
    if not len(begin) < row <= model.context:
        raise ValueError(f"a row of {row} tokens: expected {len(begin) + 1} to {model.context}")
    end = [] if model.tokenizer.eos_token_id is None else [model.tokenizer.eos_token_id]
    size = row - len(begin)
    return [
        Document((*begin, *ids[at : at + size]), len(begin), f"text {number}")
        for number, own in enumerate(token_ids(model.tokenizer, list(texts)), 1)
        for ids in [own + end if own else []]
        for at in range(0, len(ids), size)
    ]


def check(documents: Sequence[Document], context: int) -> None:
    """Raises :class:`DataError` that names the documents that cannot be trained on; nothing is ever cut."""
    if not documents:
        raise DataError("nothing to train on: no documents", zh="没有可供训练的数据")
    for number, d in enumerate(documents):
        if not 1 <= d.start < len(d.tokens):
            raise ValueError(f"document {number} ({d.source}): start {d.start} of {len(d.tokens)} tokens")
    sizes = [(d.source or f"document {i + 1}", d.length) for i, d in enumerate(documents)]
    long = [(name, size) for name, size in sizes if size > context]
    if long:
        named = ", ".join(f"{name} ({size} tokens)" for name, size in long[:5]) + (", ..." if len(long) > 5 else "")
        raise DataError(
            f"{len(long)} of {len(documents)} documents are longer than the context of {context} tokens: {named}; "
            "shorten or remove them, show fewer demonstrations, or take a model with a longer context",
            zh=f"{len(documents)} 条数据中有 {len(long)} 条超过 {context} 个词元的上下文：{named}；"
            "请缩短或删除它们、减少示例，或换用上下文更长的模型",
        )


class Endless:
    """Documents again and again, each time in another seeded order: the document at a place is a function of the place."""

    def __init__(self, documents: Sequence[Document], seed: int):
        self.documents, self.seed = tuple(documents), seed
        self._order = lru_cache(maxsize=4)(self._shuffle)

    def between(self, first: int, last: int) -> list[Document]:
        """Those at the places ``first`` to ``last``, without the latter."""
        places = (divmod(place, len(self.documents)) for place in range(first, last))
        return [self.documents[self._order(epoch)[place]] for epoch, place in places]

    def _shuffle(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        return torch.randperm(len(self.documents), generator=generator).tolist()


class Batches:
    """Documents in a seeded order, a new one each epoch: ``batches(step)`` are the microbatches of that step.

    Every step has ``batch`` documents (all of them if there are fewer); one that reaches the end of an epoch goes on
    with the next. Microbatches hold at most ``token_budget`` tokens (a longer document goes alone), and at most as
    many reads as half a gigabyte of float32 logits over ``vocabulary`` holds.
    """

    def __init__(self, documents: Sequence[Document], *, batch: int, seed: int, token_budget: int, vocabulary: int):
        self.documents = tuple(documents)
        self.batch = min(batch, len(self.documents))
        self.seed, self.token_budget = seed, token_budget
        self.reads = max(1, LOGITS_BUDGET // vocabulary)
        self.order = Endless(self.documents, seed)

    def __call__(self, step: int) -> list[Microbatch]:
        return pack(self.picked(step), self.token_budget, self.reads)

    def picked(self, step: int) -> list[Document]:
        """The documents of a step, in their shuffled order."""
        return self.order.between(step * self.batch, (step + 1) * self.batch)


class Mixed(Batches):
    """The batches of ``own`` with documents of general text beside them, so that they are ``share`` of all tokens.

    The share is exact over an epoch: a step has whole documents, so one may have none and the next two.
    """

    def __init__(self, own: Batches, general: Sequence[Document], share: float):
        self.own, self.token_budget, self.reads = own, own.token_budget, own.reads
        self.general = Endless(general, own.seed)
        beside = share / (1 - share) * own.batch * mean_length(own.documents)  # tokens of general text in a step
        self.each = beside / mean_length(general)  # documents of it

    def picked(self, step: int) -> list[Document]:
        """The documents of a step: its own, then the general ones."""
        return self.own.picked(step) + self.general.between(int(step * self.each), int((step + 1) * self.each))


def mean_length(documents: Sequence[Document]) -> float:
    """Tokens of a document."""
    return sum(len(d.segment) for d in documents) / len(documents)


def pack(documents: Sequence[Document], token_budget: int, reads: int) -> list[Microbatch]:
    """Microbatches of one kind and of neighbours in length (they share an attention call), the longest first."""
    packs: list[list[Document]] = []
    tokens = read = 0
    for d in sorted(documents, key=lambda d: (type(d).__name__, -len(d.segment))):
        size = len(d.segment) + 1
        alike = packs and type(packs[-1][0]) is type(d)
        if alike and tokens + size <= token_budget and read + d.reads <= reads:
            packs[-1].append(d)
            tokens, read = tokens + size, read + d.reads
        else:
            packs.append([d])
            tokens, read = size, d.reads
    return [Microbatch(tuple(p)) for p in packs]
