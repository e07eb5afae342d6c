"""Text that was decoded by the wrong table: repaired where that is beyond doubt, else the document goes.

    "cafÃ©", "ä¸­æ–‡"      UTF-8 read as Latin-1, Windows-125x ...   ftfy repairs it
    "涓枃", "鐨勬槸"        UTF-8 read as GBK                         encoded back; right if that is valid UTF-8
    "ÖÐÎÄ"                 GBK read as Latin-1                       encoded back; right if it reads like Chinese
    "锟斤拷", "\\ufffd"     bytes that are lost                       cannot be repaired

Chinese in GBK is hardly ever valid UTF-8 by accident, so the second test cannot hurt a good text. Where some bytes were
lost on the way it fails, and the text is known by the characters that only this mistake makes common.
"""

from __future__ import annotations

import re
from functools import cache

from ftfy import fix_encoding

from rung.pretrain.clean.document import Document, Finding, around

COMMON = (
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学么之都好看起发当没成只如"
    "事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给名法间斯知世什两次使身者被高已亲其进此话常与活"
    "正感，。、；：？！“”"
)
LOST = re.compile("\ufffd|锟斤拷|烫烫烫|屯屯屯")
SUSPECT = re.compile("[\u00c2-\u00f4][^\x00-\x7f]|[\u0420\u0421\u0413\u0412][\u0080-\u00bf\u0400-\u045f\u2010-\u2122]")
WESTERN = re.compile("[\u00a1-\u00ff]{2}")
LOST_SHARE = 0.002  # lost characters in a document beyond which it goes; fewer are taken out
WESTERN_SHARE = 0.02  # of them in pairs that no repair has undone
WRONG_SHARE = 0.1  # of the characters, likewise; verse about immortals has 0.05 of characters that this mistake makes


def mojibake(document: Document) -> Finding | None:
    """Repair the encoding, or say that it cannot be repaired."""
    text = document.text
    if text.isascii():
        return None
    for rule, repair in (("gbk as latin-1", _gbk), ("utf-8 as gbk", _utf8), ("utf-8 as latin-1", _ftfy)):
        repaired = repair(text)
        if repaired != text:
            document.change(repaired, "mojibake", rule, excerpt=around(text, *_first_difference(text, repaired)))
            text = repaired
    return _beyond_repair(document)


def _ftfy(text: str) -> str:
    return fix_encoding(text) if SUSPECT.search(text) else text


def _gbk(text: str) -> str:
    """GBK that was read as Latin-1 or Windows-1252, if that is what it reads like."""
    if len(WESTERN.findall(text)) * 5 < len(text):
        return text
    for table in ("latin-1", "cp1252"):
        try:
            read = text.encode(table).decode("gb18030")
        except UnicodeError:
            continue
        if _share(read, frozenset(COMMON)) > 0.15:
            return read
    return text


def _utf8(text: str) -> str:
    """UTF-8 that was read as GBK; lines stand for themselves, since one lost byte spoils what it touches."""
    if _strange(text) < WRONG_SHARE:
        return text
    lines = text.split("\n")
    for i, line in enumerate(lines):
        try:
            lines[i] = line.encode("gb18030").decode("utf-8")
        except UnicodeError:
            continue
    return "\n".join(lines)


def _beyond_repair(document: Document) -> Finding | None:
    text = document.text
    if lost := LOST.search(text):
        count = len(LOST.findall(text))
        if count > max(1, LOST_SHARE * len(text)):
            return Finding("mojibake", "lost bytes", count, around(text, *lost.span()))
        document.change(LOST.sub("", text), "mojibake", "lost bytes taken out", count, around(text, *lost.span()))
    share = _strange(text)
    if share >= WRONG_SHARE:
        return Finding("mojibake", "utf-8 as gbk", round(share, 3), text[:120])
    if SUSPECT.search(text):
        pairs = sum(len(found) for found in SUSPECT.findall(text))
        if pairs >= WESTERN_SHARE * len(text) and fix_encoding(text) == text and _sure(text):
            return Finding("mojibake", "no table repairs it", pairs, text[:120])
    return None


def _sure(text: str) -> bool:
    """Whether letters stand beside signs that no language puts there: a Vietnamese text has only the letters."""
    return len(re.findall("[\u00c0-\u00ff][\u0080-\u00bf\u2018-\u2122]", text)) >= WESTERN_SHARE / 2 * len(text)


@cache
def strange() -> frozenset[str]:
    """What the commonest Chinese characters become when their UTF-8 is read as GBK, less what is common itself."""
    found: set[str] = set()
    for one in COMMON:
        for other in "的，":
            found.update((one + other).encode().decode("gb18030", errors="ignore"))
    rare = {c for c in found if "\u4e00" <= c <= "\u9fff" and not _everyday(c)}
    return frozenset(rare)


@cache
def _any_strange() -> re.Pattern[str]:
    return re.compile(f"[{''.join(sorted(strange()))}]")


def _strange(text: str) -> float:
    return len(_any_strange().findall(text)) / max(1, len(text))


def _everyday(character: str) -> bool:
    """Whether it is of GB 2312's first level, the 3,755 characters in daily use."""
    try:
        lead = character.encode("gb2312")[0]
    except UnicodeError:
        return False
    return lead < 0xD8


def _share(text: str, characters: frozenset[str]) -> float:
    return sum(map(characters.__contains__, text)) / len(text) if text else 0.0


def _first_difference(one: str, two: str) -> tuple[int, int]:
    at = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    return at, at + 1
