"""What a rung is given, and what it gives: the contract between the ladder and the ways to find adaptations.

A rung is a generator of waves. The ladder races each wave on dev before it asks for the next one, so a rung can build
on what it has learned: ``context.leader`` is the best candidate of this rung so far, ``context.best("zero-shot")``
that of an earlier rung. ``docs/guides/add-a-rung.md`` adds one in a file and a line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rung.documents import Document, text_documents
from rung.engine import LanguageModel, Model, weights_of
from rung.evaluate import General, shipped_general
from rung.prompts import TEMPLATES, Words, answer_text
from rung.types import Adaptation, Cost, Decoding, Demonstration, Kind, ModelRef, Prompt, Task


@dataclass(frozen=True)
class Wave:
    """Candidates that race together; ``drop`` False: each runs over all of dev (a curve needs every point)."""

    candidates: Sequence[Adaptation]
    drop: bool = True
    family: str = ""  # how they were made, for charts; empty: read off the adaptations


@dataclass(frozen=True)
class Built:
    """What it took to build a trained candidate."""

    cost: Cost
    notes: Mapping[str, Any] = field(default_factory=dict)
    looks: int = 1  # how often dev was looked at while building; each look may be lucky


ROW = 256  # tokens of a row of plain text

Propose = Callable[["Context"], Iterator[Wave]]


@dataclass(frozen=True)
class Rung:
    """A way to get adaptations. ``needs``: how many labelled training examples it takes to make sense."""

    name: str
    step: int  # 0 control, 1 hard prompt, 2 in-context, 3 composition, 4 soft prompt, 5 weights, 6 alignment
    propose: Propose
    what: str
    what_zh: str
    kinds: tuple[Kind, ...] = ("classify", "extract", "generate")
    needs: int = 0
    takes: Callable[[Task], bool] = lambda task: True  # a finer condition than the kind
    model: bool = True  # False: a control, no language model is asked
    estimate: Callable[[Context], Cost] | None = None  # operations to build and to ask, before anything is built
    weights: bool = False  # it trains the model or reads its hidden states: not on an endpoint
    races: bool = False  # it trains in parts and heeds ``context.enough``, so that it may race other rungs


@dataclass
class Context:
    """The world as a rung sees it. The test split stays sealed; dev serves early stopping alone, and each look counts."""

    task: Task
    model: LanguageModel
    folder: Path  # where trained candidates are kept: folder / rung / candidate
    seed: int
    general: General = field(default_factory=shipped_general)
    domain: tuple[str, ...] = ()  # plain texts of the user's domain, to go on pre-training with
    rung: str = ""
    ranking: Sequence[Adaptation] = ()  # this rung's candidates that have run over the whole of dev, the best first
    racing: bool = False  # other rungs take turns with this one: small waves, the most telling first
    enough: bool = False  # no further wave is wanted: clean up and end
    standing: dict[str, Adaptation] = field(default_factory=dict)  # the best of each rung below
    built: dict[tuple[str, str], Built] = field(default_factory=dict)
    keep_built: Callable[[Adaptation, Built], None] = lambda adaptation, built: None
    keep_part: Callable[[str, Built], None] = lambda name, built: (
        None
    )  # paid for, and no candidate: it failed, or is a stage
    failed: Callable[[str, str, str], None] = lambda name, en, zh: None  # a candidate is left out, and why
    training: Callable[[str, int, int, float], None] = lambda candidate, step, steps, loss: None
    check: Callable[[], None] = lambda: None  # raises BudgetSpent

    @property
    def weights(self) -> Model:
        """The model itself, for rungs that train it or read its states."""
        return weights_of(self.model)

    @property
    def leader(self) -> Adaptation | None:
        """The best candidate of this rung so far."""
        return self.ranking[0] if self.ranking else None

    def best(self, *rungs: str) -> Adaptation | None:
        """The best adaptation of the first of these rungs that the climb has passed."""
        return next((self.standing[name] for name in rungs if name in self.standing), None)

    @property
    def prompt(self) -> Prompt:
        """The best hard prompt so far, else the kind's second template (the first is the bare one)."""
        found = self.best("magic-words", "zero-shot")
        return found.prompt if found is not None and found.prompt is not None else self.templates[1]

    @property
    def templates(self) -> tuple[Prompt, ...]:
        return tuple(TEMPLATES[self.task.language][self.task.kind])

    @cached_property
    def pool(self) -> tuple[Demonstration, ...]:
        """The training examples as demonstrations."""
        return tuple(Demonstration(e.input, e.target) for e in self.task.train)

    @cached_property
    def general_documents(self) -> list[Document]:
        """The general text that is mixed into training, in rows; none where no share was asked for."""
        if not self.general.share:
            return []
        return text_documents(self.weights, self.general.mixed, min(ROW, self.model.context // 2))

    @cached_property
    def domain_documents(self) -> list[Document]:
        """The domain's texts in rows, as the general ones."""
        return text_documents(self.weights, self.domain, min(ROW, self.model.context // 2)) if self.domain else []

    @cached_property
    def input_documents(self) -> list[Document]:
        """The training inputs as plain texts in rows, without prompt or answer."""
        return text_documents(self.weights, [e.input for e in self.task.train], min(ROW, self.model.context // 2))

    @cached_property
    def decoding(self) -> Decoding:
        """Room for the longest training answer and a quarter more."""
        if self.task.kind == "classify" or not self.task.train:
            return Decoding()
        words, prompt = Words.of(self.task), self.templates[0]
        longest = max(self.model.length(answer_text(prompt, words, e.target)) for e in self.task.train)
        return Decoding(max_tokens=min(longest + longest // 4 + 4, self.model.context // 2))

    def adaptation(self, name: str, **fields: Any) -> Adaptation:
        """A candidate of this rung on this task and model."""
        task = self.task
        made = Adaptation(
            name=f"{self.rung}/{name}", rung=self.rung, kind=task.kind, language=task.language, labels=task.labels,
            schema=task.schema, description=task.description, decoding=self.decoding,
            model=ModelRef(self.model.name, self.model.sha256), input_columns=task.input_columns, output_column=task.output_column,
        )  # fmt: skip
        return dataclasses.replace(made, **fields)
