"""One walk up the ladder. Read this first: it is what Rung does.

    for rung in plan:                          cheap to costly
        for wave in rung.propose(context):     prompts, demonstrations, training
            race(wave, task.dev)               paired, budgeted, every score in the ledger
        judge(best of the rung)                proven, likely or missed; the level is shared
        if proven: stop
    choose -> open the seal once -> result.json

Everything bought (predictions, trained weights) is in the ledger before anything is decided from it, and every
decision is a function of the ledger: the same command after a kill walks the same way again, without buying anything twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rung.adaptation import hash_of, save, to_dict
from rung.engine import Model
from rung.evaluate import Marked, latency, measure
from rung.evaluate.memory import PeakMemory
from rung.ladder.budget import Budget
from rung.ladder.race import Runner, race
from rung.ladder.rungs import LADDER
from rung.ladder.verdict import Verdict, break_even, cheapest_good, judge
from rung.ladder.watch import Watch
from rung.ledger import Ledger
from rung.programs import Answer, opened
from rung.rungs import Built, Context, Rung
from rung.task import detectable_gap
from rung.train import TrainingDiverged
from rung.types import (
    Adaptation,
    BudgetSpent,
    Cost,
    DataError,
    Example,
    ModelError,
    Prediction,
    Result,
    Task,
    UserError,
    digest,
)

VERSION = 1


@dataclass
class Standing:
    """A rung after its race: its best candidate, what was tried, what it cost, and the verdict."""

    rung: Rung
    best: Runner
    runners: list[Runner]
    cost: Cost
    verdict: Verdict


@dataclass
class Climb:
    """One climb in one run folder. ``run()`` starts it, or goes on with it."""

    task: Task
    model: Model
    folder: Path
    rungs: Sequence[Rung] = tuple(LADDER)
    all: bool = False  # do not stop at the first proven rung
    seed: int = 0
    volume: int = 10_000  # requests that "cheapest" counts on
    budget: Budget | None = None
    watch: Watch = field(default_factory=Watch)

    def run(self) -> dict[str, Any]:
        """The result, which is also in ``folder/result.json``. A finished run gives its result again, unchanged."""
        done = self.folder / "result.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"another process is climbing in {self.folder}; wait for it, or type --run with another folder",
                zh=f"另一个进程正在 {self.folder} 中攀登；请等它结束，或用 --run 指定别的文件夹",
            ) from None
        self.ledger = Ledger(self.folder / "ledger.sqlite", weights=self.model.sha256, dtype=str(self.model.hf.dtype))
        try:
            self.ledger.claim(self._identity())
            if done.exists() and (result := json.loads(done.read_text(encoding="utf-8")))["complete"]:
                self.watch.finished(result)
                return result
            return self._session()
        except KeyboardInterrupt:
            self.watch.interrupted()
            raise
        finally:
            self.ledger.close()
            lock.release()

    def _session(self) -> dict[str, Any]:
        """One sitting of the climb; what earlier ones spent counts."""
        self.budget = self.budget or Budget()
        self.left_out: list[dict[str, str]] = []  # candidates that could not be asked, and why
        self.budget.spent_before = sum(e["seconds"] for e in self.ledger.events("session"))
        self.budget.used_tokens = self.ledger.tokens()
        self.ledger.keep_examples("dev", self.task.dev)
        names = [rung.name for rung in self.rungs]
        self.watch.started(task=self.task, rungs=names, target=self.task.target, run=self.folder)
        self._number, self._ticked = self.ledger.begin_session(), 0.0
        try:
            return self._walk()
        finally:
            self._tick(every=0.0)

    def _tick(self, every: float = 1.0) -> None:
        """Keep the time spent, at most once in ``every`` seconds."""
        assert self.budget is not None
        worked = self.budget.spent - self.budget.spent_before
        if worked >= self._ticked + every:
            self.ledger.tick(self._number, worked)
            self._ticked = worked

    def _walk(self) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        standings: list[Standing] = []
        context = Context(self.task, self.model, self.folder / "candidates", self.seed)
        context.check = self._check
        spent: BudgetSpent | None = None
        for rung in self.rungs:
            status, reason = "skipped", self._unfit(rung)
            if reason is None:
                status, reason = "not-reached", (None if self.all else _after(standings)) or _spent(spent)
            if reason is None:
                self.watch.entered(rung.name)
                try:
                    standing = self._climb_rung(rung, context)
                    if standing is None:
                        status = "skipped"
                        reason = {"en": "it had no candidate for this task", "zh": "没有适合本任务的候选"}
                except BudgetSpent as error:
                    spent, reason, standing = error, {"en": str(error), "zh": error.zh}, None
                except (ModelError, DataError, TrainingDiverged) as error:  # this rung fails; the others climb on
                    status, reason, standing = "failed", {"en": str(error), "zh": error.zh}, None
                if standing is not None:
                    standings.append(standing)
                    context.standing[rung.name] = standing.best.adaptation
                    row = self._row(standing)
            if reason is not None:
                row = {**_EMPTY, "name": rung.name, "status": status, "reason": reason}
            rows.append(row)
            self.watch.judged(row)
        return self._finish(rows, standings, spent)

    def _climb_rung(self, rung: Rung, context: Context) -> Standing | None:
        context.rung, context.leader = rung.name, None
        context.built = {}
        memory, looks = PeakMemory(), 0
        context.training = lambda name, step, steps, loss: self.watch.training(rung.name, name, step, steps, loss)
        context.keep_built = lambda adaptation, built: self._keep_built(rung, adaptation, built, context)
        self._recall(rung, context)
        runners: dict[str, Runner] = {}
        with memory:
            for wave in rung.propose(context):
                fresh = [(a, hash_of(a)) for a in wave.candidates]
                for adaptation, hash in fresh:
                    self.ledger.keep_adaptation(hash, rung.name, adaptation.name, to_dict(adaptation))
                for runner in race(fresh, self.task.dev, self._ask, drop=wave.drop, failed=self._left_out):
                    if runner.finished or runner.hash not in runners:  # the same candidate may come back and finish
                        runners[runner.hash] = runner
                finished = [r for r in runners.values() if r.finished]
                context.leader = max(finished, key=_figure).adaptation if finished else None
        if not runners:
            if self.left_out and self.left_out[-1]["name"].startswith(f"{rung.name}/"):
                raise ModelError(self.left_out[-1]["en"], zh=self.left_out[-1]["zh"])
            return None
        looks = sum(_built(context, r).looks for r in runners.values())
        best = max((r for r in runners.values() if r.finished), key=_figure)
        verdict = judge(best.marked, self.task.target, len(self.rungs), looks)
        save(best.adaptation, self.folder / "adaptations" / rung.name)
        cost = self._cost(rung, best, list(runners.values()), context, memory.bytes)
        return Standing(rung, best, list(runners.values()), cost, verdict)

    def _left_out(self, adaptation: Adaptation, error: UserError) -> None:
        self.watch.note(f"{adaptation.name} is left out: {error}", f"{adaptation.name} 不参加：{error.zh}")
        self.left_out.append({"name": adaptation.name, "en": str(error), "zh": error.zh})

    def _ask(self, adaptation: Adaptation, hash: str, examples: Sequence[Example]) -> Marked:
        with ExitStack() as stack:
            marked = measure(
                lambda: self._open(stack, adaptation), hash, self.task, examples, self.ledger, check=self._check,
                done=lambda done, total: self.watch.scored(adaptation.rung, adaptation.name, done, total, None),
            )  # fmt: skip
        result = marked.result() if len(examples) == len(self.task.dev) else None
        self.watch.scored(adaptation.rung, adaptation.name, len(examples), len(self.task.dev), result)
        return marked

    def _open(self, stack: ExitStack, adaptation: Adaptation) -> Answer:
        answer = stack.enter_context(opened(adaptation, self.model))

        def counted(examples: Sequence[Example]) -> list[Prediction]:
            made = answer(examples)
            assert self.budget is not None
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
            "dtype": str(self.model.hf.dtype),
            "seed": str(self.seed),
            "volume": str(self.volume),
            "rungs": ",".join(r.name for r in self.rungs) + (" all" if self.all else ""),
        }

    def _keep_built(self, rung: Rung, adaptation: Adaptation, built: Built, context: Context) -> None:
        if (rung.name, adaptation.name) in context.built:
            return
        notes = {**built.notes, "looks": built.looks}
        self.ledger.keep_build(rung.name, adaptation.name, hash_of(adaptation), asdict(built.cost), notes)
        context.built[rung.name, adaptation.name] = built

    def _recall(self, rung: Rung, context: Context) -> None:
        for name, cost, notes in self.ledger.builds(rung.name):
            looks = notes.pop("looks")
            context.built[rung.name, name] = Built(Cost(**cost), notes, looks)

    # --- rows and costs -------------------------------------------------------------------------------------------

    def _cost(self, rung: Rung, best: Runner, runners: Sequence[Runner], context: Context, peak: int) -> Cost:
        """To build: training and search of *all* the rung's candidates; to run: the best one."""
        asked = [p for r in runners for p in r.marked.predictions]
        builds = [_built(context, r).cost for r in runners]
        own = _built(context, best).cost
        cost = self._candidate_cost(best, own)
        cost.build_seconds = sum(b.build_seconds for b in builds) + sum(p.seconds for p in asked)
        cost.build_flops = sum(b.build_flops for b in builds) + sum(p.flops for p in asked)
        cost.peak_bytes = peak
        cost.seconds_per_request = self._latency(rung, best)
        cost.bytes = _size(self.folder / "adaptations" / rung.name)
        return cost

    def _candidate_cost(self, runner: Runner, built: Cost) -> Cost:
        asked, n = runner.marked.predictions, max(1, len(runner.marked.predictions))
        cost = replace(built)
        cost.labels = built.labels or len(runner.adaptation.demonstrations)
        cost.tokens_per_request = sum(p.tokens_in + p.tokens_out for p in asked) / n
        cost.seconds_per_request = sum(p.seconds for p in asked) / n
        cost.flops_per_request = sum(p.flops for p in asked) / n
        return cost

    def _latency(self, rung: Rung, best: Runner) -> float | None:
        """Seconds of a lone request; measured once and remembered, like everything that was measured."""
        key = f"latency {best.hash}"
        for event in self.ledger.events(key):
            return event["seconds"]
        with opened(best.adaptation, self.model) as answer:
            answer(self.task.dev[:1])  # the first call pays for caches
            seconds = latency(answer, self.task.dev)
        self.ledger.event(key, {"seconds": seconds})
        return seconds

    def _row(self, standing: Standing) -> dict[str, Any]:
        dev, verdict = standing.best.marked.result(), standing.verdict
        return {
            "name": standing.rung.name,
            "status": verdict.status,
            "reason": None,
            "best": standing.best.adaptation.name,
            "candidates": len(standing.runners),
            "dev": _interval(dev),
            "bound": verdict.bound,
            "more_dev": verdict.more_dev,
            "cost": asdict(standing.cost),
            "adaptation": f"adaptations/{standing.rung.name}",
        }

    def _unfit(self, rung: Rung) -> dict[str, str] | None:
        """Why this rung has no chance on this task, or None."""
        task = self.task
        if task.kind not in rung.kinds or not rung.takes(task):
            return {"en": f"not for {task.kind} tasks", "zh": f"不适用于 {task.kind} 任务"}
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
        chosen = self._choose(standings)
        assert self.budget is not None
        result: dict[str, Any] = {
            "version": VERSION,
            "task": {
                "name": self.task.name, "kind": self.task.kind, "metric": self.task.metric, "language": self.task.language,
                "labels": list(self.task.labels), "n_train": len(self.task.train), "n_dev": len(self.task.dev),
                "n_test": len(self.task.test), "detectable_gap": detectable_gap(len(self.task.dev)),
                "fingerprint": self.task.fingerprint,
            },
            "target": self.task.target, "confidence": 0.95, "volume": self.volume, "rungs": rows,
            "candidates": [self._candidate(s, r) for s in standings for r in s.runners],
            "chosen": chosen and chosen[1],
            "test": self._open_seal(chosen[0]) if chosen and not spent else None,
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            "seed": self.seed,
            "break_even": _crossings(standings),
            "left_out": self.left_out,
            "budget": {"seconds": self.budget.seconds, "spent": self.budget.spent} if spent else None,
            "complete": spent is None,
            "seconds": self.budget.spent,
        }  # fmt: skip
        partial = self.folder / "result.json.new"
        partial.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        partial.replace(self.folder / "result.json")
        self.watch.finished(result)
        return result

    def _choose(self, standings: list[Standing]) -> tuple[Standing, dict[str, Any]] | None:
        """The first proven rung; else the cheapest that is not significantly worse than the best."""
        if not standings:
            return None
        taken = next((s for s in standings if s.verdict.status == "proven"), None)
        if taken is not None:
            why = {
                "en": f"{taken.rung.name} is the cheapest rung that provably meets the target",
                "zh": f"{taken.rung.name} 是可证明达到目标的最便宜的方法",
            }
        else:
            measured = [(s.rung.name, s.best.marked, s.cost) for s in standings]
            name, best = cheapest_good(measured, self.volume)
            taken = next(s for s in standings if s.rung.name == name)
            why = _why(name, best, self.task.target, taken.verdict)
        return taken, {
            "rung": taken.rung.name,
            "candidate": taken.best.adaptation.name,
            "adaptation": f"adaptations/{taken.rung.name}",
            "verdict": taken.verdict.status,
            "met": taken.verdict.status == "proven",
            "why": why,
        }

    def _open_seal(self, standing: Standing) -> dict[str, Any] | None:
        """Score the chosen adaptation on the test split. The seal is opened once in a run, for one adaptation."""
        if not len(self.task.test):
            return None
        opened_for = self.ledger.events("test opened")
        if not opened_for:
            self.ledger.event("test opened", {"adaptation": standing.best.hash})
            opened_for = self.ledger.events("test opened")
        if opened_for[0]["adaptation"] != standing.best.hash:
            raise DataError(
                f"the test split of {self.folder} was opened before, for another adaptation; a second look would make its "
                "figure too good. Start a climb in a new folder with fresh test examples",
                zh=f"{self.folder} 的测试集此前已为另一个适配打开过；再看一次会使分数虚高。请换新的测试数据另起一次攀登",
            )
        examples = self.task.test.open()
        self.ledger.keep_examples("test", examples)
        with ExitStack() as stack:
            marked = measure(
                lambda: self._open(stack, standing.best.adaptation),
                standing.best.hash,
                self.task,
                examples,
                self.ledger,
            )
        at = datetime.fromtimestamp(opened_for[0]["at"], UTC).isoformat(timespec="seconds")
        return {**_interval(marked.result()), "opened_at": at}

    def _candidate(self, standing: Standing, runner: Runner) -> dict[str, Any]:
        build = self.ledger.build(standing.rung.name, runner.adaptation.name)
        cost = self._candidate_cost(runner, Cost(**build[1]) if build else Cost())
        family, shots = _family(runner.adaptation)
        return {
            "rung": standing.rung.name,
            "name": runner.adaptation.name,
            "hash": runner.hash,
            "shots": shots,
            "family": family,
            "status": "finished" if runner.finished else "behind",
            "dev": _interval(runner.marked.result()),
            "cost": asdict(cost),
            "notes": build[2] if build else {},
        }


_EMPTY: dict[str, Any] = {
    "best": None, "candidates": 0, "dev": None, "bound": None, "more_dev": None, "cost": asdict(Cost()), "adaptation": None,
}  # fmt: skip


def default_folder(
    task: Task, model: Model, rungs: Sequence[Rung], seed: int, everything: bool, volume: int = 10_000
) -> Path:
    """``runs/NAME-xxxxxxxx``: the same command finds its run again after an interruption; another one never does."""
    key = digest(
        task.fingerprint, task.language, task.description, task.metric, task.target, model.sha256, str(model.hf.dtype),
        [r.name for r in rungs], seed, everything, volume,
    )  # fmt: skip
    return Path("runs") / f"{task.name}-{key[:8]}"


def _built(context: Context, runner: Runner) -> Built:
    return context.built.get((runner.adaptation.rung, runner.adaptation.name), Built(Cost()))


def _figure(runner: Runner) -> tuple[float, float]:
    """Higher is better; among equals the one with fewer operations per request."""
    asked = runner.marked.predictions
    return runner.marked.result().value or 0.0, -sum(p.flops for p in asked) / max(1, len(asked))


def _interval(result: Result) -> dict[str, Any]:
    value, low, high = (None if x is None else float(x) for x in (result.value, result.low, result.high))
    return {"value": value, "low": low, "high": high, "n": result.n}


def _after(standings: Sequence[Standing]) -> dict[str, str] | None:
    proven = next((s.rung.name for s in standings if s.verdict.status == "proven"), None)
    return (proven and {"en": f"{proven} met the target before", "zh": f"{proven} 已经达到目标"}) or None


def _spent(error: BudgetSpent | None) -> dict[str, str] | None:
    return None if error is None else {"en": str(error), "zh": error.zh}


def _why(name: str, best: str, target: float | None, verdict: Verdict) -> dict[str, str]:
    if target is None:
        lead, lead_zh = "no target was set; ", "没有设定目标；"
    elif verdict.status == "likely":
        more = verdict.more_dev
        lead = "no rung is proven to meet the target; the score is at or above it, the lower bound is not"
        lead += f" (about {more} more dev examples would settle it); " if more else "; "
        lead_zh = "没有方法被证明达到目标；得分已到，置信下界未到"
        lead_zh += f"（大约再要 {more} 条开发集数据才能定论）；" if more else "；"
    else:
        lead, lead_zh = "no rung is proven to meet the target; ", "没有方法被证明达到目标；"
    if name == best:
        return {"en": lead + f"{name} has the best score", "zh": lead_zh + f"{name} 得分最高"}
    return {
        "en": lead + f"{name} is the cheapest that is not significantly worse than the best, {best}",
        "zh": lead_zh + f"{name} 是与最好的 {best} 无显著差距的方法中最便宜的",
    }


def _crossings(standings: Sequence[Standing]) -> list[dict[str, Any]]:
    """For every pair of rungs: after how many requests the one dearer to build has paid for itself."""
    found = []
    for a in standings:
        for b in standings:
            requests = break_even(a.cost, b.cost)
            if a is not b and requests is not None:
                found.append(
                    {"cheap_to_build": a.rung.name, "cheap_to_run": b.rung.name, "requests": requests, "unit": "flops"}
                )
    return found


def _family(adaptation: Adaptation) -> tuple[str, int | None]:
    """How a candidate was made, for charts, read off the adaptation itself."""
    if adaptation.program != "direct":
        return "control", None
    if adaptation.adapter:
        return "trained", len(adaptation.demonstrations)
    if adaptation.selector is not None:
        return adaptation.selector.kind, adaptation.selector.n
    name = adaptation.name.split("/", 1)[1]
    if "-order" in name:
        return "order", len(adaptation.demonstrations)
    if adaptation.calibration is not None:
        return "calibrated", len(adaptation.demonstrations)
    if adaptation.rung == "few-shot":
        return name.split("-", 1)[0], len(adaptation.demonstrations)
    return ("magic" if adaptation.rung == "magic-words" else "template"), 0


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
