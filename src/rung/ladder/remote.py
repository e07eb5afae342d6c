"""What a climb does besides where its model stands behind an endpoint; nothing, where it is in this process."""

from __future__ import annotations

from typing import Any

from rung.engine import EndpointModel, LanguageModel
from rung.engine.endpoint import Price
from rung.ladder.budget import Budget
from rung.ladder.verdict import Unit
from rung.ledger import Ledger


def prepare(model: LanguageModel, ledger: Ledger, budget: Budget) -> None:
    """Every answer goes into the ledger; what the endpoint offers is asked once; money is looked at before each call."""
    if isinstance(model, EndpointModel):
        budget.paid, model.client.allow = lambda: model.money, budget.check_money
        budget.counted = lambda: model.client.meter.read + model.client.meter.written
        known = ledger.get("endpoint")
        ledger.claim({"endpoint": model.prepare(ledger, known)})


def release(model: LanguageModel) -> None:
    """It keeps no answer in this run's ledger any more."""
    if isinstance(model, EndpointModel):
        model.release()


def asked(model: LanguageModel) -> dict[str, str] | None:
    """How it is asked, in both languages."""
    return model.asked() if isinstance(model, EndpointModel) else None


def as_json(model: LanguageModel) -> dict[str, Any] | None:
    """What the result says of it."""
    return model.as_json() if isinstance(model, EndpointModel) else None


def price_of(model: LanguageModel) -> Price | None:
    return model.price if isinstance(model, EndpointModel) else None


def unit_of(model: LanguageModel) -> Unit:
    """What rungs are compared in: nobody knows the operations of an endpoint."""
    if not isinstance(model, EndpointModel):
        return "flops"
    price = price_of(model)
    return "money" if price is not None and price.of(1, 1) > 0 else "tokens"


def without_weights(model: LanguageModel) -> dict[str, str] | None:
    """Why a rung that needs weights has no chance on it."""
    if not isinstance(model, EndpointModel):
        return None
    return {
        "en": "needs the model's weights or hidden states, which an endpoint does not give",
        "zh": "需要模型的权重或隐藏状态，而远程接口不提供",
    }
