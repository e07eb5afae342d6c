"""Budgets: how they are written, and when they are spent."""

from __future__ import annotations

import time

import pytest

from rung.ladder import Budget
from rung.types import BudgetSpent, UserError


@pytest.mark.parametrize(
    ("text", "seconds", "tokens"),
    [
        (None, None, None), ("", None, None), ("90s", 90, None), ("10m", 600, None), ("1.5h", 5400, None),
        ("500ktokens", None, 500_000), ("500k tokens", None, 500_000),
        ("2M tok", None, 2_000_000), ("7tokens", None, 7),
        ("10m,500ktokens", 600, 500_000), ("10m，500ktokens", 600, 500_000),
    ],
)  # fmt: skip
def test_what_is_understood(text: str | None, seconds: float | None, tokens: int | None) -> None:
    budget = Budget.parse(text)
    assert (budget.seconds, budget.tokens, budget.money) == (seconds, tokens, None)


@pytest.mark.parametrize("text", ["10", "ten minutes", "-5m", "10m5", "5x", "m", "1e3s", "10m;5s"])
def test_nonsense_is_refused_with_what_to_type(text: str) -> None:
    with pytest.raises(UserError, match="type 90s, 10m, 2h, 500ktokens or") as error:
        Budget.parse(text)
    assert "看不懂预算" in error.value.zh


def test_money_needs_a_price() -> None:
    with pytest.raises(UserError, match="needs a price"):
        Budget.parse("$3")
    assert [Budget.parse(text, price=2.0).money for text in ("¥3", "￥3", "€3")] == [3.0] * 3
    budget = Budget.parse("$3", price=2.0)
    budget.used_tokens = 1_499_999
    budget.check()
    budget.used_tokens = 1_500_000  # 1.5 million at 2 a million
    with pytest.raises(BudgetSpent):
        budget.check()


def test_time_counts_earlier_sessions() -> None:
    budget = Budget(seconds=100.0, spent_before=99.99, started=time.perf_counter())
    budget.check()
    assert budget.left is not None
    assert budget.left < 0.011
    time.sleep(0.02)
    with pytest.raises(BudgetSpent, match="100 s is spent"):
        budget.check()


def test_tokens() -> None:
    budget = Budget(tokens=10, used_tokens=9)
    budget.check()
    budget.used_tokens = 10
    with pytest.raises(BudgetSpent, match="10 tokens"):
        budget.check()


def test_no_limit_is_never_spent() -> None:
    budget = Budget(used_tokens=10**12, spent_before=1e9)
    budget.check()
    assert budget.left is None
