"""Personal data: addresses and numbers that lead to a person are replaced by what they are, ``[EMAIL]``, ``[PHONE]``.

A document stays, because its text is worth reading; where every other line is such a number it is a list of people, and
goes. Numbers with check digits (identity cards, bank cards) are taken only where these are right: a tenth of all
16-digit numbers pass Luhn, so that a card must also begin as cards do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address

from rung.pretrain.clean.document import Document, Finding, around

DENSE = 5  # of them, and one in so many units, make a list of people:
ONE_IN = 20
NUMBER = re.compile(
    r"\d(?:[ .\-()]{0,2}\d){6}|\d\.\d{1,3}\.\d{1,3}\.\d"
)  # a text without this and without these has no such data in it
SIGNS = ("@", "微信", "薇信", "扣扣", "qq", "QQ")
LIKELY_AREA = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-2]")


def identity(number: str) -> bool:
    """Whether it is a Chinese identity number: a province, a date, and the check digit of GB 11643 (mod 11-2)."""
    if not LIKELY_AREA.match(number) or not (1 <= int(number[10:12]) <= 12 and 1 <= int(number[12:14]) <= 31):
        return False
    if not 1900 <= int(number[6:10]) <= 2099:
        return False
    total = sum(int(digit) * pow(2, 17 - i, 11) for i, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


def card(number: str) -> bool:
    """Whether it is a bank card: it begins as one (Visa, Mastercard, Amex, UnionPay, JCB) and passes Luhn."""
    digits = [int(c) for c in number if c.isdigit()]
    plain = "".join(map(str, digits))
    if not re.match(r"4|5[1-5]|2[2-7]|3[47]|62|35", plain) or len(plain) not in (15, 16, 19) or len(set(plain)) < 2:
        return False
    doubled = [d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def address(number: str) -> bool:
    """Whether it is the address of a machine, and not a version, a section or a private network."""
    parts = number.split(".")
    if any(int(p) > 255 or p != str(int(p)) for p in parts) or parts[-1] == "0" or int(parts[0]) < 11:
        return False
    return IPv4Address(number).is_global


def always(number: str) -> bool:
    return True


def international(number: str) -> bool:
    return 8 <= sum(map(str.isdigit, number)) <= 15


EDGE, END = r"(?<![\w.\-])", r"(?![\w\-])"
KINDS: tuple[tuple[str, str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("EMAIL", "@", re.compile(r"[A-Za-z0-9][\w.+\-]{0,63}@(?:[A-Za-z0-9\-]+\.)+[A-Za-z]{2,}", re.A), always),
    ("ID", "", re.compile(r"(?<!\d)\d{17}[\dXx](?![\dA-Za-z])"), identity),
    ("CARD", "", re.compile(r"(?<![\d.\-])(?:\d{4}[ \-]?){3}\d{3,7}(?![\dXx\-])|(?<!\d)3[47]\d{2}[ \-]?\d{6}[ \-]?\d{5}(?!\d)"), card),
    ("PHONE", "", re.compile(r"(?<![\d.\-])(?:(?:\+|00)?86[ \-]?)?1[3-9]\d(?:\d{8}|[ \-]\d{4}[ \-]\d{4})(?![\d\-])"), always),
    ("PHONE", "", re.compile(r"(?<![\d.\-])(?:0\d{2,3}[\-—]\d{7,8}|\(0\d{2,3}\)\s?\d{7,8}|（0\d{2,3}）\s?\d{7,8}|[48]00-\d{3,4}-\d{3,4})(?![\d\-])"), always),
    ("PHONE", "", re.compile(r"(?<![\d.\-(])(?:\+?1[ .\-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[.\-])[2-9]\d{2}[.\-]\d{4}(?![\d.\-]\d)"), always),
    ("PHONE", "+", re.compile(r"\+[1-9]\d{0,2}(?:[ \-]?\(?\d{1,4}\)?){2,5}(?!\d)"), international),
    ("IP", ".", re.compile(r"(?<![\w.\-/])(?:\d{1,3}\.){3}\d{1,3}(?![\w\-]|\.\d)", re.A), address),
    ("ACCOUNT", "", re.compile(r"(?:(?<![A-Za-z])QQ群?|扣扣)\s*(?:号码?)?\s*(?:[:：]|是|为)?\s*[1-9]\d{4,10}(?!\d)", re.I), always),
    ("ACCOUNT", "", re.compile(r"[微薇]信(?:号码?)?\s*(?:[:：]|是)?\s*[a-z][a-z0-9_\-]{5,19}(?![\w\-])", re.I | re.A), always),
)  # fmt: skip


def personal(document: Document) -> Finding | None:
    """Replace what leads to a person; the document goes where it is a list of people."""
    text = document.text
    if not NUMBER.search(text) and not any(sign in text for sign in SIGNS):
        return None
    counts: Counter[str] = Counter()
    for name, sign, pattern, right in KINDS:
        if sign not in text:
            continue
        found = sum(right(m[0]) for m in pattern.finditer(text))
        if found:
            counts[name] += found
            text = pattern.sub(lambda m, r=right, n=name: f"[{n}]" if r(m[0]) else m[0], text)  # type: ignore[misc]
    for name, count in counts.items():  # excerpts of what stands there afterwards: a report must not tell numbers
        at = text.index(f"[{name}]")
        document.change(text, "personal", name.lower(), count, around(text, at, at + len(name) + 2))
    total = counts.total()
    if total >= DENSE and total * ONE_IN >= len(document.units):
        return Finding("personal", "a list of people", total, text[:120])
    return None
