"""How often a climb claims falsely, simulated: later rungs build on what dev has chosen, and inherit its luck.

Every candidate of every rung is in truth a hair below the target, so that any claim is false. A candidate shares a part of its marks
with the one that it is built on, which is the best of dev so far; a rung's best is judged as :func:`rung.ladder.verdict.judge` does,
with the rung's own looks at dev, or with all looks at dev until then.

    PYTHONPATH=src python bench/claims.py --climbs 4000
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import norm

from rung.evaluate.statistics import exact_lower
from rung.ladder.verdict import ALPHA

PLAN = {  # rung: looks at dev, whether its candidates are built on the best so far
    "zero-shot": (14, False), "magic-words": (9, True), "few-shot": (19, True), "few-shot-bm25": (5, True),
    "linear-probe": (26, True), "lora": (8, True), "p-tuning-v2": (9, True),
}  # fmt: skip
RULES = ("own looks", "all looks so far")


def claims(n: int, truth: float, shared: float, rungs: int, climbs: int, seed: int) -> dict[str, float]:
    """The share of ``climbs`` that claim the target, by rule. ``shared``: of a candidate's spread, with what it is built on."""
    chance, target, false = np.random.default_rng(seed), truth + 1e-9, dict.fromkeys(RULES, 0)
    for _ in range(climbs):
        parent, best, so_far, open_rules = np.zeros(n), -1.0, 0, set(RULES)
        for looks, builds in PLAN.values():
            own = chance.standard_normal((looks, n))
            latent = np.sqrt(shared) * parent + np.sqrt(1 - shared) * own if builds else own
            scores = (latent < norm.ppf(truth)).mean(axis=1)
            so_far += looks
            for rule, counted in zip(RULES, (looks, so_far), strict=True):
                if rule in open_rules and exact_lower(float(scores.max()), n, ALPHA / (rungs * counted)) >= target:
                    false[rule] += 1
                    open_rules.remove(rule)
            if scores.max() > best:
                best, parent = float(scores.max()), latent[scores.argmax()]
    return {rule: found / climbs for rule, found in false.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--climbs", type=int, default=4000)
    parser.add_argument("--truth", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print("| dev | rungs in the plan | shared | " + " | ".join(RULES) + " |\n|---|---|---|---|---|")
    for n in (123, 500):
        for rungs in (len(PLAN), 18):
            for shared in (0.0, 0.5, 0.8, 0.95):
                found = claims(n, asked.truth, shared, rungs, asked.climbs, asked.seed)
                print(
                    f"| {n} | {rungs} | {shared:g} | {' | '.join(f'{found[rule]:.3f}' for rule in RULES)} |", flush=True
                )


if __name__ == "__main__":
    main()
