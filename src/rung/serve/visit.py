"""A request while it is answered: on the engine's thread, from its calls to the events that are sent back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rung.engine.jobs import Job, Scoring, Writing
from rung.programs import as_examples
from rung.programs.direct import Score, Steps, Write
from rung.programs.together import BASE, Member, Together, collect
from rung.prompts import stop_strings
from rung.prompts.render import part_text
from rung.serve.asked import Answer, Asked, Ended, Failed, Piece, Send
from rung.serve.deltas import Deltas
from rung.types import AdaptationError, Decoding, Prediction

PLAIN = Decoding(max_tokens=16, temperature=1.0)  # the API's defaults, for the base


class Visit:
    """``send`` gets pieces (where a stream was asked for), then one :class:`Ended` or :class:`Failed`; from the engine's thread."""

    def __init__(self, asked: Asked, send: Send):
        self.asked, self.send = asked, send
        self.cancelled = self.done = False
        self.cached = 0
        self._jobs: list[Job] = []
        self._left = 0
        self._steps: Steps | None = None
        self._final: Writing | None = None  # the job whose texts are the answers
        self._told: list[int] = []  # tokens of each sample that pieces have carried

    def cancel(self) -> None:
        """Its client has left; from any thread."""
        self.cancelled = True
        for job in list(self._jobs):
            job.cancel()

    def begin(self, many: Together) -> None:
        """Its first calls wait in the batch from now on."""
        self.many = many
        self.member: Member | None = None if self.asked.model == BASE else many.members[self.asked.model]
        try:
            if self.member is None:
                self._ask_base()
            elif self.member.direct is not None:
                self._check_asked(self.member)
                self._steps = self._begin_steps(self.member)
                self._go_on(None)
            else:
                self._check_asked(self.member)
                assert self.member.answer is not None
                with many.mixed.alone(BASE):
                    self._predicted(self.member.answer(as_examples([self._text])))
        except Exception as error:  # of this request alone: the others go on
            self.fail(error)

    def fail(self, error: Exception) -> None:
        if not self.done:
            self.done = True
            for job in self._jobs:
                job.cancel()
            self.send(Failed(error))

    @property
    def _text(self) -> str:
        assert isinstance(self.asked.input, str)
        return self.asked.input

    def _ask_base(self) -> None:
        asked = self.asked
        drawn = secrets.randbits(32)
        decoding = asked.decoding(replace(PLAIN, seed=drawn), (), drawn)
        if asked.whole and asked.max_tokens is None:
            model = self.many.model
            size = len(model.encode(asked.input)) if isinstance(asked.input, str) else len(asked.input)
            room = max(1, model.context - size)
            decoding = replace(decoding, max_tokens=room if asked.most is None else min(room, asked.most))
        if asked.constraint is not None:
            decoding = replace(decoding, stop=())
        self._deltas = [Deltas(decoding.stop) for _ in range(asked.n)]
        self._write(BASE, asked.input, decoding)

    def _check_asked(self, member: Member) -> None:
        """What an adaptation cannot be asked for."""
        kind = member.adaptation.kind
        if self.asked.constraint is not None and (kind == "classify" or member.direct is None):
            raise AdaptationError(
                f"the adaptation {self.asked.model!r} answers with one of its own labels or texts; leave out response_format",
                zh=f"适配 {self.asked.model!r} 只会回答自己的标签或文本；请去掉 response_format",
            )
        if self.asked.tops is not None and kind != "classify" and member.direct is None:
            raise AdaptationError(
                f"the adaptation {self.asked.model!r} ({member.adaptation.program}) has no log-probabilities; leave out logprobs",
                zh=f"适配 {self.asked.model!r}（{member.adaptation.program}）没有对数概率；请去掉 logprobs",
            )

    def _begin_steps(self, member: Member) -> Steps:
        made, direct, asked = member.adaptation, member.direct, self.asked
        assert direct is not None
        stops = made.decoding.stop or stop_strings(direct.prompt, paragraphs=False)
        decoding = asked.decoding(made.decoding, stops, secrets.randbits(32))
        # Told as it is written only where the answer is the text itself; JSON is told in its canonical form.
        plain = made.kind in ("generate", "prefer") and direct.prompt.reasoning is None and asked.constraint is None
        lead = part_text(direct.prompt, "lead", direct.words).strip()
        self._deltas = [Deltas(decoding.stop, strip=True, lead=lead) for _ in range(asked.n)] if plain else []
        times = 1 if made.kind == "classify" else asked.n
        return direct.steps(as_examples([self._text] * times), decoding=decoding, constraint=asked.constraint)

    def _go_on(self, found: Any) -> None:
        """The next calls of the program, or its answers."""
        assert self._steps is not None
        try:
            with self.many.mixed.alone(self.asked.model):
                call = self._steps.send(found)
        except StopIteration as end:
            self._predicted(end.value)
            return
        if isinstance(call, Score):
            self._wait([Scoring(self.asked.model, t, call.choices, call.offsets, call.normalise) for t in call.texts])
        elif call.final:
            self._write(self.asked.model, call.texts[0], call.decoding, call)
        else:
            self._wait([Writing(self.asked.model, call.texts[0], call.decoding, call.constraint)])

    def _write(self, lane: str, prompt: str | Sequence[int], decoding: Decoding, call: Write | None = None) -> None:
        asked = self.asked
        constraint = asked.constraint if call is None else call.constraint
        job = Writing(lane, prompt, decoding, constraint, samples=asked.n, tops=asked.tops)
        if asked.stream and self._deltas:
            job.on_token = self._token
        self._final, self._told = job, [0] * asked.n
        self._wait([job])

    def _wait(self, jobs: list[Job]) -> None:
        self._jobs, self._left = jobs, len(jobs)
        for job in jobs:
            job.on_done = self._job_done
            self.many.batch.add(job)
        self.cached = max(self.many.batch.cached(job) for job in jobs)
        if self.cancelled:
            self.cancel()

    def _job_done(self, job: Job) -> None:
        self._left -= 1
        if self._left or self.done or self.cancelled:
            return
        try:
            if self._steps is None:
                self._written()
            elif self._final is not None:
                self._go_on(self._final_found())
            else:
                copies = 1 if isinstance(job, Scoring) else self.asked.n
                self._go_on(collect(self._jobs) * copies)
        except Exception as error:
            self.fail(error)

    def _final_found(self) -> list[Any]:
        collect(self._jobs)
        assert self._final is not None
        return self._final.found

    def _token(self, job: Writing, number: int) -> None:
        """Sends what is new and certain of the sample; of samples that are alike (temperature 0) each is told."""
        writer = job.writers[number]
        last = writer.finished == "eos"
        written = writer.tokens[:-1] if last else writer.tokens
        text = self.many.model.text.after(writer.context, written)
        alike = range(self.asked.n) if len(job.writers) == 1 else [number]
        for choice in alike:
            new = "" if writer.finished else self._deltas[choice].feed(text)
            if new:
                tokens = job.tokens[number][self._told[choice] :] if job.tops is not None else []
                self._told[choice] += len(tokens)
                self.send(Piece(choice, new, tokens))

    def _written(self) -> None:
        """The base's answers."""
        found = self._final_found()
        assert self._final is not None
        self._end([self._answer(i, g.text) for i, g in enumerate(found)], found[0].prompt_tokens)

    def _answer(self, choice: int, text: str, valid: bool = True) -> Answer:
        job = self._final
        assert job is not None
        written, number = job.found[choice], choice if len(job.writers) > 1 else 0
        tokens = job.tokens[number] if job.tops is not None else None
        finish = "length" if written.finished == "length" else "stop"
        return Answer(text, finish, tokens, len(written.tokens), None, valid)

    def _predicted(self, predictions: Sequence[Prediction]) -> None:
        """An adaptation's answers: what ``rung predict`` prints."""
        first = predictions[0]
        if self._final is not None:
            raw = self.asked.constraint is not None  # the shape was the request's own: the text is the answer
            answers = [
                self._answer(i, p.output if p.valid and not raw else p.text, p.valid or raw)
                for i, p in enumerate(predictions)
            ]
            extra = first.tokens_out - len(self._final.found[0].tokens)  # the reasoning before the answer
            for answer in answers:
                answer.tokens_out += extra
            self._end(answers, first.tokens_in)
            return
        scores = None
        if first.scores is not None:
            assert self.member is not None
            logs = np.array(first.scores) - np.logaddexp.reduce(first.scores)
            scores = dict(zip(self.member.adaptation.labels, logs.tolist(), strict=True))
        answer = Answer(first.output, "stop", None, first.tokens_out, scores, first.valid)
        self._end([answer] * self.asked.n, first.tokens_in)

    def _end(self, answers: list[Answer], tokens_in: int) -> None:
        if self.cancelled:
            return
        if self.asked.stream:
            for choice, answer in enumerate(answers):
                rest = self._deltas[choice].end(answer.text) if self._told and self._deltas else answer.text
                tokens = (answer.tokens or [])[self._told[choice] :] if self._told else []
                if rest or tokens:
                    self.send(Piece(choice, rest, tokens))
        self.done = True
        self.send(Ended(answers, tokens_in, self.cached))
