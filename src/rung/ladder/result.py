"""What a climb says at its end: a row for each rung, every candidate, the choice and why, and where costs cross.

Pure functions of what was measured; ``docs/reference/result-json.md`` describes the file that they fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rung.engine.endpoint import Price
from rung.evaluate import Forgetting
from rung.ladder.costs import candidate_cost
from rung.ladder.race import Runner
from rung.ladder.verdict import Unit, Verdict, break_even, cheapest_good, lead, total_cost
from rung.rungs import Built, Rung
from rung.types import Adaptation, Cost, Result


@dataclass(frozen=True)
class Standing:
    """A rung after its race: its best candidate, what was tried and built, what it cost, and the verdict."""

    rung: Rung
    best: Runner
    runners: list[Runner]
    families: dict[str, str]  # hash of a candidate -> how it was made, for charts
    built: dict[str, Built]  # name of a candidate -> what it took
    cost: Cost
    verdict: Verdict
    forgetting: Forgetting | None = None  # where an adapter hangs on the model
    barred: dict[str, str] | None = None  # why it cannot be chosen, whatever its score
    stopped: dict[str, str] | None = None  # why its training did not come to its end

    @property
    def proven(self) -> bool:
        """Whether it meets the target and can be chosen."""
        return self.verdict.status == "proven" and self.barred is None


EMPTY: dict[str, Any] = {
    "best": None, "candidates": 0, "dev": None, "bound": None, "more_dev": None, "cost": asdict(Cost()), "forgetting": None,
    "adaptation": None, "stopped": None,
}  # fmt: skip


def row(standing: Standing) -> dict[str, Any]:
    """A rung that was climbed."""
    verdict = standing.verdict
    return {
        "name": standing.rung.name,
        "status": verdict.status,
        "reason": standing.barred,
        "best": standing.best.adaptation.name,
        "candidates": len(standing.runners),
        "dev": interval(standing.best.marked.result()),
        "bound": verdict.bound,
        "more_dev": verdict.more_dev,
        "cost": asdict(standing.cost),
        "forgetting": standing.forgetting and standing.forgetting.as_json(),
        "adaptation": f"adaptations/{standing.rung.name}",
        "stopped": standing.stopped,
    }


def nothing(rung: Rung, status: str, reason: dict[str, str] | None) -> dict[str, Any]:
    """The row of a rung that came to no standing, and why."""
    return {**EMPTY, "name": rung.name, "status": status, "reason": reason}


def candidate(standing: Standing, runner: Runner, price: Price | None = None) -> dict[str, Any]:
    """One candidate of a rung, also one that stopped; ``price``: of a model behind an endpoint."""
    made = runner.adaptation
    built = standing.built.get(made.name)
    shots = made.selector.n if made.selector is not None else len(made.demonstrations)
    return {
        "rung": standing.rung.name,
        "name": made.name,
        "hash": runner.hash,
        "shots": shots if standing.rung.model else None,
        "family": standing.families[runner.hash],
        "status": "finished" if runner.finished else "behind",
        "dev": interval(runner.marked.result()),
        "cost": asdict(candidate_cost(runner, built.cost if built else Cost(), price)),
        "notes": {**built.notes, "looks": built.looks} if built else {},
    }


def family(adaptation: Adaptation, rung: Rung, wave: str) -> str:
    """How a candidate was made, for charts: as its wave says, else read off the adaptation itself."""
    if not rung.model:
        return "control"
    if wave:
        return wave
    if adaptation.adapter:
        return "trained"
    if adaptation.selector is not None:
        return adaptation.selector.kind
    return "calibrated" if adaptation.calibration is not None else "template"


def decide(
    standings: Sequence[Standing], target: float | None, volume: int, unit: Unit = "flops"
) -> tuple[Standing, dict[str, Any]] | None:
    """The cheapest proven rung; else the cheapest that is not significantly worse than the best. Barred ones do not count."""
    free = [s for s in standings if s.barred is None]
    if not free:
        return None
    guarded, standings = len(free) < len(standings), free
    ahead: dict[str, Any] | None = None
    proven = [s for s in standings if s.proven]
    if proven:
        taken = min(proven, key=lambda s: total_cost(s.cost, volume, unit))
        limit, limit_zh = (" within --max-forgetting", "遗忘未超限、") if guarded else ("", "")
        why = {
            "en": f"{taken.rung.name} is the cheapest rung{limit} that provably meets the target",
            "zh": f"{taken.rung.name} 是{limit_zh}可证明达到目标的最便宜的方法",
        }
    else:
        name, best = cheapest_good([(s.rung.name, s.best.marked, s.cost) for s in standings], volume, unit)
        taken = next(s for s in standings if s.rung.name == name)
        if best != name:
            leader = next(s for s in standings if s.rung.name == best)
            ahead = {"rung": best, **interval(lead(leader.best.marked, taken.best.marked))}
        why = why_chosen(name, best, target, taken.verdict, guarded)
    return taken, {
        "rung": taken.rung.name,
        "candidate": taken.best.adaptation.name,
        "adaptation": f"adaptations/{taken.rung.name}",
        "verdict": taken.verdict.status,
        "met": taken.verdict.status == "proven",
        "why": why,
        "ahead": ahead,  # the best of dev where another was taken
    }


def why_chosen(name: str, best: str, target: float | None, verdict: Verdict, guarded: bool = False) -> dict[str, str]:
    """``guarded``: whether a rung was left out of the choice for what it has forgotten."""
    rung, rung_zh = ("rung within --max-forgetting", "遗忘未超限的方法") if guarded else ("rung", "方法")
    if target is None:
        lead, lead_zh = "no target was set; ", "没有设定目标；"
    elif verdict.status == "likely":
        more = verdict.more_dev
        lead = f"no {rung} is proven to meet the target; the score is at or above it, the lower bound is not"
        lead += f" (about {more} more dev examples would settle it); " if more else "; "
        lead_zh = f"没有{rung_zh}被证明达到目标；得分已到，置信下界未到"
        lead_zh += f"（大约再要 {more} 条开发集数据才能定论）；" if more else "；"
    else:
        lead, lead_zh = f"no {rung} is proven to meet the target; ", f"没有{rung_zh}被证明达到目标；"
    of, of_zh = (" of those within --max-forgetting", "在遗忘未超限的方法中") if guarded else ("", "")
    if name == best:
        return {"en": lead + f"{name} has the best score{of}", "zh": lead_zh + f"{name} {of_zh}得分最高"}
    return {
        "en": lead + f"{name} is the cheapest that is not significantly worse than the best{of}, {best}",
        "zh": lead_zh + f"{name} {of_zh}是与最好的 {best} 无显著差距的方法中最便宜的",
    }


def crossings(standings: Sequence[Standing], unit: Unit = "flops") -> list[dict[str, Any]]:
    """For every pair of rungs: after how many requests the one dearer to build has paid for itself."""
    found = []
    for a in standings:
        for b in standings:
            requests = break_even(a.cost, b.cost, unit)
            if a is not b and requests is not None:
                found.append(
                    {"cheap_to_build": a.rung.name, "cheap_to_run": b.rung.name, "requests": requests, "unit": unit}
                )
    return found


def interval(result: Result) -> dict[str, Any]:
    value, low, high = (None if x is None else float(x) for x in (result.value, result.low, result.high))
    return {"value": value, "low": low, "high": high, "n": result.n}
