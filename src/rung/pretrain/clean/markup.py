"""Markup that a page was written in: tags, scripts, entities, wiki and forum marks are taken out, the text stays.

Only names that HTML has are tags: ``a < b`` and ``List<String>`` are text.
"""

from __future__ import annotations

import html
import re

from rung.pretrain.clean.document import Document, Finding, around

NAMES = (
    "a|abbr|address|article|aside|audio|b|blockquote|body|br|button|canvas|caption|center|cite|code|col|colgroup|dd|del|"
    "details|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|"
    "ins|label|legend|li|link|main|mark|meta|nav|noscript|object|ol|option|p|param|pre|q|ref|s|samp|script|section|select|"
    "small|source|span|strike|strong|style|sub|sup|svg|table|tbody|td|textarea|tfoot|th|thead|time|title|tr|u|ul|var|video"
)
HIDDEN = re.compile(r"<(script|style|noscript|head)\b[^<>]*>.*?</\1\s*>|<!--.*?-->|<!DOCTYPE[^<>]*>", re.S | re.I)
BREAK = re.compile(r"</?(?:br|p|div|li|tr|h[1-6]|ul|ol|table|section|article|blockquote|title)\b[^<>]*>", re.I)
TAG = re.compile(rf"</?(?:{NAMES})(?:\s[^<>]*)?/?>", re.I)
ENTITY = re.compile(r"&(?:#\d{2,6}|#x[0-9a-f]{2,5}|[a-z]{2,8}\d?);", re.I)
WIKI = (
    (re.compile(r"\{\{[^{}]*\}\}|\{\|.*?\|\}", re.S), ""),
    (re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]"), r"\1"),
    (re.compile(r"'{2,5}([^'\n]+)'{2,5}"), r"\1"),
    (re.compile(r"^(={2,5}) *([^=\n]+?) *\1 *$", re.M), r"\2"),
)
FORUM = re.compile(r"\[/?(?:b|i|u|url|img|quote|color|size|font|align|list|email)(?:=[^\]\n]*)?\]", re.I)
BLANK = re.compile(r"[ \t\u3000]*\n(?:[ \t\u3000]*\n)+")
LEFT = 0.1  # of a document with markup; with less text than this it was a page of code
TOO_FEW = 200  # characters, below which the same is true


def markup(document: Document) -> Finding | None:
    """Take the markup out; the document goes where next to nothing but markup was in it."""
    before = document.text
    text, rules = before, []
    if "<" in text:
        text = TAG.sub("", BREAK.sub("\n", HIDDEN.sub("\n", text)))
        rules += ["html"] * (text != before)
    if "&" in text and ENTITY.search(text):
        text = html.unescape(text)
        rules.append("entities")
    if "[[" in text or "{{" in text or "{|" in text:
        text = _wiki(text, rules)
    if "[/" in text and FORUM.search(text):
        text = FORUM.sub("", text)
        rules.append("forum")
    if not rules:
        return None
    text = BLANK.sub("\n", text).strip()
    if len(text) < LEFT * len(before) and len(text) < TOO_FEW:
        return Finding("markup", "nothing but markup", round(len(text) / len(before), 3), before[:120])
    place = TAG.search(before) or ENTITY.search(before) or FORUM.search(before)
    excerpt = around(before, *place.span()) if place else before[:120]
    document.change(text, "markup", ", ".join(rules), len(before) - len(text), excerpt)
    return None


def _wiki(text: str, rules: list[str]) -> str:
    before = text
    for _ in range(3):  # what stands inside what
        for pattern, kept in WIKI:
            text = pattern.sub(kept, text)
    rules += ["wiki"] * (text != before)
    return text
