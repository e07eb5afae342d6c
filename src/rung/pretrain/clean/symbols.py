"""Signs without meaning: invisible characters, lines drawn of signs, long runs of one sign, and texts made of these."""

from __future__ import annotations

import re

from rung.pretrain.clean.document import Document, Finding, around

# Control characters, soft hyphens, zero-width marks, direction marks, private use, tags: nobody reads them.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff\ue000-\uf8ff]"
)
RUN = re.compile(r"([^\w\s.…—\-=])\1{3,}|([.…—\-=_~])\2{5,}")
DRAWN = re.compile(r"^[^\w\n]{4,}$", re.M)
LETTERS = 0.55  # of what is not white space: below it is no text. Verse has 0.64 at least, statutes 0.87
BRIEF = 4  # a run is cut to three signs, as a writer would put them


def symbols(document: Document) -> Finding | None:
    """Take meaningless signs out; the document goes where more than that is hardly there."""
    text = document.text
    seen = len("".join(text.split()))
    share = document.units.letters / max(1, seen)
    if share < LETTERS:
        return Finding("symbols", "letters and digits", round(share, 3), text[:120])
    for rule, pattern, kept in (("invisible", INVISIBLE, ""), ("drawn lines", DRAWN, ""), ("runs", RUN, _shorter)):
        if found := pattern.search(text):
            shown = around(text, *found.span())
            text, count = pattern.subn(kept, text)
            document.change(text, "symbols", rule, count, shown)
    return None


def _shorter(run: re.Match[str]) -> str:
    return run[0][: BRIEF - 1]
