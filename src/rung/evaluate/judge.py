"""A model as judge of two answers to one input. The judge is an adaptation: it classifies a text that shows both into "1" or "2".

So any model may judge, by a plain prompt (:func:`judge`), and so may an adaptation that was trained for it. A judge leans to the
answer that stands first, or second (Wang et al. 2023, arXiv 2305.17926; Zheng et al. 2023, arXiv 2306.05685): both orders of
each pair are always asked, and the two must name the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Literal

from rung.adaptation import hash_of
from rung.engine import LanguageModel
from rung.evaluate.measure import arriving
from rung.ledger import Ledger
from rung.programs import Answer, fitting
from rung.prompts import TEMPLATES, Words, chat_variant
from rung.prompts.render import part_text
from rung.types import (
    Adaptation,
    AdaptationError,
    Example,
    Language,
    ModelRef,
    Prediction,
    Prompt,
    TooLong,
    digest,
)

Side = Literal["a", "b"]
Choice = Literal["a", "b", "tie"]
LABELS = ("1", "2")
SIDES: tuple[Side, Side] = ("a", "b")
LONG = Prediction("", "")  # in place of an answer, where the prompt does not fit
BLOCK = 32  # pairs, 64 prompts: what a kill can lose of a model in this process

PROMPTS: dict[Language, Prompt] = {
    "en": Prompt(
        "judge", "en", instruction="Two answers to the same input. Decide which one is better: 1 or 2.",
        lead="Better answer:", answer=" {{ target }}",
    ),
    "zh": Prompt("judge", "zh", instruction="下面是对同一输入的两个回答。判断哪个更好，答 1 或 2。", lead="更好的回答："),
}  # fmt: skip
SHOWN: dict[Language, str] = {
    "en": "Task: {task}\nInput: {input}\nAnswer 1: {one}\nAnswer 2: {two}",
    "zh": "任务：{task}\n输入：{input}\n回答 1：{one}\n回答 2：{two}",
}


@dataclass(frozen=True)
class Contest:
    """Two answers to one input; ``example`` is the id of the task's example."""

    example: str
    input: str
    a: str
    b: str


@dataclass(frozen=True)
class Order:
    """What was said of a pair in one order: "1", "2" or None (not readable), and log p("1"), log p("2") where there are any."""

    said: str | None
    scores: tuple[float, float] | None

    @property
    def margin(self) -> float | None:
        """Nats by which the first is preferred to the second."""
        return None if self.scores is None else self.scores[0] - self.scores[1]


@dataclass(frozen=True)
class Judged:
    """What a judge said of one pair: with ``a`` in the first place, and with ``b`` there."""

    example: str
    a_first: Order
    b_first: Order

    @property
    def sides(self) -> tuple[Side, Side] | None:
        """Whom each order names; None where one of them could not be read."""
        one, two = self.a_first.said, self.b_first.said
        if one is None or two is None:
            return None
        return ("a" if one == "1" else "b"), ("b" if two == "1" else "a")

    @property
    def margin(self) -> float | None:
        """Mean over both orders of log p(for a) - log p(for b), in nats: what the place adds falls out. None without scores."""
        one, two = self.a_first.margin, self.b_first.margin
        return None if one is None or two is None else (one - two) / 2

    @property
    def choice(self) -> Choice | None:
        """Whom both orders name, else a tie; None where one could not be read."""
        return self.choose()

    def choose(self, threshold: float = 0.0) -> Choice | None:
        """:attr:`choice`, and a tie also where ``|margin|`` is below ``threshold`` nats."""
        if self.sides is None:
            return None
        one, two = self.sides
        narrow = self.margin is not None and abs(self.margin) < threshold
        return "tie" if one != two or narrow else one

    @property
    def leaning(self) -> Choice | None:
        """The sign of the margin alone, also where the orders disagree; None without scores."""
        if self.margin is None:
            return None
        return "a" if self.margin > 0 else "b" if self.margin < 0 else "tie"

    def mirrored(self) -> Judged:
        """The same with the names of the two answers exchanged."""
        return Judged(self.example, self.b_first, self.a_first)


def judge(model: LanguageModel, language: Language) -> Adaptation:
    """The judge that any model is by a plain prompt: in chat style where the model has one."""
    prompt = PROMPTS[language]
    return Adaptation(
        name=model.name, rung="judge", kind="classify", language=language, labels=LABELS,
        prompt=chat_variant(prompt) if model.has_chat_template else prompt, model=ModelRef(model.name, model.sha256),
    )  # fmt: skip


def check_judge(adaptation: Adaptation, where: str) -> None:
    """Raises AdaptationError for one that does not classify into "1" and "2"."""
    if adaptation.kind != "classify" or adaptation.labels != LABELS:
        found = f"{adaptation.kind}: {', '.join(adaptation.labels) or '-'}"
        raise AdaptationError(
            f"{where} is no judge: a judge classifies into the labels 1 and 2, this is {found}. Climb on examples whose input "
            "shows both answers and whose label is the better one's number, or type --by MODEL without --judge",
            zh=f"{where} 不能当评审：评审把输入分为标签 1 和 2，而它是 {found}。请用“输入中列出两个回答、标签为较好者编号”的样本"
            "去攀登，或去掉 --judge，用 --by 指定模型",
        )


def asked_of(adaptation: Adaptation) -> str:
    """The task in a sentence or two, as the template "instruct" says it for a task of this kind."""
    prompts = {p.name: p for p in TEMPLATES[adaptation.language][adaptation.kind]}
    return part_text(prompts["instruct"], "instruction", Words.of(adaptation)).strip()


def shown(contest: Contest, task: str, language: Language, first: Side) -> Example:
    """The text that is judged, with ``first`` as answer 1; its id is a digest of it, so that no text is asked twice."""
    one, two = (contest.a, contest.b) if first == "a" else (contest.b, contest.a)
    text = SHOWN[language].format(task=task, input=contest.input, one=one, two=two)
    return Example(digest(text), text, "")


def ask(
    contests: Sequence[Contest],
    adaptation: Adaptation,
    opened: Callable[[], AbstractContextManager[Answer]],
    ledger: Ledger,
    task: str,
    *,
    workers: int = 1,
) -> Iterator[tuple[Contest, Judged | None]]:
    """Each contest with what the judge said of it, block by block; None for one that does not fit into the judge's context.

    ``opened`` is called once, and only if something is not in the ``ledger`` yet; ``task`` is :func:`asked_of` it. Answers are
    in the ledger before they are given. They have no mark there: nobody knows the right one.
    """
    hash, language = hash_of(adaptation), adaptation.language
    with ExitStack() as stack:
        program: Answer | None = None
        for start in range(0, len(contests), BLOCK):
            part = contests[start : start + BLOCK]
            texts = {(c.example, side): shown(c, task, language, side) for c in part for side in SIDES}
            known = {i: p for i, (p, _) in ledger.known(hash, (e.id for e in texts.values())).items()}
            todo = list({e.id: e for e in texts.values() if e.id not in known}.values())
            if todo:
                program = program or stack.enter_context(opened())
                for batch in _answers(program, todo, workers):
                    ledger.keep_predictions(hash, [(p, None) for p in batch])
                    known.update({p.example_id: p for p in batch})
            for contest in part:
                said = [known.get(texts[contest.example, side].id) for side in SIDES]
                yield contest, _judged(contest.example, *said)


def _answers(program: Answer, examples: Sequence[Example], workers: int) -> Iterator[list[Prediction]]:
    """Predictions as they arrive, without those of examples that do not fit into the context."""
    if workers > 1:
        for _, found in arriving(lambda part: [fitting(program, part[0]) or LONG], examples, workers):
            if found is not LONG:
                yield [found]
        return
    try:
        batch = program(examples)
    except TooLong:  # of at least one: each alone
        batch = [p for e in examples if (p := fitting(program, e)) is not None]
    yield batch


def _judged(example: str, a_first: Prediction | None, b_first: Prediction | None) -> Judged | None:
    if a_first is None or b_first is None:
        return None
    return Judged(example, _order(a_first), _order(b_first))


def _order(p: Prediction) -> Order:
    scores = (p.scores[0], p.scores[1]) if p.scores is not None and all(map(math.isfinite, p.scores)) else None
    return Order(p.output if p.valid else None, scores)
