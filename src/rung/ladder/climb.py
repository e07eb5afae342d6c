"""One walk up the ladder. Read this first: it is what Rung does.

    for rung in plan:                          cheap to costly: as listed, the trained ones by what they will cost
        for wave in rung.propose(context):     prompts, demonstrations, training (:mod:`rung.ladder.ascent`)
            race(wave, task.dev)               paired, budgeted, every score in the ledger
        judge(best of the rung)                proven, likely or missed; the level is shared
        measured_forgetting(best)              what its training made the model forget; too much bars it
        if proven: stop
    choose -> open the seal once -> result.json

Everything bought (predictions, trained weights) is in the ledger before anything is decided from it, and every
decision is a function of the ledger: the same command after a kill walks the same way again, without buying anything twice.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rung.adaptation import save
from rung.engine import LanguageModel, weights_of
from rung.evaluate import Forgetting, General, GeneralReader, Marked, measure, shipped_general
from rung.folders import room_for, writable
from rung.ladder import remote
from rung.ladder.ascent import Ascent, go_up, heats
from rung.ladder.budget import Budget
from rung.ladder.costs import folder_bytes, lone_latency, measured_forgetting, rung_cost
from rung.ladder.order import by_cost, estimates
from rung.ladder.progress import Progress, ProgressFile
from rung.ladder.race import Runner
from rung.ladder.result import Standing, candidate, crossings, decide, interval, nothing, row
from rung.ladder.rungs import LADDER
from rung.ladder.seal import open_seal
from rung.ladder.verdict import barred, confirmation, judge
from rung.ladder.watch import Together, Watch
from rung.ledger import Ledger
from rung.programs import Answer, opened
from rung.rungs import Context, Rung
from rung.task import detectable_gap
from rung.types import (
    Adaptation,
    BudgetSpent,
    DiskFull,
    EndpointError,
    Example,
    ModelError,
    Prediction,
    Task,
    TooLong,
    UserError,
    digest,
)

VERSION = 1


@dataclass
class Climb:
    """One climb in one run folder. ``run()`` starts it, or goes on with it."""

    task: Task
    model: LanguageModel
    folder: Path
    rungs: Sequence[Rung] = tuple(LADDER)
    all: bool = False  # do not stop at the first proven rung
    race: bool = False  # the trained rungs together, and after every round the best third goes on
    seed: int = 0
    volume: int = 10_000  # requests that "cheapest" counts on
    budget: Budget | None = None
    watch: Watch = field(default_factory=Watch)
    general: General = field(default_factory=shipped_general)
    domain: tuple[str, ...] = ()  # plain texts: weights may be trained on them before the task

    def run(self) -> dict[str, Any]:
        """The result, which is also in ``folder/result.json``. A finished run gives its result again, unchanged."""
        done = self.folder / "result.json"
        writable(self.folder)
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"another process is climbing in {self.folder}; wait for it, or type --run with another folder",
                zh=f"另一个进程正在 {self.folder} 中攀登；请等它结束，或用 --run 指定别的文件夹",
            ) from None
        try:
            self.ledger = Ledger(self.folder / "ledger.sqlite", weights=self.model.sha256, dtype=self.model.dtype)
        except BaseException:
            lock.release()
            raise
        try:
            self.ledger.claim(self._identity())
            if done.exists() and (result := json.loads(done.read_text(encoding="utf-8")))["complete"]:
                self.watch.finished(result)
                return result
            with room_for(self.folder):
                return self._session()
        except KeyboardInterrupt:
            self.watch.interrupted()
            raise
        finally:
            remote.release(self.model)
            self.ledger.close()
            lock.release()

    def _session(self) -> dict[str, Any]:
        """One sitting of the climb; what earlier ones spent counts."""
        self.budget = self.budget or Budget()
        self.left_out: list[dict[str, str]] = []  # candidates that could not be asked, and why
        self.budget.spent_before = sum(e["seconds"] for e in self.ledger.events("session"))
        self.budget.used_tokens = self.ledger.tokens()
        remote.prepare(self.model, self.ledger, self.budget)
        self.ledger.keep_examples("dev", self.task.dev)
        if isinstance(self.watch, Progress):
            self.watch.budget_seconds = self.budget.left
        self.watch = Together(self.watch, ProgressFile(self.folder, budget_seconds=self.budget.left))
        self.estimated = self._estimates()
        plan = by_cost(self.rungs, self.estimated)
        self.heats = heats(plan) if self.race else [[rung] for rung in plan]
        names = [rung.name for heat in self.heats for rung in heat]
        self.watch.started(task=self.task, rungs=names, target=self.task.target, run=self.folder)
        if (asked := remote.asked(self.model)) is not None:
            self.watch.note(asked["en"], asked["zh"])
        self._number, self._ticked = self.ledger.begin_session(), 0.0
        try:
            return self._walk()
        finally:
            self._tick(every=0.0)

    def _context(self) -> Context:
        return Context(self.task, self.model, self.folder / "candidates", self.seed, self.general, self.domain)

    def _estimates(self) -> dict[str, float]:
        """What the trained rungs will take in all, by which they are ordered: made once, and then the run's for good."""
        if (known := self.ledger.get("estimated")) is None:
            fit = [rung for rung in self.rungs if rung.estimate is not None and self._unfit(rung) is None]
            known = json.dumps(estimates(fit, self._context(), self.volume) if len(fit) > 1 else {})
            self.ledger.claim({"estimated": known})
        return json.loads(known)

    def _tick(self, every: float = 1.0) -> None:
        """Keep the time spent, at most once in ``every`` seconds."""
        assert self.budget is not None
        worked = self.budget.spent - self.budget.spent_before
        if worked >= self._ticked + every:
            self.ledger.tick(self._number, worked)
            self._ticked = worked

    def _walk(self) -> dict[str, Any]:
        self.looks = 0  # at dev so far, of all rungs: later ones build on what earlier ones have found there
        rows: list[dict[str, Any]] = []
        standings: list[Standing] = []
        context = self._context()
        context.check = self._check
        context.training = self._training
        context.failed = self._failed
        spent: BudgetSpent | None = None
        for heat in self.heats:
            ended = (None if self.all else _after(standings)) or _spent(spent)
            ascents = {rung.name: self._ascent(rung, context) for rung in heat if not (ended or self._unfit(rung))}
            try:
                go_up(list(ascents.values()), self.watch.entered)
            except BudgetSpent as error:
                spent = error
            for rung in heat:
                found = self._found(rung, ascents.get(rung.name), ended, spent)
                if isinstance(found, Standing):
                    standings.append(found)
                    context.standing[rung.name] = found.best.adaptation
                rows.append(row(found) if isinstance(found, Standing) else found)
                self.watch.judged(rows[-1])
        return self._finish(rows, standings, spent)

    def _ascent(self, rung: Rung, context: Context) -> Ascent:
        racing = self.race and rung.races
        return Ascent(rung, copy(context), self.ledger, self._ask, self._left_out, racing=racing)

    def _found(
        self, rung: Rung, ascent: Ascent | None, ended: dict[str, str] | None, spent: BudgetSpent | None
    ) -> Standing | dict[str, Any]:
        """What a rung has come to, or the row that says why to nothing: unfit, not begun or cut off, without a candidate, failed."""
        if (unfit := self._unfit(rung)) is not None:
            return nothing(rung, "skipped", unfit)
        if ascent is None:
            return nothing(rung, "not-reached", ended)
        cut = None if ascent.over or ascent.stopped else _spent(spent)
        if cut is not None and not (ascent.racing and ascent.best):
            return nothing(rung, "not-reached", cut)
        try:
            if ascent.trouble is not None:
                raise ascent.trouble
            standing = self._standing(ascent, ascent.stopped or cut)
        except (DiskFull, EndpointError):  # nothing more can be kept, or asked: the same command goes on later
            raise
        except UserError as error:  # this rung fails; the others climb on
            return nothing(rung, "failed", {"en": str(error), "zh": error.zh})
        if standing is None:
            return nothing(rung, "skipped", {"en": "it had no candidate for this task", "zh": "没有适合本任务的候选"})
        return standing

    def _standing(self, ascent: Ascent, stopped: dict[str, str] | None) -> Standing | None:
        """What a rung has come to; None where it had no candidate.

        All of it is measured, but of one that was ``stopped`` what it forgets only where there is a limit on that: see :meth:`_finish`.
        """
        rung, tried, built = ascent.rung, list(ascent.runners.values()), ascent.built
        if (best := ascent.best) is None:
            if own := [left for left in self.left_out if left["name"].startswith(f"{rung.name}/")]:
                raise ModelError(own[-1]["en"], zh=own[-1]["zh"])
            return None
        self.looks += sum(built[r.adaptation.name].looks if r.adaptation.name in built else 1 for r in tried)
        verdict = judge(best.marked, self.task.target, len(self.rungs), self.looks)
        save(best.adaptation, self.folder / "adaptations" / rung.name)
        cost = rung_cost(best, tried, built, remote.price_of(self.model))
        cost.peak_bytes = max(ascent.peak_bytes, *(b.cost.peak_bytes or 0 for b in built.values()), 0)
        cost.seconds_per_request = lone_latency(best, self.task, self.model, self.ledger)
        cost.bytes = folder_bytes(self.folder / "adaptations" / rung.name)
        forgotten = None if stopped and self.general.most is None else self._forgetting(best)
        bar = barred(forgotten, self.general.most)
        return Standing(rung, best, tried, ascent.families, built, cost, verdict, forgotten, bar, stopped)

    def _forgetting(self, best: Runner) -> Forgetting | None:
        return measured_forgetting(best, self.general, lambda: self._reader, self.ledger)

    @cached_property
    def _reader(self) -> GeneralReader:
        return GeneralReader(weights_of(self.model), self.general.measured)

    def _training(self, name: str, step: int, steps: int, loss: float) -> None:
        self.watch.training(name.split("/", 1)[0], name, step, steps, loss)

    def _left_out(self, adaptation: Adaptation, error: UserError) -> None:
        self._failed(adaptation.name, str(error), error.zh)

    def _failed(self, name: str, en: str, zh: str) -> None:
        """A candidate that cannot take part; the others race on."""
        self.watch.note(f"{name} is left out: {en}", f"{name} 不参加：{zh}")
        self.left_out.append({"name": name, "en": en, "zh": zh})

    def _ask(self, adaptation: Adaptation, hash: str, examples: Sequence[Example]) -> Marked:
        with ExitStack() as stack:
            marked = measure(
                lambda: self._open(stack, adaptation), hash, self.task, examples, self.ledger, check=self._check, workers=self.model.workers,
                done=lambda done, total: self.watch.scored(adaptation.rung, adaptation.name, done, total, None),
            )  # fmt: skip
        result = marked.result() if len(examples) == len(self.task.dev) else None
        self.watch.scored(adaptation.rung, adaptation.name, len(examples), len(self.task.dev), result)
        return marked

    def _open(self, stack: ExitStack, adaptation: Adaptation) -> Answer:
        answer = stack.enter_context(opened(adaptation, self.model))

        counting = threading.Lock()

        def counted(examples: Sequence[Example]) -> list[Prediction]:
            made = answer(examples)
            assert self.budget is not None
            with counting:
                self.budget.used_tokens += sum(p.tokens_in + p.tokens_out for p in made)
            return made

        return counted

    def _check(self) -> None:
        assert self.budget is not None
        self._tick()
        self.budget.check()

    # --- what the ledger remembers --------------------------------------------------------------------------------

    def _identity(self) -> dict[str, str]:
        """What makes a run this run: going on with another task, model or plan would mix two climbs."""
        return {
            "version": str(VERSION),
            "task": self.task.fingerprint,
            "language": self.task.language,
            "description": self.task.description,
            "metric": self.task.metric,
            "target": str(self.task.target),
            "weights": self.model.sha256,
            "dtype": self.model.dtype,
            "seed": str(self.seed),
            "volume": str(self.volume),
            "rungs": ",".join(r.name for r in self.rungs)
            + (" all" if self.all else "")
            + (" race" if self.race else ""),
            "general text": self.general.fingerprint,
            "general share": f"{self.general.share:g}",
            "max forgetting": str(self.general.most),
            "domain text": digest(self.domain),
        }

    def _unfit(self, rung: Rung) -> dict[str, str] | None:
        """Why this rung has no chance on this task, or None."""
        task = self.task
        if task.kind not in rung.kinds or not rung.takes(task):
            return {"en": f"not for {task.kind} tasks", "zh": f"不适用于 {task.kind} 任务"}
        if rung.weights and (without := remote.without_weights(self.model)) is not None:
            return without
        if len(task.train) < rung.needs:
            return {
                "en": f"needs {rung.needs} training examples, there are {len(task.train)}",
                "zh": f"需要 {rung.needs} 条训练数据，只有 {len(task.train)} 条",
            }
        return None

    # --- the end --------------------------------------------------------------------------------------------------

    def _finish(
        self, rows: list[dict[str, Any]], standings: list[Standing], spent: BudgetSpent | None
    ) -> dict[str, Any]:
        unit = remote.unit_of(self.model)
        chosen = decide(standings, self.task.target, self.volume, unit)
        assert self.budget is not None
        test = None
        if chosen and not spent:
            taken = chosen[0]
            if taken.stopped and taken.forgetting is None:
                of_taken = row(replace(taken, forgetting=self._forgetting(taken.best)))
                rows = [of_taken if known["name"] == taken.rung.name else known for known in rows]
            try:
                test = self._test(taken.best)
            except BudgetSpent as error:  # in money: it holds here too, and the test goes on with a larger one
                spent = error
        result: dict[str, Any] = {
            "version": VERSION,
            "task": {
                "name": self.task.name, "kind": self.task.kind, "metric": self.task.metric, "language": self.task.language,
                "labels": list(self.task.labels), "n_train": len(self.task.train), "n_dev": len(self.task.dev),
                "n_test": len(self.task.test), "detectable_gap": detectable_gap(len(self.task.dev)),
                "fingerprint": self.task.fingerprint,
            },
            "target": self.task.target, "confidence": 0.95, "volume": self.volume,
            "max_forgetting": self.general.most, "rungs": rows,
            "candidates": [candidate(s, r, remote.price_of(self.model)) for s in standings for r in s.runners],
            "chosen": chosen and chosen[1],
            "test": test,
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            "endpoint": remote.as_json(self.model),
            "unit": unit,
            "seed": self.seed,
            "estimated": self.estimated,
            "break_even": crossings(standings, unit),
            "left_out": self.left_out,
            "budget": {"seconds": self.budget.seconds, "spent": self.budget.spent} if spent else None,
            "complete": spent is None,
            "seconds": self.budget.spent,
        }  # fmt: skip
        partial = self.folder / "result.json.new"
        with room_for(self.folder / "result.json"):
            partial.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            partial.replace(self.folder / "result.json")
        self.watch.finished(result)
        return result

    def _test(self, best: Runner) -> dict[str, Any] | None:
        """The chosen adaptation on the test split, which is opened for it."""
        if not len(self.task.test):
            return None
        examples, at = open_seal(self.task, self.ledger, best.hash, self.folder)
        try:
            with ExitStack() as stack:
                marked = measure(
                    lambda: self._open(stack, best.adaptation), best.hash, self.task, examples, self.ledger,
                    workers=self.model.workers,
                )  # fmt: skip
        except TooLong as error:  # what dev did not hold: the seal is open, and asking again would end alike
            failed = {"en": str(error), "zh": error.zh}
            return {"value": None, "low": None, "high": None, "n": len(examples), "opened_at": at, "failed": failed}
        return {**interval(marked.result()), "opened_at": at, **confirmation(marked, self.task.target)}


def default_folder(
    task: Task,
    model: LanguageModel,
    rungs: Sequence[Rung],
    seed: int,
    everything: bool,
    volume: int = 10_000,
    general: General | None = None,
    domain: tuple[str, ...] = (),
    race: bool = False,
) -> Path:
    """``runs/NAME-xxxxxxxx``: the same command finds its run again after an interruption; another one never does."""
    key = digest(
        task.fingerprint, task.language, task.description, task.metric, task.target, model.sha256, model.dtype,
        [r.name for r in rungs], seed, everything, volume,
        *([] if general is None else [general.fingerprint, general.share, general.most]),
        *([domain] if domain else []),
        *(["race"] if race else []),
    )  # fmt: skip
    return Path("runs") / f"{task.name}-{key[:8]}"


def _after(standings: Sequence[Standing]) -> dict[str, str] | None:
    proven = next((s.rung.name for s in standings if s.proven), None)
    return (proven and {"en": f"{proven} met the target before", "zh": f"{proven} 已经达到目标"}) or None


def _spent(error: BudgetSpent | None) -> dict[str, str] | None:
    return None if error is None else {"en": str(error), "zh": error.zh}
