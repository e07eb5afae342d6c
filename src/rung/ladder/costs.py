"""What a rung and its candidates cost: to build, to keep, and to ask; and what training made the model forget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from rung.engine import EndpointModel, LanguageModel
from rung.engine.endpoint import Price
from rung.evaluate import Forgetting, General, GeneralReader, latency
from rung.ladder.race import Runner
from rung.ledger import Ledger
from rung.programs import opened
from rung.rungs import Built
from rung.types import Cost, Prediction, Task


def rung_cost(best: Runner, runners: Sequence[Runner], built: Mapping[str, Built], price: Price | None = None) -> Cost:
    """To build: training and search of *all* the rung's candidates, the failed ones too; to run: the best one."""
    asked = [p for r in runners for p in r.marked.predictions]
    builds = [b.cost for b in built.values()]
    own = built.get(best.adaptation.name)
    cost = candidate_cost(best, own.cost if own else Cost(), price)
    cost.build_seconds = sum(b.build_seconds for b in builds) + sum(p.seconds for p in asked)
    cost.build_flops = known_sum([*(b.build_flops for b in builds), *(p.flops for p in asked)])
    cost.build_tokens = sum(b.build_tokens for b in builds) + sum(p.tokens_in + p.tokens_out for p in asked)
    paid = money(asked, price)
    cost.build_money = None if paid is None else paid + sum(b.build_money or 0.0 for b in builds)
    return cost


def candidate_cost(runner: Runner, built: Cost, price: Price | None = None) -> Cost:
    """What it took to build this candidate, and its mean cost per request on dev; ``price``: of an endpoint's tokens."""
    asked, n = runner.marked.predictions, max(1, len(runner.marked.predictions))
    cost = replace(built)
    cost.labels = built.labels or len(runner.adaptation.demonstrations)
    cost.tokens_per_request = sum(p.tokens_in + p.tokens_out for p in asked) / n
    cost.seconds_per_request = sum(p.seconds for p in asked) / n
    flops, paid = known_sum([p.flops for p in asked]), money(asked, price)
    cost.flops_per_request = None if flops is None else flops / n
    cost.money_per_request = None if paid is None else paid / n
    return cost


def known_sum(values: Sequence[float | None]) -> float | None:
    """The sum, or None where one of them is not known."""
    known = [v for v in values if v is not None]
    return sum(known) if len(known) == len(values) else None


def money(asked: Sequence[Prediction], price: Price | None) -> float | None:
    """What these answers were billed, or None where no price is known."""
    if price is None:
        return None
    return price.of(sum(p.tokens_in for p in asked), sum(p.tokens_out for p in asked))


def lone_latency(best: Runner, task: Task, model: LanguageModel, ledger: Ledger) -> float | None:
    """Seconds of a lone request; measured once and remembered, like everything that was measured.

    An endpoint is not paid for that: its answers on dev carry their seconds.
    """
    if isinstance(model, EndpointModel):
        each = [p.seconds for p in best.marked.predictions]
        return median(each) if each else None
    key = f"latency {best.hash}"
    for event in ledger.events(key):
        return event["seconds"]
    with opened(best.adaptation, model) as answer:
        answer(task.dev[:1])  # the first call pays for caches
        seconds = latency(answer, task.dev)
    ledger.event(key, {"seconds": seconds})
    return seconds


def measured_forgetting(
    best: Runner, general: General, reader: Callable[[], GeneralReader], ledger: Ledger
) -> Forgetting | None:
    """What the adapter of ``best`` makes its model forget, measured once and remembered; None: no adapter hangs on the model."""
    adapter = Path(best.adaptation.adapter or "none")
    if not (adapter / "adapter_config.json").exists():  # a probe or n-grams leave the model alone
        return None
    key = f"forgetting {best.hash} {general.fingerprint}"
    for event in ledger.events(key):
        return Forgetting.of_json(event["languages"])
    found = reader().forgetting(adapter)
    ledger.event(key, {"languages": found.as_json()})
    return found


def folder_bytes(folder: Path) -> int:
    """What the folder's files take, in bytes."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
