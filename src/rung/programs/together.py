"""Many adaptations on one base: their calls are made in one batch, and each answers as it would alone.

    with together({"intents": one, "names": other}, model) as many:
        many.answer([("intents", example), ("names", example), ("intents", another)])

Adapters of all kinds but ``full`` and ``qlora`` share the base (:mod:`rung.adapters.mixed`); what an adaptation's prompts
begin with is read once for all its requests. Programs that are no single call answer one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rung.adapters.mixed import Mixed
from rung.engine import Model
from rung.engine.continuous import Batch
from rung.engine.jobs import Job, Scoring, Writing
from rung.programs import PROGRAMS, Answer
from rung.programs.check import check_adaptation
from rung.programs.direct import Call, Direct, Found, Score, Steps, Write
from rung.types import Adaptation, AdaptationError, Example, Prediction

BASE = ""  # the lane without anything


@dataclass
class Member:
    """An adaptation that answers together with others: by calls that can be batched, or all at once."""

    adaptation: Adaptation
    direct: Direct | None
    answer: Answer | None
    stack: ExitStack


class Together:
    """Adaptations by name on one model, until :meth:`close`; not for several threads at once.

    ``batch`` is where their calls are made; ``tokens`` is its memory, see :class:`rung.engine.continuous.Batch`.
    """

    def __init__(self, model: Model, *, tokens: int = 1 << 16):
        self.model, self.mixed = model, Mixed(model.hf)
        self.mixed.add(BASE, None)
        self.batch = Batch(model, self.mixed, tokens=tokens)
        self.batch.open(BASE)
        self.members: dict[str, Member] = {}

    def add(self, name: str, adaptation: Adaptation) -> None:
        """Answers by ``adaptation`` under this name from now on.

        Raises :class:`AdaptationError` for a name that is taken, or for an adapter that cannot share the base.
        """
        if name in self.members or name == BASE:
            raise AdaptationError(
                f"there is an adaptation called {name!r} already; give it another name",
                zh=f"已有名为 {name!r} 的适配；请另取一个名字",
            )
        check_adaptation(adaptation)
        if adaptation.program != "direct":
            stack = ExitStack()
            with self.mixed.alone(BASE):
                answer = stack.enter_context(PROGRAMS[adaptation.program](adaptation, self.model))
            self.members[name] = Member(adaptation, None, answer, stack)
            return
        self.mixed.add(name, Path(adaptation.adapter) if adaptation.adapter else None)
        try:
            with self.mixed.alone(name):
                direct = Direct(adaptation, self.model)
                prefix = direct.prefix()
            self.batch.open(name, prefix)
        except BaseException:
            self.mixed.remove(name)
            raise
        self.members[name] = Member(adaptation, direct, None, ExitStack())

    def remove(self, name: str) -> None:
        """The name is free again; its requests must be answered or cancelled."""
        member = self.members.pop(name)
        member.stack.close()
        if member.direct is not None:
            self.batch.close(name)
            self.mixed.remove(name)

    def close(self) -> None:
        """The base is bit for bit what it was."""
        for member in self.members.values():
            member.stack.close()
        self.mixed.detach()

    def answer(self, asked: Sequence[tuple[str, Example]]) -> list[Prediction]:
        """Predictions in the order of ``asked``; raises what an adaptation alone would raise, for the first that does."""
        numbers: dict[str, list[int]] = {}
        for number, (name, _) in enumerate(asked):
            numbers.setdefault(name, []).append(number)
        runs = {name: self._answers([asked[i][1] for i in own], name) for name, own in numbers.items()}
        found: dict[str, Found | None] = dict.fromkeys(runs)
        done: dict[int, Prediction] = {}
        while found:
            calls: dict[str, Call] = {}
            for name in found:
                try:
                    with self.mixed.alone(self.lane(name)):
                        calls[name] = runs[name].send(found[name])
                except StopIteration as end:
                    done.update(zip(numbers[name], end.value, strict=True))
            jobs = {name: self.jobs(name, call) for name, call in calls.items()}
            self.batch.run()
            found = {name: collect(made) for name, made in jobs.items()}
        return [done[i] for i in range(len(asked))]

    def lane(self, name: str) -> str:
        """Where an adaptation's texts are read: programs that are no single call hang nothing on the model."""
        return name if self.members[name].direct is not None else BASE

    def jobs(self, name: str, call: Call) -> list[Job]:
        """The call's jobs, which wait in ``batch`` from now on."""
        made: list[Job] = []
        if isinstance(call, Score):
            made += [Scoring(name, text, call.choices, call.offsets, call.normalise) for text in call.texts]
        else:
            # Equal prompts are written once, as Model.generate does.
            once = {text: Writing(name, text, call.decoding, call.constraint) for text in call.texts}
            made += [once[text] for text in call.texts]
        for job in dict.fromkeys(made):
            self.batch.add(job)
        return made

    def _answers(self, examples: Sequence[Example], name: str) -> Steps:
        member = self.members[name]
        if member.direct is not None:
            return (yield from member.direct.steps(examples))
        assert member.answer is not None
        return member.answer(examples)


def collect(jobs: Sequence[Job]) -> Found:
    """What jobs found; raises what the first that failed met."""
    for job in jobs:
        if job.error is not None:
            raise job.error
    return [job.found[0] if isinstance(job, Writing) else job.found for job in jobs]  # type: ignore[attr-defined]


@contextmanager
def together(adaptations: Mapping[str, Adaptation], model: Model) -> Iterator[Together]:
    """The adaptations on one model while the context lasts."""
    many = Together(model)
    try:
        for name, adaptation in adaptations.items():
            many.add(name, adaptation)
        yield many
    finally:
        many.close()


__all__ = ["BASE", "Together", "Write", "collect", "together"]
