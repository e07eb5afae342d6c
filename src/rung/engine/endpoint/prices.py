"""What tokens cost: ``prices.yaml`` beside this file, or the user's own of the same form.

    currency: USD
    models:
      NAME: {in: 0.15, out: 0.60, host: api.example.com, dated: 2026-06, source: where it stands}

``in`` and ``out`` are money per million tokens read and written. ``host``, where given, is the only one the price is for.
``NAME`` also covers its dated versions (NAME-2025-04-14).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rung.engine.endpoint.address import Address
from rung.types import DataError

SHIPPED = Path(__file__).with_name("prices.yaml")
KEYS = {"in", "out", "host", "dated", "source"}


@dataclass(frozen=True)
class Price:
    """Money per million tokens read and written, and where that is said."""

    read: float
    written: float
    currency: str = "USD"
    dated: str = ""
    source: str = ""

    def of(self, tokens_in: float, tokens_out: float) -> float:
        """Money for so many tokens."""
        return (tokens_in * self.read + tokens_out * self.written) / 1e6


def price_of(address: Address, prices: Path | None = None, flat: float = 0.0) -> Price | None:
    """The price of a model: ``flat`` per million tokens of either kind, else the table's; None where nobody knows.

    A model on this machine costs nothing unless somebody says otherwise.
    """
    if flat:
        return Price(flat, flat, source="--price")
    if prices is not None:
        found = _found(_table(prices), address)
        if found is None:
            raise DataError(
                f"{prices} has no price for {address.name} at {address.host}; add it, or type --price",
                zh=f"{prices} 中没有 {address.host} 上 {address.name} 的价格；请补上，或使用 --price",
            )
        return found
    return Price(0.0, 0.0, source="this machine") if address.local else _found(_table(SHIPPED), address)


def _found(table: dict[str, Any], address: Address) -> Price | None:
    dated = re.sub(r"-\d{4}-?\d{2}-?\d{2}$", "", address.name)
    for name in (address.name, dated):
        row = table["models"].get(name)
        if row and row.get("host", address.host) == address.host:
            where = str(row.get("dated", "")), str(row.get("source", ""))
            return Price(float(row["in"]), float(row["out"]), table["currency"], *where)
    return None


def _table(path: Path) -> dict[str, Any]:
    """A table of prices, checked; raises DataError that names what is wrong."""
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read: {reason}", zh=f"{path} 读不出来：{reason}") from None
    if not isinstance(table, dict) or not isinstance(table.get("models"), dict):
        raise DataError(
            f"{path} has no 'models'; the form is\nmodels:\n  NAME: {{in: 0.15, out: 0.60}}",
            zh=f"{path} 中没有 models；格式为\nmodels:\n  NAME: {{in: 0.15, out: 0.60}}",
        )
    for name, row in table["models"].items():
        numbers = [row.get("in"), row.get("out")] if isinstance(row, dict) and set(row) <= KEYS else []
        good = [isinstance(n, int | float) and not isinstance(n, bool) and n >= 0 for n in numbers]
        if len(good) != 2 or not all(good):
            raise DataError(
                f"{path}: {name} needs 'in' and 'out', money per million tokens, not below 0 (besides: host, dated, source)",
                zh=f"{path}：{name} 需要 in 与 out（每百万词元的价格，不小于 0），另可写 host、dated、source",
            )
    return {
        "models": {str(name): row for name, row in table["models"].items()},
        "currency": str(table.get("currency", "USD")),
    }
