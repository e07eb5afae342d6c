"""The terms of a text, for keyword search: words where a script writes spaces, character 1-3-grams where it does not.

Chinese needs no word segmenter here: a three-character window contains nearly every word, and rare grams weigh more by
themselves. Both kinds may stand in one text ("iPhone 的电池续航").
"""

from __future__ import annotations

import re
import unicodedata

# Han with its extensions, Japanese kana, Thai: written without spaces between words.
_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_RUNS = re.compile(rf"[{_UNSPACED}]+|[^\W{_UNSPACED}]+")


def terms(text: str) -> list[str]:
    """The terms in order, width and case folded; a text of symbols alone gives its symbols, so that it can match its like."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: list[str] = []
    for run in _RUNS.findall(folded):
        found += _grams(run) if re.match(rf"[{_UNSPACED}]", run) else [run]
    return found or folded.split()


def _grams(run: str) -> list[str]:
    return [run[i : i + n] for n in (1, 2, 3) for i in range(len(run) - n + 1)]
