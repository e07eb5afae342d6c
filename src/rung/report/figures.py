"""Numbers as a person reads them: a score with its interval, a duration, FLOPs, bytes, in Chinese and in English.

What was not measured is a dash, never a zero. English drops the zero before the point of a score (.871), as is the
custom of statistics there; Chinese keeps it (0.871).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rung.types import Language

DASH = "–"
_SI = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def short(value: float) -> str:
    """Two or three leading digits: 1.23 -> "1.2", 1.0 -> "1", 123.4 -> "123", 0.004 -> "0.004"."""
    if value == 0 or value >= 9.95:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 0.95 else f"{value:.2g}"


@dataclass(frozen=True)
class Figures:
    """Formats for one language."""

    language: Language

    def _say(self, en: str, zh: str) -> str:
        return zh if self.language == "zh" else en

    def score(self, value: float | None) -> str:
        """.871 in English, 0.871 in Chinese; the dash for None."""
        if value is None:
            return DASH
        text = f"{value:.3f}"
        if self.language == "zh":
            return text
        return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text

    def target(self, value: float) -> str:
        """A target as it was typed: .85, not .850."""
        text = f"{value:.4g}"
        return text.removeprefix("0") if self.language == "en" and 0 < value < 1 else text

    def interval(self, dev: Mapping[str, Any] | None) -> str:
        """ ".871 [.842, .896]" out of {value, low, high}."""
        if dev is None or dev["value"] is None:
            return DASH
        if dev["low"] is None or dev["high"] is None:
            return self.score(dev["value"])
        return f"{self.score(dev['value'])} [{self.score(dev['low'])}, {self.score(dev['high'])}]"

    def with_n(self, dev: Mapping[str, Any] | None) -> str:
        """ ".871 [.842, .896], n = 560"."""
        if dev is None or dev["value"] is None:
            return DASH
        return f"{self.interval(dev)}{self._say(', ', '，')}n = {dev['n']:,}"

    def rise(self, found: Mapping[str, Any], interval: bool = True) -> str:
        """ "+0.120 [+0.080, +0.160]" out of {nats, low, high}: nats per token, with a sign."""
        nats = f"{found['nats']:+.3f}"
        if not interval or found["low"] is None:
            return nats
        return f"{nats} [{found['low']:+.3f}, {found['high']:+.3f}]"

    def count(self, value: float | None) -> str:
        """1,234; from a million on in words (1.2 million, 120 万)."""
        if value is None:
            return DASH
        if value < 1e6:
            return f"{value:,.0f}"
        if self.language == "zh":
            return f"{short(value / 1e8)} 亿" if value >= 1e8 else f"{short(value / 1e4)} 万"
        return f"{short(value / 1e9)} billion" if value >= 1e9 else f"{short(value / 1e6)} million"

    def seconds(self, value: float | None) -> str:
        """0.0123 -> "12 ms", 75 -> "1 min 15 s"."""
        if value is None:
            return DASH
        if value == 0:
            return self._say("0 s", "0 秒")
        if value < 9.5e-4:
            return f"{short(value * 1e6)} {self._say('µs', '微秒')}"
        if value < 0.95:
            return f"{short(value * 1e3)} {self._say('ms', '毫秒')}"
        if value < 59.5:
            return f"{short(value)} {self._say('s', '秒')}"
        whole = round(value)
        if whole < 3600:
            first, second = divmod(whole, 60)
            units = self._say("min", "分"), self._say("s", "秒")
        else:
            first, second = divmod(round(whole / 60), 60)
            units = self._say("h", "小时"), self._say("min", "分")
        return f"{first} {units[0]}" + (f" {second} {units[1]}" if second else "")

    def flops(self, value: float | None) -> str:
        """1.2e9 -> "1.2 GFLOP": operations of a request or of a training, not a speed."""
        if value is None:
            return DASH
        for size, prefix in _SI:
            if value >= 0.9995 * size:
                return f"{short(value / size)} {prefix}FLOP"
        return "0" if value == 0 else f"{short(value)} FLOP"

    def bytes(self, value: float | None) -> str:
        """1536 -> "1.5 KiB"."""
        if value is None:
            return DASH
        for size, unit in _BYTES:
            if value >= size:
                return f"{short(value / size)} {unit}"
        return f"{value:.0f} {self._say('bytes' if value != 1 else 'byte', '字节')}"

    def amount(self, value: float | None, unit: str) -> str:
        """A cost in its unit: "flops", "seconds", "tokens" or "money"."""
        if unit == "flops":
            return self.flops(value)
        if unit == "money":
            return self.money(value)
        return self.seconds(value) if unit == "seconds" else self.tokens(value)

    def money(self, value: float | None, currency: str = "") -> str:
        """0.1234 -> "0.12"; small sums keep two digits that say something: 0.00042."""
        if value is None:
            return DASH
        text = f"{value:,.2f}" if value >= 0.1 or value == 0 else f"{value:.2g}"
        if "e" in text:
            text = f"{value:.9f}".rstrip("0")
        return f"{text} {currency}".rstrip()

    def tokens(self, value: float | None) -> str:
        """A mean number of tokens per request."""
        return DASH if value is None else f"{value:,.0f}"

    def moment(self, value: str | float | None) -> str:
        """An ISO time or a Unix time as "2026-03-01 14:05 UTC"; a text that is neither, as it is."""
        if value is None:
            return DASH
        try:
            at = (
                datetime.fromtimestamp(value, UTC) if isinstance(value, (int, float)) else datetime.fromisoformat(value)
            )
        except ValueError:
            return str(value)
        return at.strftime("%Y-%m-%d %H:%M %Z").rstrip()
