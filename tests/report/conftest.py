"""A fabricated run folder: plausible figures of a climb, written through the real ledger. None was measured."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.adaptation import hash_of, to_dict
from rung.ledger import Ledger
from rung.types import Adaptation, Demonstration, Example, ModelRef, Prediction, Prompt, digest

LABELS = ("account", "delivery", "invoice", "refund", "thanks")
TEXTS = {
    "en": {
        "account": ["I cannot log in since the update", "How do I change my email address?"],
        "delivery": ["where's my parcel??", "Tracking says depot since Monday"],
        "invoice": ["Please send the invoice to our accounting", "The VAT number on the bill is wrong"],
        "refund": ["I want my money back", "The jacket came torn, can I return it?"],
        "thanks": ["Great service, thank you!", "That was quick, much obliged"],
    },
    "zh": {
        "account": ["更新之后一直登录不上", "怎么修改绑定的邮箱？"],
        "delivery": ["快递都五天了还没到", "物流一直停在郑州转运中心"],
        "invoice": ["麻烦把发票寄给财务", "发票上的税号写错了"],
        "refund": ["我要退款", "衣服收到就是破的，能退吗？"],
        "thanks": ["服务很好，谢谢！", "处理得真快，辛苦了"],
    },
}
MODEL = {"name": "sprout", "sha256": "5f" * 32}


def figure(value: float, n: int = 240) -> dict[str, Any]:
    """A score with an interval of about the right width."""
    half = 1.96 * (max(value * (1 - value), 0.004) / n) ** 0.5
    return {"value": value, "low": max(0.0, value - half), "high": min(1.0, value + half), "n": n}


def cost(tokens: float | None, seconds: float | None, flops: float | None, **more: Any) -> dict[str, Any]:
    return {
        "build_seconds": 0.0, "build_flops": 0.0, "peak_bytes": None, "trainable_parameters": 0, "labels": 0,
        "tokens_per_request": tokens, "seconds_per_request": seconds, "flops_per_request": flops, "bytes": 3_210,
    } | more  # fmt: skip


def rung(
    name: str, status: str, value: float | None, spent: dict[str, Any], candidates: int = 1, **more: Any
) -> dict[str, Any]:
    return {
        "name": name, "status": status, "reason": None, "best": f"{name}/a" if value is not None else None,
        "candidates": candidates, "dev": None if value is None else figure(value),
        "bound": None if value is None else value - 0.06, "more_dev": None, "cost": spent,
        "adaptation": None if value is None else f"adaptations/{name}",
    } | more  # fmt: skip


def candidate(
    rung: str, name: str, shots: int | None, family: str, value: float, n: int = 240, status: str = "finished"
) -> dict[str, Any]:
    return {
        "rung": rung, "name": name, "hash": digest(rung, name), "shots": shots, "family": family, "status": status,
        "dev": figure(value, n), "cost": cost(300, 0.02, 3.9e9), "notes": {},
    }  # fmt: skip


def rungs() -> list[dict[str, Any]]:
    return [
        rung("majority", "missed", 0.225, cost(0, 1e-6, 0.0, labels=400)),
        rung("tfidf", "missed", 0.742, cost(0, 3e-4, 2.1e4, labels=400, build_seconds=0.8, build_flops=1e8)),
        rung("zero-shot", "missed", 0.413, cost(74, 0.006, 9.6e8), 5),
        rung("magic-words", "missed", 0.421, cost(88, 0.007, 1.1e9), 9),
        rung("few-shot", "missed", 0.671, cost(412, 0.021, 5.4e9, labels=16, build_seconds=44), 21),
        rung("few-shot-bm25", "likely", 0.854, cost(398, 0.024, 5.3e9, labels=400, bytes=61_000), 4,
             more_dev=310),
        rung("few-shot-embedding", "missed", 0.796, cost(401, 0.029, 6.2e9, labels=400, build_seconds=14), 4),
        rung("lora", "proven", 0.913, cost(74, 0.006, 9.7e8, labels=400, build_seconds=96, build_flops=3.1e13,
             trainable_parameters=270_336, peak_bytes=712_000_000, bytes=1_081_344), 3),
        rung("full", "not-reached", None, cost(None, None, None), 0),
    ]  # fmt: skip


def candidates() -> list[dict[str, Any]]:
    draw = random.Random(7)
    found = [candidate("zero-shot", "zero-shot/instruct", 0, "template", 0.413)]
    for shots, centre in ((1, 0.44), (2, 0.49), (4, 0.55), (8, 0.62), (16, 0.65)):
        for family in ("random", "balanced"):
            for seed in range(3):
                value = round(centre + draw.uniform(-0.05, 0.05) + 0.02 * (family == "balanced"), 3)
                early = seed == 2 and shots < 16
                name = f"few-shot/{family}-{shots}-s{seed}"
                found.append(
                    candidate(
                        "few-shot", name, shots, family, value, 64 if early else 240, "behind" if early else "finished"
                    )
                )
    found += [
        candidate("few-shot", f"few-shot/balanced-8-s1-order{i}", 8, "order", v)
        for i, v in enumerate((0.58, 0.61, 0.633, 0.671))
    ]
    for shots, value in ((4, 0.77), (8, 0.854)):
        found.append(candidate("few-shot-bm25", f"few-shot-bm25/{shots}", shots, "bm25", value))
        found.append(candidate("few-shot-embedding", f"few-shot-embedding/{shots}", shots, "embedding", value - 0.06))
    return [*found, candidate("lora", "lora/r8", 0, "lora", 0.913)]


def make_result(language: str = "en", **changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "task": {"name": "intents", "kind": "classify", "metric": "accuracy", "language": language,
                 "labels": list(LABELS), "n_train": 400, "n_dev": 240, "n_test": 200, "detectable_gap": 0.083,
                 "fingerprint": "9d1c0f7a33e2b541"},
        "target": 0.85, "confidence": 0.95, "volume": 10_000, "rungs": rungs(), "candidates": candidates(),
        "chosen": {"rung": "lora", "candidate": "lora/r8", "adaptation": "adaptations/lora",
                   "verdict": "proven", "met": True,
                   "why": {"en": "Its lower bound is at or above the target.", "zh": "其置信下界不低于目标。"}},
        "test": {**figure(0.905, 200), "opened_at": "2026-03-01T14:05:09"}, "model": MODEL, "seed": 0, "seconds": 221.4,
        "break_even": [
            {"cheap_to_run": "lora", "cheap_to_build": "few-shot", "requests": 6998, "unit": "flops"},
            {"cheap_to_run": "lora", "cheap_to_build": "few-shot-bm25", "requests": 7159, "unit": "flops"},
            {"cheap_to_run": "tfidf", "cheap_to_build": "zero-shot", "requests": 1, "unit": "flops"},
        ],
        "budget": {"seconds": 600.0, "spent": 221.4}, "complete": True,
    } | changes  # fmt: skip


def make_adaptation(language: Any, **more: Any) -> Adaptation:
    zh = language == "zh"
    pool = tuple(Demonstration(texts[0], label) for label, texts in TEXTS[language].items())
    prompt = Prompt(
        "instruct", language, instruction="判断这条消息的意图。" if zh else "What does the customer want?",
        question="消息：{{ input }}" if zh else "Message: {{ input }}", lead="意图：" if zh else "Intent:",
        answer="{{ target }}" if zh else " {{ target }}",
    )  # fmt: skip
    fields: dict[str, Any] = {"labels": LABELS, "prompt": prompt, "demonstrations": pool, "model": ModelRef(**MODEL)}
    return Adaptation("lora/r8", "lora", **({"kind": "classify", "language": language} | fields | more))


def fill(ledger: Ledger, hash: str, language: str, adaptation: Adaptation, n_dev: int, n_test: int) -> None:
    """Answers that are right nine times in ten; the second dev answer and now and then another cannot be read."""
    draw = random.Random(3)
    ledger.keep_adaptation(hash, adaptation.rung, adaptation.name, to_dict(adaptation))
    shown = tuple(d.input for d in adaptation.demonstrations)
    for split, n in (("dev", n_dev), ("test", n_test)):
        rows = []
        for i in range(n):
            label = LABELS[i % len(LABELS)]
            input = f"{draw.choice(TEXTS[language][label])} #{split}-{i}"
            example = Example(digest(input), input, label, f"intents.csv:{i + 2}")
            right, valid = draw.random() < 0.9, draw.random() < 0.985 and i != 1
            output = label if right else draw.choice(LABELS)
            score = float(valid and output == label)
            rows.append(
                (
                    example,
                    Prediction(
                        example.id, output if valid else "", output if valid else "Intent: ???", valid, shown=shown
                    ),
                    score,
                )
            )
        ledger.keep_examples(split, [row[0] for row in rows])
        ledger.keep_predictions(hash, [row[1:] for row in rows])


@pytest.fixture
def result_of() -> Callable[..., dict[str, Any]]:
    """``result_of(language="en", **changes)``: a fresh ``result.json``."""
    return make_result


@pytest.fixture
def adaptation_of() -> Callable[..., Adaptation]:
    """``adaptation_of(language, **changes)``: the adaptation that the fabricated climb chose."""
    return make_adaptation


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """``make_run(language, n_dev=, n_test=, adaptation=, charts=, **changes of result.json) -> run folder``.

    ``charts=False`` leaves out what the charts need: they take most of the time of a page.
    """

    def make(
        language: str = "en",
        *,
        n_dev: int = 240,
        n_test: int = 200,
        adaptation: Adaptation | None = None,
        charts: bool = True,
        **changes: Any,
    ) -> Path:
        run = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        run.mkdir()
        result = make_result(language, **changes)
        adaptation = adaptation or make_adaptation(language)
        chosen = result["chosen"]
        if not charts:
            result["break_even"] = []
            result["candidates"] = [c for c in result["candidates"] if c["name"] == chosen["candidate"]]
            result["rungs"] = [row for row in result["rungs"] if row["name"] in (chosen["rung"], "full")]
        for one in result["candidates"]:
            if chosen and one["name"] == chosen["candidate"]:
                one["hash"] = hash_of(adaptation)
        ledger = Ledger(run / "ledger.sqlite", weights="w", dtype="float32")
        ledger.claim({"weights": "w", "dtype": "float32"})
        fill(ledger, hash_of(adaptation), language, adaptation, n_dev, n_test if result["test"] else 0)
        ledger.close()
        (run / "result.json").write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
        return run

    return make
