"""Continuous batching: sequences of many lanes are written together, and others join and leave between two tokens.

A step is at most two forwards. One reads what has arrived: prompts to write behind, and labels to score, each lane's
behind its own past. One reads the newest token of every sequence that is being written. Who is done leaves its slot.

Answers are those of :meth:`rung.engine.Model.score` and :meth:`rung.engine.Model.generate` with the lane's adapter on the
model alone, whatever else is in the batch: what rounding could decide (two labels or two tokens within the tolerance, a
draw near its border) is decided again from a forward of that text alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from rung.engine import choices as choosing
from rung.engine import sample
from rung.engine.attention import Layout
from rung.engine.generate import Writer, advance, as_generation, begin, new_writers, stop_ids, take
from rung.engine.jobs import Job, Scoring, Token, Writing
from rung.engine.lanes import Lane, Lanes, joined, run_lanes
from rung.engine.layout import Segment
from rung.engine.model import Model
from rung.engine.score import WORTH_LENGTH, Item, Laid, choice_scores, lay, score_tokens
from rung.engine.slots import COLUMNS, Slots
from rung.types import ModelError, UserError

SHARED = 64  # keys: a longer past is kept once for all sequences of its lane, a shorter one is copied into each slot


@dataclass(eq=False)
class Running:
    """A sequence that is being written, in a slot of a pool."""

    job: Writing
    number: int  # of its writers
    pool: Pool

    @property
    def writer(self) -> Writer:
        return self.job.writers[self.number]


class Pool:
    """Slots, and who is in each."""

    def __init__(self, slots: Slots):
        self.slots = slots
        self.rows: list[Running] = []

    def drop(self, row: Running) -> None:
        slot = self.rows.index(row)
        self.rows[slot] = self.rows[self.slots.drop(slot)]
        self.rows.pop()


class Batch:
    """Jobs of many lanes on one model; not for several threads at once, except :meth:`Job.cancel`.

    tokens: the most that all sequences together may hold, with all that they may still write; more has to wait.
    """

    def __init__(self, model: Model, lanes: Lanes, *, tokens: int = 1 << 16):
        self.model, self.lanes, self.tokens = model, lanes, tokens
        self.waiting: deque[Job] = deque()
        self.held = 0
        self._open: dict[str, tuple[Lane, Lane]] = {}  # without and with the prefix
        self._pools: dict[Lane | None, Pool] = {}  # None: of all lanes whose past is short
        self._left: dict[Writing, int] = {}  # writers that are not done
        self._stops = stop_ids(model, model.text)

    @property
    def running(self) -> int:
        """Sequences that are being written."""
        return sum(len(pool.rows) for pool in self._pools.values())

    def open(self, name: str, prefix: Sequence[int] = ()) -> None:
        """A lane is there from now on; ``prefix``, which its prompts begin with, is read once."""
        with self.model.frozen(), self.lanes.alone(name):
            short = Lane(name, self.model.prefix)
            long = short
            if len(prefix) >= WORTH_LENGTH:
                long = Lane(name, self.model.extend(None, prefix), tuple(prefix))
        self._open[name] = short, long

    def close(self, name: str) -> None:
        """The lane is gone; its jobs must be done or cancelled."""
        with self.model.frozen():
            self._sweep()
        assert all(job.lane != name for job in (*self.waiting, *self._left)), f"the lane {name} is busy"
        for lane in self._open.pop(name):
            self._pools.pop(lane, None)

    def add(self, job: Job) -> None:
        """Puts a job behind those that wait. Raises :class:`ModelError` for one that can never be done."""
        text = self.model.text
        with self.lanes.alone(job.lane):
            context = self.model.context
        if isinstance(job, Scoring):
            (job.cut,) = choosing.cut_all(text, [job.prompt], choosing.per_prompt([job.prompt], list(job.choices)))
            choosing.fits([job.prompt], [job.cut.length()], context)
            job.context = job.cut.context
        else:
            assert isinstance(job, Writing)
            sample.check(job.decoding)
            draws = job.samples if job.decoding.temperature > 0 else 1
            if isinstance(job.prompt, str):
                (job.writers,) = new_writers(text, [job.prompt], self._stops, job.constraint, draws)
            else:
                job.writers = begin(list(job.prompt) or text.start(), [None] * draws)
            job.context = job.writers[0].context
            job.tokens = [[] for _ in job.writers]
            choosing.fits([text.decode(job.context)], [len(job.context) + job.decoding.max_tokens], context)
            if self._need(job) > self.tokens:
                raise ModelError(
                    f"{job.samples} answers of up to {job.decoding.max_tokens} tokens need {self._need(job)} tokens of "
                    f"memory, and there are {self.tokens}; ask for fewer or shorter answers",
                    zh=f"{job.samples} 个回答（每个至多 {job.decoding.max_tokens} 个词元）需要 {self._need(job)} 个词元的缓存，"
                    f"而总共只有 {self.tokens} 个；请减少个数或缩短回答",
                )
        self.waiting.append(job)

    def cached(self, job: Job) -> int:
        """Tokens of its prompt that were read before it came."""
        return self._lane(job)[1]

    def step(self) -> bool:
        """Reads what has arrived and fits, writes one token of every sequence; False when nothing is left to do."""
        with self.model.frozen():
            self._sweep()
            arrived = self._arrivals()
            if arrived:
                self._guarded(arrived, self._read)
            if self.running:
                self._guarded(list(self._left), self._write)
        return bool(self.waiting or self.running)

    def run(self) -> None:
        """Steps until nothing is left to do."""
        while self.step():
            pass

    def _guarded(self, jobs: list[Job], work: Callable[[list[Job]], None]) -> None:
        """A forward that fails (memory, say) fails the jobs that were in it, and no other."""
        try:
            work(jobs)
        except Exception as error:  # whatever it is, the next step must not meet it again
            for job in jobs:
                self._fail(job, error)

    def _need(self, job: Writing) -> int:
        """Tokens that it holds at its longest; a prefix that its lane shares is not its own."""
        _, depth = self._lane(job)
        return len(job.writers) * (len(job.context) - depth + job.decoding.max_tokens)

    def _lane(self, job: Job) -> tuple[Lane, int]:
        """Where a job is read, and how many of its tokens stand there already."""
        short, long = self._open[job.lane]
        depth = len(long.prefix)
        if depth and len(job.context) > depth and tuple(job.context[:depth]) == long.prefix:
            return long, depth
        return short, 0

    def _sweep(self) -> None:
        """Who does not wait any more is let go."""
        if any(job.cancelled for job in self.waiting):
            self.waiting = deque(job for job in self.waiting if not job.cancelled)
        for job in [job for job in self._left if job.cancelled]:
            self._release(job)

    def _arrivals(self) -> list[Job]:
        """The first that wait, as many as there is room for; while others are written, a quarter of a full forward."""
        room = self.model.token_budget // (4 if self.running else 1)
        arrived: list[Job] = []
        read = held = 0
        while self.waiting:
            job = self.waiting[0]
            depth = self._lane(job)[1]
            size = len(job.context) - depth if isinstance(job, Writing) else job.item.size() - depth  # type: ignore[attr-defined]
            need = self._need(job) if isinstance(job, Writing) else 0
            if self.held + held + need > self.tokens or (arrived and read + size > room):
                break
            read, held = read + size, held + need
            arrived.append(self.waiting.popleft())
        return arrived

    def _read(self, arrived: list[Job]) -> None:
        """One forward over all that has arrived: first tokens are chosen, labels are scored."""
        stretches: list[tuple[str, int]] = []
        layouts: list[Layout] = []
        tokens: list[int] = []
        positions: list[int] = []
        read: list[int] = []
        parts = sorted(self._parts(arrived), key=lambda part: part.lane.name)
        for part in parts:
            layout = Layout(part.segments, past=part.lane.past, kept=part.kept, device=self.model.device)
            read += [len(tokens) + at for at in part.read]
            tokens += part.tokens
            positions += part.positions
            layouts.append(layout)
            stretches.append((part.lane.name, len(part.tokens)))
        self.model.tally(len(tokens), sum(x.pairs for x in layouts), len(read))
        row = joined(layouts, [size for _, size in stretches])
        logits = run_lanes(self.model, self.lanes, stretches, row, tokens, positions, read)
        self._make_room(parts)
        for part, own in zip(parts, logits.split([len(part.read) for part in parts]), strict=True):
            if part.laid is not None:
                self._scored(part, part.laid.scores(own))
            else:
                self._begun(part, own)

    def _parts(self, arrived: list[Job]) -> Iterator[Arrived]:
        placed = [(*self._lane(job), job) for job in arrived]
        for writes in (True, False):
            chosen = [(lane, depth, job) for lane, depth, job in placed if isinstance(job, Writing) == writes]
            chosen.sort(key=lambda each: (each[0].name, each[1]))
            for _, group in groupby(chosen, key=lambda each: id(each[0])):
                members = list(group)
                lane, depth, jobs = members[0][0], members[0][1], [job for _, _, job in members]
                yield Arrived.to_write(lane, depth, jobs) if writes else Arrived.to_score(lane, depth, jobs)

    def _scored(self, part: Arrived, found: dict[Item, tuple[float, ...]]) -> None:
        for job in part.jobs:
            assert isinstance(job, Scoring)
            with self.lanes.alone(job.lane):
                job.found = choice_scores(self.model, job.item, found[job.item])
                values = choosing.ranked(job.found, job.offsets, job.normalise)
                if choosing.is_close(values, self.model.tolerance * max(job.found.tokens) ** 0.5):
                    (job.found,) = score_tokens(self.model, [job.cut.context], [job.cut.continuations], exact=True)
            job.finish()

    def _make_room(self, parts: Sequence[Arrived]) -> None:
        """Slots for all that have arrived, at once: a pool that grows lane by lane is copied as often."""
        wanted: dict[Pool, tuple[int, int]] = {}
        for part in parts:
            pool = self._pool(part.lane)
            ahead = 0 if part.lane.past is None or pool.slots.past is not None else len(part.lane.past)
            for job in part.jobs:
                if isinstance(job, Writing):
                    sequences, columns = wanted.get(pool, (0, 0))
                    longest = ahead + len(job.context) + min(job.decoding.max_tokens, COLUMNS)
                    wanted[pool] = sequences + len(job.writers), max(columns, longest)
        for pool, (sequences, columns) in wanted.items():
            pool.slots.reserve(sequences, columns)

    def _begun(self, part: Arrived, logits: Tensor) -> None:
        """A slot for each sequence, and its first token."""
        kept = part.kept or []
        pieces = [tuple(x.split([len(s) for s in part.segments]) for x in pair) for pair in kept]
        rows, decided = [], []
        for number, job in enumerate(part.jobs):
            assert isinstance(job, Writing)
            self._left[job] = len(job.writers)
            self.held += self._need(job)
            pool = self._pool(part.lane)
            own = [(k[number], v[number]) for k, v in pieces]
            ahead, shift = None, part.lane.position
            if pool.slots.past is None and part.lane.past is not None:
                ahead, shift = part.lane.past, part.lane.position - len(part.lane.past)
            slot = pool.slots.add(own, shift, ahead)
            for copy in range(len(job.writers)):
                if copy:
                    pool.slots.copy(slot)
                rows.append(Running(job, copy, pool))
                pool.rows.append(rows[-1])
                decided.append(number)
        self._advance(rows, logits[decided])

    def _pool(self, lane: Lane) -> Pool:
        shared = lane.past is not None and len(lane.past) > SHARED
        key, past = (lane, lane.past) if shared else (None, None)
        return self._pools.setdefault(key, Pool(Slots(past)))

    def _write(self, jobs: list[Job]) -> None:
        """One forward over the newest token of every sequence, and their next ones."""
        rows: list[Running] = []
        layouts: list[Slots] = []
        positions: list[int] = []
        for pool in self._pools.values():
            if pool.rows:
                order = sorted(range(len(pool.rows)), key=lambda slot: pool.rows[slot].job.lane)
                positions += pool.slots.prepare(order)
                rows += [pool.rows[slot] for slot in order]
                layouts.append(pool.slots)
        pairs = sum(sum(x.lengths) + len(x) * (0 if x.past is None else len(x.past)) for x in layouts)
        self.model.tally(len(rows), pairs, len(rows))
        stretches = [(name, len(list(group))) for name, group in groupby(row.job.lane for row in rows)]
        tokens = [row.writer.tokens[-1] for row in rows]
        layout = joined(layouts, [len(x) for x in layouts])
        logits = run_lanes(self.model, self.lanes, stretches, layout, tokens, positions, range(len(rows)))
        self._advance(rows, logits)

    def _advance(self, rows: Sequence[Running], logits: Tensor) -> None:
        """Chooses the next token of each sequence from its row of ``logits`` [n, V]."""
        values, ids = logits.topk(2)
        best, second = values.unbind(-1)
        near = (second > best - self.model.tolerance).tolist()  # as sample.greedy says it
        logprobs, first = (best - torch.logsumexp(logits, -1)).tolist(), ids[:, 0].tolist()
        for i, row in enumerate(rows):
            job, writer = row.job, row.writer
            if job.error is not None:
                continue
            decided = logits[i]
            try:
                plain = job.decoding.temperature == 0 and writer.guide is None
                if plain and not near[i]:
                    take(self.model.text, writer, first[i], logprobs[i], job.decoding, self._stops)
                else:
                    with self.lanes.alone(job.lane):
                        decided = advance(self.model, self.model.text, writer, decided, job.decoding, self._stops)
            except UserError as error:
                self._fail(job, error)
                continue
            if job.tops is not None:
                job.tokens[row.number].append(Token.of(decided, writer.tokens[-1], job.tops))
            if job.on_token is not None:
                job.on_token(job, row.number)
            if writer.finished:
                row.pool.drop(row)
                self._left[job] -= 1
                if not self._left[job]:
                    self._done(job)

    def _done(self, job: Writing) -> None:
        self._release(job)
        with self.lanes.alone(job.lane):
            found = [as_generation(self.model, writer) for writer in job.writers]
        job.found = (found * job.samples)[: job.samples]
        job.finish()

    def _fail(self, job: Job, error: Exception) -> None:
        if not job.done:
            job.error = error
            self._release(job)
            job.finish()

    def _release(self, job: Job) -> None:
        """Its slots and its share of the budget are free again."""
        if isinstance(job, Writing) and job in self._left:
            del self._left[job]
            self.held -= self._need(job)
            for pool in self._pools.values():
                for row in [row for row in pool.rows if row.job is job]:
                    pool.drop(row)


@dataclass
class Arrived:
    """A stretch of the forward that reads arrivals: jobs of one lane, to write behind or to score."""

    lane: Lane
    jobs: list[Job]
    segments: list[Segment]
    tokens: list[int]
    positions: list[int]
    read: list[int]
    laid: Laid | None = None  # what is scored
    kept: list[tuple[Tensor, Tensor]] | None = None  # keys and values of what is written behind

    @classmethod
    def to_write(cls, lane: Lane, depth: int, jobs: list[Job]) -> Arrived:
        own = [job.context[depth:] for job in jobs]
        start = lane.position
        ends = torch.tensor([len(x) for x in own]).cumsum(0) - 1
        return cls(
            lane, jobs, [Segment(len(x)) for x in own], [t for x in own for t in x],
            [start + i for x in own for i in range(len(x))], ends.tolist(), kept=[],
        )  # fmt: skip

    @classmethod
    def to_score(cls, lane: Lane, depth: int, jobs: list[Job]) -> Arrived:
        laid = lay([[job.item] for job in jobs], depth, lane.position - depth)  # type: ignore[attr-defined]
        return cls(lane, jobs, laid.segments, laid.tokens, laid.positions, laid.read, laid)


__all__ = ["SHARED", "Batch", "Job", "Lane", "Lanes", "Scoring", "Token", "Writing"]
