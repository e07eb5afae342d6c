"""What a climb is doing now, and how long it may take, in words: for the table of the terminal and for the pages.

The time left is an estimate from the pace of the current candidate and from the budget, absent where neither is known.
"""

from __future__ import annotations

import time

from rung.ladder import Progress
from rung.report.figures import DASH, Figures
from rung.types import Language

PATIENCE = 2.0  # seconds of a candidate before its pace is worth an estimate


def doing(progress: Progress, language: Language) -> str:
    """ "zero-shot/bare  64/123 examples", or nothing between two candidates."""
    now = progress.now
    if now is None:
        return ""
    if now.verb == "training":
        loss = DASH if now.loss is None else f"{now.loss:.3f}"
        said = (
            f"training, step {now.done}/{now.total}, loss {loss}",
            f"训练中，第 {now.done}/{now.total} 步，损失 {loss}",
        )
    else:
        said = (f"{now.done}/{now.total} examples", f"{now.done}/{now.total} 条样本")
    return f"{now.candidate}  {_say(language, *said)}"


def time_left(progress: Progress, language: Language) -> str | None:
    """The estimate in words, or None where nothing is known to make one from."""
    parts, figures = [], Figures(language)
    if (pace := _candidate_left(progress)) is not None:
        left = figures.seconds(pace)
        parts.append(_say(language, f"about {left} left for this candidate", f"此候选约剩 {left}"))
    if progress.budget_seconds is not None:
        left = figures.seconds(max(0.0, progress.budget_seconds - (time.monotonic() - progress.began)))
        parts.append(_say(language, f"at most {left} of the budget left", f"预算至多剩 {left}"))
    waiting = sum(name not in progress.rows for name in progress.rungs)
    if parts and waiting:
        parts.append(_say(language, f"{waiting} rung{'s' * (waiting > 1)} to go", f"还有 {waiting} 个方法"))
    return _say(language, ", ", "，").join(parts) or None


def _candidate_left(progress: Progress) -> float | None:
    now = progress.now
    if now is None or not now.total or now.done <= now.first or now.done >= now.total:
        return None
    elapsed = time.monotonic() - now.began
    return None if elapsed < PATIENCE else elapsed / (now.done - now.first) * (now.total - now.done)


def _say(language: Language, en: str, zh: str) -> str:
    return zh if language == "zh" else en
