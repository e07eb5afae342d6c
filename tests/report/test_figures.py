"""Numbers as people read them. The expected texts are written by hand."""

from __future__ import annotations

import pytest

from rung.report.figures import DASH, Figures

EN, ZH = Figures("en"), Figures("zh")
DEV = {"value": 0.8711, "low": 0.8424, "high": 0.8958, "n": 1560}


def test_scores_and_intervals():
    assert EN.with_n(DEV) == ".871 [.842, .896], n = 1,560"
    assert ZH.with_n(DEV) == "0.871 [0.842, 0.896]，n = 1,560"
    assert EN.score(1.0) == "1.000"
    assert EN.score(0.0) == ".000"
    assert EN.target(0.85) == ".85"
    assert ZH.target(0.85) == "0.85"
    assert EN.target(1) == "1"


def test_nothing_measured_is_a_dash_and_never_zero():
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    assert {
        EN.score(None),
        EN.interval(None),
        EN.with_n(nothing),
        EN.seconds(None),
        EN.flops(None),
        EN.bytes(None),
    } == {DASH}
    assert {EN.count(None), EN.tokens(None), EN.moment(None)} == {DASH}
    assert EN.interval({"value": 0.5, "low": None, "high": None, "n": 3}) == ".500"


@pytest.mark.parametrize(
    ("value", "en", "zh"),
    [
        (0, "0 s", "0 秒"),
        (3.2e-6, "3.2 µs", "3.2 微秒"),
        (0.000999, "1 ms", "1 毫秒"),
        (0.0123, "12 ms", "12 毫秒"),
        (0.9999, "1 s", "1 秒"),
        (2.46, "2.5 s", "2.5 秒"),
        (59.7, "1 min", "1 分"),
        (75.2, "1 min 15 s", "1 分 15 秒"),
        (3600, "1 h", "1 小时"),
        (7380, "2 h 3 min", "2 小时 3 分"),
    ],
)
def test_durations(value: float, en: str, zh: str):
    assert (EN.seconds(value), ZH.seconds(value)) == (en, zh)


def test_flops_bytes_counts():
    assert [EN.flops(v) for v in (0, 42, 999_990, 1.23e9, 3.1e13)] == [
        "0",
        "42 FLOP",
        "1 MFLOP",
        "1.2 GFLOP",
        "31 TFLOP",
    ]
    assert [EN.bytes(v) for v in (0, 1, 1536, 1_081_344)] == ["0 bytes", "1 byte", "1.5 KiB", "1 MiB"]
    assert [EN.count(v) for v in (7159, 1.25e6, 2e9)] == ["7,159", "1.2 million", "2 billion"]
    assert [ZH.count(v) for v in (7159, 1.25e6, 2e9)] == ["7,159", "125 万", "20 亿"]


def test_moments():
    assert EN.moment("2026-03-01T14:05:09+00:00") == "2026-03-01 14:05 UTC"
    assert EN.moment("2026-03-01T14:05:09") == "2026-03-01 14:05"
    assert EN.moment("yesterday") == "yesterday"
