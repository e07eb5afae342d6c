"""Choices to train on: a document that knows the options it was chosen from, so that the loss can be on the options alone.

The options are laid behind their context as a tree, as scoring lays them (:mod:`rung.engine.score`): what several share is read
once, logits are computed where an option goes on, and an option's log-probability is the sum over its tokens. So training moves
the very numbers that the answer is chosen by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from rung.attend import TrainingLayout
from rung.documents import Document, Microbatch
from rung.engine import Model
from rung.engine.choices import cut_all
from rung.engine.flat import run
from rung.engine.layout import Past, Segment
from rung.engine.score import Item, Tree, grow
from rung.objectives import distill, option_logprobs, options
from rung.types import DataError


@dataclass(frozen=True)
class Choice(Document):
    """``options`` (token ids) stand behind ``tokens[:start]``, and ``tokens[start:]`` is the right one.

    ``teacher``: log-probabilities of the options up to a constant, where a teacher says what is wanted.
    """

    options: tuple[tuple[int, ...], ...] = field(kw_only=True)
    teacher: tuple[float, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if self.teacher and len(self.teacher) != len(self.options):
            raise ValueError(f"{self.source}: a teacher's word on {len(self.teacher)} of {len(self.options)} options")

    @property
    def right(self) -> int:
        return self.options.index(self.tokens[self.start :])

    @property
    def targets(self) -> int:
        """One: it is right or wrong."""
        return 1

    @cached_property
    def item(self) -> Item:
        return Item(self.tokens[: self.start], self.options)

    @cached_property
    def tree(self) -> Tree:
        return grow(self.item.inputs())

    @cached_property
    def picks(self) -> list[tuple[int, int, int]]:
        """(node whose logits are read, token wanted there, number of the option it belongs to) of every option's tokens."""
        return [
            (node, token, number)
            for number, (whole, option) in enumerate(zip(self.item.inputs(), self.options, strict=True))
            for node, token in zip(self.tree.paths[whole][self.start - 1 :], option, strict=True)
        ]

    @property
    def segment(self) -> Segment:
        return self.tree.segment

    @property
    def reads(self) -> int:
        return len({node for node, _, _ in self.picks})

    @property
    def length(self) -> int:
        return self.start + max(len(o) for o in self.options)


def plain(document: Document) -> Document:
    """A choice without its options: the loss is on the tokens of the answer; any other document as it is."""
    if not isinstance(document, Choice):
        return document
    return Document(document.tokens, document.start, document.source)


def choices(
    model: Model,
    prompts: Sequence[str],
    answers: Sequence[str],
    options: Sequence[Sequence[str]],
    *,
    teacher: Sequence[Sequence[float]] | None = None,
    sources: Sequence[str] | None = None,
) -> list[Choice]:
    """Prompts with their options in tokens, cut as scoring cuts them; ``answers[i]`` is one of ``options[i]``.

    teacher: log-probabilities of the options of each prompt, up to a constant.
    """
    places = sources if sources is not None else [f"example {i + 1}" for i in range(len(prompts))]
    taught = teacher if teacher is not None else [()] * len(prompts)
    made = []
    for cut, answer, texts, place, logs in zip(
        cut_all(model.text, prompts, options), answers, options, places, taught, strict=True
    ):
        own = tuple(map(tuple, cut.continuations))
        tokens = (*cut.context, *own[list(texts).index(answer)])
        made.append(Choice(tokens, len(cut.context), place, options=own, teacher=tuple(logs)))
    return made


def check_taught(documents: Sequence[Document]) -> None:
    """Raises :class:`DataError` for choices without a teacher's word: the objective "teacher" would learn nothing from them."""
    silent = [d.source for d in documents if isinstance(d, Choice) and not d.teacher]
    if silent:
        raise DataError(
            f"the objective 'teacher' needs a teacher's log-probabilities, and {len(silent)} of {len(documents)} choices have none, "
            f"such as {silent[0]}: give choices(..., teacher=...), or take the objective 'options'",
            zh=f"目标 'teacher' 需要教师给出的对数概率，而 {len(documents)} 条选择中有 {len(silent)} 条没有，例如 {silent[0]}："
            "请给出 choices(..., teacher=...)，或改用目标 'options'",
        )


# What is wanted of choices: summed losses out of log-probabilities [n, k], the right ones [n] and the teacher's [n, k].
LOSSES: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "options": lambda logprobs, right, teacher: options(logprobs, right),
    "teacher": lambda logprobs, right, teacher: distill(logprobs, teacher),
}


def choice_loss(model: Model, micro: Microbatch, objective: str, past: Past | None = None) -> tuple[Tensor, int]:
    """Summed loss of :data:`LOSSES` over the choices of one packed forward behind ``past``, and their number."""
    items = [d for d in micro.documents if isinstance(d, Choice)]
    assert len(items) == len(micro.documents), "choices are packed with choices"
    logprobs = table(model, items, past)
    right = torch.tensor([c.right for c in items], device=model.device)
    teacher = torch.full(logprobs.shape, float("-inf"))
    for row, c in enumerate(items):
        teacher[row, : len(c.teacher)] = torch.tensor(c.teacher)
    return LOSSES[objective](logprobs, right, teacher.to(model.device)), micro.targets


def table(model: Model, items: Sequence[Choice], past: Past | None = None) -> Tensor:
    """Log-probabilities [n, k] of the options of each choice, float32, with gradients, out of one forward."""
    most = max(len(c.options) for c in items)
    tokens: list[int] = []
    positions: list[int] = []
    rows: dict[int, int] = {}  # flat position -> row of the logits
    picked: list[tuple[int, int, int]] = []
    for number, c in enumerate(items):
        picked += (
            (rows.setdefault(len(tokens) + node, len(rows)), token, number * most + option)
            for node, token, option in c.picks
        )
        tokens += c.tree.tokens
        positions += c.tree.depths
    layout = TrainingLayout([c.segment for c in items], past=past, device=model.device)
    flat, depths, read, picks = (torch.tensor(x, device=model.device) for x in (tokens, positions, list(rows), picked))
    logits = run(model.hf, layout, flat, depths + (0 if past is None else past.position), read)
    row, token, option = picks.unbind(1)
    return option_logprobs(logits, row, token, option, (len(items), most))
