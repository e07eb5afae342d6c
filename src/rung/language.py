"""Which of the two languages a person is spoken to in."""

from __future__ import annotations

import locale
import os

from rung.types import Language


def own_language() -> Language:
    """The language of messages and reports where none is asked for: RUNG_LANG, else the locale's."""
    places = (os.environ.get(name) for name in ("RUNG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))
    return language_of(next(filter(None, places), None) or locale.getlocale()[0] or "en")


def language_of(name: str) -> Language:
    """zh for the name of any Chinese locale (zh_CN.UTF-8, Chinese_China), else en."""
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"
