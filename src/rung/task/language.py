"""The language of a task, by the script of its inputs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rung.types import Language

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
WORD = re.compile(r"[^\W\d_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
CHARACTERS = 2000  # of each input: enough to tell


def is_chinese(text: str) -> bool:
    """Whether a text has at least as many Han characters as words of other scripts."""
    head = text[:CHARACTERS]
    han = len(HAN.findall(head))
    return han > 0 and han >= len(WORD.findall(head))


def language_of(texts: Sequence[str]) -> Language:
    """zh where at least half of the texts are Chinese, else en."""
    return "zh" if 2 * sum(map(is_chinese, texts)) >= max(len(texts), 1) else "en"
