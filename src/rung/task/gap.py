"""The smallest difference that a dev split can detect: told before anything is spent."""

from __future__ import annotations

import math
from statistics import NormalDist


def detectable_gap(
    n: int, accuracy: float = 0.7, correlation: float = 0.5, power: float = 0.8, level: float = 0.05
) -> float | None:
    """The smallest true difference between two systems on the same ``n`` examples that a paired test finds.

    gap = (z(1 - level/2) + z(power)) sqrt(2 p (1 - p) (1 - r) / n), with p the accuracy of both and r the correlation
    of their hits (the power analysis of Miller 2024, 2411.00640, with one answer per example). Of a share of right answers;
    of another metric nothing is known before there are answers: macro F1 varies more where labels are rare, ROUGE-L no more. None
    for ``n`` = 0.
    """
    if n < 1:
        return None
    z = NormalDist().inv_cdf
    spread = 2 * accuracy * (1 - accuracy) * (1 - correlation)
    return (z(1 - level / 2) + z(power)) * math.sqrt(spread / n)
