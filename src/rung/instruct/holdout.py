"""What is held out: one key in ten is never trained on, so that exams can ask it."""

from __future__ import annotations

import hashlib

EXAM = 10


def held_out(key: str) -> bool:
    """Whether a key belongs to the tenth for exams: a pure function of its text.

    Answers of demonstrations are learned too, so a family that draws its own asks this of each of them.
    """
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % EXAM == 0
