"""What many trials say: how often the climb stopped at the right kind of rung, and how often its claim was false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from scipy.stats import binomtest

from rung.selftest.codes import KINDS
from rung.selftest.trial import Trial

ALLOWED = 0.05  # of the claims, or a verdict at 95 % is none


def figures(trials: Sequence[Trial]) -> dict[str, Any]:
    """Shares with exact intervals (Clopper and Pearson), by kind and in all, and every trial."""
    claims = [t for t in trials if t.claims]
    return {
        "kinds": {
            kind: {
                "right": share(sum(t.right for t in of), len(of)),
                "stopped": dict(Counter(t.chosen if t.claims else "no claim" for t in of)),
            }
            for kind in KINDS
            if (of := [t for t in trials if t.kind == kind])
        },
        "right": share(sum(t.right for t in trials), len(trials)),
        "false_claims": share(sum(t.false_claim for t in claims), len(claims)),
        "allowed": ALLOWED,
        "trials": [{**asdict(t), "right": t.right, "false_claim": t.false_claim} for t in trials],
    }


def share(count: int, of: int) -> dict[str, Any]:
    """``count`` of ``of`` with its 95 % interval; None where there is nothing to count."""
    if not of:
        return {"count": 0, "of": 0, "value": None, "low": None, "high": None}
    low, high = binomtest(count, of).proportion_ci(0.95)
    return {"count": count, "of": of, "value": count / of, "low": float(low), "high": float(high)}
