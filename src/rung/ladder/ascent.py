"""One rung on its way up, and several that race: wave after wave of candidates, each raced on dev.

A lone rung goes on until it has no more waves. Rungs that race take a wave each in turn; after every round the best third goes
on, and of those none that is clearly behind (successive halving, Jamieson & Talwalkar 2016, https://arxiv.org/abs/1502.07943,
by the factor of Hyperband, Li et al. 2018, https://arxiv.org/abs/1603.06560). Who stops keeps the best candidate that it had.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

from rung.adaptation import hash_of, to_dict
from rung.evaluate import Marked
from rung.ladder.costs import known_sum
from rung.ladder.race import Runner, race
from rung.ladder.race import trails as clearly_behind
from rung.ladder.result import family
from rung.ledger import Ledger
from rung.memory import PeakMemory
from rung.rungs import Built, Context, Rung, Wave
from rung.types import Adaptation, BudgetSpent, Cost, DiskFull, EndpointError, Example, ModelError, UserError

ONE_IN = 3  # of those that race goes on after a round

Ask = Callable[[Adaptation, str, Sequence[Example]], Marked]


@dataclass
class Ascent:
    """A rung while it is climbed. ``context`` is its own: several rungs may climb in turns.

    ``ask`` marks a candidate, by its hash, on examples of dev; ``left_out`` is told of one that could not be asked.
    """

    rung: Rung
    context: Context
    ledger: Ledger
    ask: Ask
    left_out: Callable[[Adaptation, ModelError], None]
    runners: dict[str, Runner] = field(default_factory=dict)  # by hash
    families: dict[str, str] = field(default_factory=dict)  # hash -> how it was made, for charts
    racing: bool = False
    peak_bytes: int = 0
    over: bool = False  # it has no wave left, or none is wanted
    trouble: UserError | None = None  # what ended it
    stopped: dict[str, str] | None = None  # why others went on in its place

    def __post_init__(self) -> None:
        context = self.context
        context.rung, context.ranking = self.rung.name, ()
        context.racing, context.enough = self.racing, False
        context.built = {}
        context.keep_built = lambda adaptation, built: self._keep(adaptation.name, hash_of(adaptation), built)
        context.keep_part = lambda name, built: self._keep(name, "", built)
        for name, cost, notes in self.ledger.builds(self.rung.name):
            looks = notes.pop("looks")
            context.built[self.rung.name, name] = Built(Cost(**cost), notes, looks)
        self._waves = iter(self.rung.propose(context))

    @property
    def built(self) -> dict[str, Built]:
        """What each trained candidate took, by name."""
        return {name: made for (_, name), made in self.context.built.items()}

    @property
    def finished(self) -> list[Runner]:
        """Those that have run over the whole of dev, the best first."""
        return sorted((r for r in self.runners.values() if r.finished), key=figure, reverse=True)

    @property
    def best(self) -> Runner | None:
        return next(iter(self.finished), None)

    def advance(self) -> None:
        """Race the next wave. What it raises ends the ascent."""
        with PeakMemory(self.context.model.device) as memory:
            wave = next(self._waves, None)
            if wave is None:
                self.over = True
            else:
                self._race(wave)
        self.peak_bytes = max(self.peak_bytes, memory.bytes)

    def end(self) -> None:
        """No further wave is wanted: the rung may clean up."""
        self.context.enough, self.over = True, True
        assert next(self._waves, None) is None, f"{self.rung.name} goes on though it was told to end"

    def _race(self, wave: Wave) -> None:
        fresh = [(a, hash_of(a)) for a in wave.candidates]
        for adaptation, hash in fresh:
            self.ledger.keep_adaptation(hash, self.rung.name, adaptation.name, to_dict(adaptation))
        self.families |= {hash: family(a, self.rung, wave.family) for a, hash in fresh}
        for runner in race(fresh, self.context.task.dev, self.ask, drop=wave.drop, failed=self.left_out):
            if runner.finished or runner.hash not in self.runners:  # the same candidate may come back and finish
                self.runners[runner.hash] = runner
        self.context.ranking = [r.adaptation for r in self.finished]

    def _keep(self, name: str, hash: str, built: Built) -> None:
        if (self.rung.name, name) not in self.context.built:
            self.ledger.keep_build(
                self.rung.name, name, hash, asdict(built.cost), {**built.notes, "looks": built.looks}
            )
            self.context.built[self.rung.name, name] = built


def go_up(ascents: Sequence[Ascent], entered: Callable[[str], None]) -> None:
    """Take each to its end or to where it is stopped, a wave in turn. ``entered`` is told whose turn it is.

    A UserError ends its own ascent and stays there as ``trouble``; should that befall all that went on, the next in rank
    takes their place. What ends the whole climb (a full disk, a spent budget) is raised.
    """
    alive, waiting, at = list(ascents), list[Ascent](), None
    while alive:
        for ascent in alive:
            if ascent is not at:
                entered(ascent.rung.name)
            at = ascent
            try:
                ascent.advance()
            except (BudgetSpent, DiskFull, EndpointError):
                raise
            except UserError as error:
                ascent.over, ascent.trouble = True, error
        going = [ascent for ascent in alive if not ascent.over]
        if not going and waiting and all(ascent.trouble for ascent in alive):
            going = [waiting.pop()]
            going[0].stopped = None
        alive, stopped = cut(going)
        waiting += stopped
    for ascent in waiting:
        ascent.end()


def cut(racing: Sequence[Ascent]) -> tuple[list[Ascent], list[Ascent]]:
    """(the best third, rounded up, without those clearly behind its leader; the others, which are stopped, the best last).

    Of equals the first go on, in the order given. A rung none of whose candidates has run over the whole of dev ranks last.
    """
    ranking = sorted(racing, key=lambda a: figure(a.best) if a.best else (-math.inf, 0.0), reverse=True)
    kept = [a for a in ranking[: math.ceil(len(ranking) / ONE_IN)] if a is ranking[0] or not trails(a, ranking[0])]
    stopped = [a for a in reversed(ranking) if a not in kept]
    for ascent in stopped:
        ascent.stopped = because(ascent, ranking[0])
    return [ascent for ascent in racing if ascent in kept], stopped


def trails(ascent: Ascent, leader: Ascent) -> bool:
    """Whether its best is clearly behind the leader's, on the same examples."""
    if ascent.best is None or leader.best is None:
        return leader.best is not None
    return clearly_behind(ascent.best.marked, leader.best.marked)


def because(ascent: Ascent, leader: Ascent) -> dict[str, str]:
    """Why it was stopped."""
    own, best = ((a.best.marked.result().value if a.best else None) or 0.0 for a in (ascent, leader))
    name = leader.rung.name
    return {
        "en": f"stopped before its training was over: in the race it had {own:.3f} on dev when {name} had {best:.3f}",
        "zh": f"未训练完即停：比赛中它在开发集上为 {own:.3f}，而 {name} 为 {best:.3f}",
    }


def heats(plan: Sequence[Rung]) -> list[list[Rung]]:
    """The plan in the groups that are climbed together: all the rungs that race, at the place of their last; the others alone."""
    racing = [rung for rung in plan if rung.races]
    if len(racing) < 2:
        return [[rung] for rung in plan]
    last = plan.index(racing[-1])
    before, after = [[r] for r in plan[:last] if not r.races], [[r] for r in plan[last + 1 :]]
    return [*before, racing, *after]


def figure(runner: Runner) -> tuple[float, float]:
    """Higher is better; among equals the one with fewer operations per request, or tokens where those are not known."""
    asked = runner.marked.predictions
    spent = known_sum([p.flops for p in asked])
    if spent is None:
        spent = sum(p.tokens_in + p.tokens_out for p in asked)
    return runner.marked.result().value or 0.0, -spent / max(1, len(asked))
