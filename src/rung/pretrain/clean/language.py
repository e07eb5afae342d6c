"""What language a document is in: by its script, and by a model where the script does not say.

Han without kana is Chinese, kana is Japanese, Hangul Korean. Latin script is English where the commonest English words
are; else py3langid (Lui & Baldwin 2012, 97 languages) reads a part of the beginning and of the middle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

import numpy as np

from rung.pretrain.clean.document import Document, Finding, Stage
from rung.types import UserError

ENGLISH = frozenset(
    re.findall(r"\w+", "the and of to that with this from have which they their his for you not are but she had were")
)
KNOWN = 0.08  # of the words; a text of another language has a twentieth of that
KANA = 0.25  # of kana and Han: a Japanese text has half; a Chinese article on Japanese games a tenth
FEWEST = 40  # characters, of which a model can tell the language
PART = 600  # characters that the model reads twice
HAN_IN_A_WORD = 1.5  # characters: so many are weighed as one Latin word
SCRIPTS = {  # first and last code point
    "han": (0x3400, 0x9FFF), "kana": (0x3041, 0x30FF), "hangul": (0xAC00, 0xD7A3), "latin": (0x41, 0x24F),
}  # fmt: skip


def check_languages(names: Sequence[str]) -> tuple[str, ...]:
    """The names, or UserError with the nearest one that is known."""
    for name in names:
        if name not in known():
            near = get_close_matches(name.lower(), sorted(known()), 1, 0.0)[0]
            raise UserError(f"no language {name!r}: did you mean {near!r}?", zh=f"没有语言 {name!r}：是不是 {near!r}？")
    return tuple(names)


def only(wanted: Sequence[str]) -> Stage:
    """The stage that lets these languages through."""

    def language(document: Document) -> Finding | None:
        document.language = language_of(document)
        if document.language in wanted or not document.language:
            return None  # "" has hardly a letter: that is for other stages to say
        return Finding("language", document.language, excerpt=document.text[:120])

    return language


def language_of(document: Document) -> str:
    """``zh``, ``en`` or another code of two letters; "" for a text with too few letters to tell."""
    counts = _scripts(document)
    han, kana = counts["han"], counts["kana"]
    alphabets = counts["letters"] - han - kana - counts["hangul"]
    if not counts["letters"]:
        return ""
    if kana > KANA * (han + kana) and han + kana > alphabets / 3:
        return "ja"
    if counts["hangul"] > counts["letters"] / 3:
        return "ko"
    if han / HAN_IN_A_WORD > alphabets / 5:  # letters of an average word
        return "zh"
    return _of_letters(document.text, document.words)


def _of_letters(text: str, words: Sequence[str]) -> str:
    if words and sum(map(ENGLISH.__contains__, words)) >= KNOWN * len(words):
        return "en"
    if len(text) < FEWEST:
        return ""
    middle = max(PART, len(text) // 2)
    found: str = _model().classify(text[:PART] + " " + text[middle : middle + PART])[0]
    return found


def _scripts(document: Document) -> dict[str, int]:
    """Characters of each script, and letters of any."""
    text = document.text
    if text.isascii():
        letters = sum(map(len, document.words))
        return {"han": 0, "kana": 0, "hangul": 0, "latin": letters, "letters": letters}
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    found = {name: int(((codes >= first) & (codes <= last)).sum()) for name, (first, last) in SCRIPTS.items()}
    high = int(((codes > 0x24F) & (codes < 0x2000) | (codes > 0x9FFF) & (codes < 0xFE00)).sum())
    found["letters"] = found["han"] + found["kana"] + found["latin"] + high
    return found


@cache
def _model() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # a third of a second, and most texts need no model

    return LanguageIdentifier.from_model_file(MODEL_FILE)


@cache
def known() -> frozenset[str]:
    """The codes that may be asked for."""
    return frozenset(_model().labels) | {"zh", "en", "ja", "ko"}
