"""How much a climb may spend: time, tokens, or money. It stops between blocks, and keeps the best so far."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from rung.types import BudgetSpent, UserError, Way

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
PRICED = (
    Way("price", any=("MONEY", "金额")), Way("prices", any=("FILE", "文件")), Way("budget", "10m"), Way("budget", "500ktokens"),
)  # fmt: skip


@dataclass
class Budget:
    """Limits; None: unlimited. ``spent_before`` is what earlier sessions of the same run took, in seconds.

    ``paid`` and ``counted`` give the money and the tokens spent so far where an endpoint counts them, what calibrations and
    broken attempts took included; else it is ``used_tokens``, at ``price``.
    """

    seconds: float | None = None
    tokens: int | None = None
    money: float | None = None
    price: float = 0.0  # money per million tokens; 0 for a model on this machine
    paid: Callable[[], float | None] | None = None
    counted: Callable[[], int] | None = None
    spent_before: float = 0.0
    used_tokens: int = 0
    started: float = field(default_factory=time.perf_counter)

    @classmethod
    def parse(cls, text: str | None, *, price: float = 0.0) -> Budget:
        """``10m``, ``90s``, ``2h``, ``500000tokens`` (``500k tokens``), ``$3``; several joined by commas."""
        budget = cls(price=price)
        plain = unicodedata.normalize("NFKC", text or "")  # a Chinese keyboard writes ￥ and ，
        for part in plain.replace(" ", "").lower().split(","):
            if not part:
                continue
            if match := re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", part):
                budget.seconds = float(match[1]) * UNITS[match[2]]
            elif match := re.fullmatch(r"(\d+(?:\.\d+)?)([km]?)tok(?:ens?)?", part):
                budget.tokens = int(float(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2]])
            elif match := re.fullmatch(r"[$¥€](\d+(?:\.\d+)?)", part):
                budget.money = float(match[1])
                if price <= 0:
                    raise UserError(
                        "a budget in money needs a price, and none is known for this model",
                        zh="按金额限制预算需要价格，而此模型没有已知的价格",
                        ways=PRICED,
                    )
            else:
                raise UserError(
                    f"the budget {part!r} is not understood: type 90s, 10m, 2h, 500ktokens or $3",
                    zh=f"看不懂预算 {part!r}：可写 90s、10m、2h、500ktokens 或 $3",
                )
        return budget

    @property
    def spent(self) -> float:
        """Seconds, earlier sessions included."""
        return self.spent_before + time.perf_counter() - self.started

    @property
    def left(self) -> float | None:
        """Seconds left, or None without a limit in time."""
        return None if self.seconds is None else self.seconds - self.spent

    def check(self) -> None:
        """Raise BudgetSpent when a limit is reached."""
        if self.seconds is not None and self.spent >= self.seconds:
            raise BudgetSpent(f"the budget of {self.seconds:.0f} s is spent", zh=f"{self.seconds:.0f} 秒的预算已用完")
        used = self.counted() if self.counted is not None else self.used_tokens
        if self.tokens is not None and used >= self.tokens:
            raise BudgetSpent(f"the budget of {self.tokens} tokens is spent", zh=f"{self.tokens} 个词元的预算已用完")
        self.check_money()

    def check_money(self) -> None:
        """Raise BudgetSpent when the limit in money is reached; an endpoint asks before each of its calls."""
        spent = self.paid() if self.paid is not None else self.used_tokens * self.price / 1e6
        if self.money is not None and (spent or 0.0) >= self.money:
            raise BudgetSpent(
                f"the budget of {self.money:g} in money is spent", zh=f"金额为 {self.money:g} 的预算已用完"
            )
