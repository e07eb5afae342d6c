"""How single tokens are shown: as text, and as the bytes that they stand for."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import Any

BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Shown:
    """The tokens of one tokenizer."""

    def __init__(self, tokenizer: Any):
        self.tokenizer = tokenizer
        self.special = frozenset(tokenizer.all_special_ids)
        self._bytewise = "ByteLevel" in repr(getattr(tokenizer.backend_tokenizer, "decoder", ""))

    def bytes(self, token: int) -> bytes:
        name = self.tokenizer.convert_ids_to_tokens(token)
        if name is None or token in self.special:
            return (name or "").encode()
        table = _table()
        if self._bytewise and all(c in table for c in name):
            return bytes(table[c] for c in name)
        found = BYTE.fullmatch(name)
        if found:
            return bytes([int(found[1], 16)])
        text = (
            name.replace("\u2581", " ")
            if "\u2581" in name
            else self.tokenizer.decode([token], clean_up_tokenization_spaces=False)
        )
        return text.encode(errors="replace")

    def text(self, token: int) -> str:
        """Its characters; half a character is told by its bytes, as the API does (``bytes:\\xe4``), so that no two look alike."""
        raw = self.bytes(token)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{b:02x}" for b in raw)


class Offsets:
    """Where tokens begin in the text that they make, one after another; within a character: where that begins."""

    def __init__(self, shown: Shown):
        self.shown, self.at = shown, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def next(self, token: int) -> int:
        """Of this token; special ones are no part of the text."""
        raw = b"" if token in self.shown.special else self.shown.bytes(token)
        begins = self._decoder.decode(raw[:1])  # also what its first byte shows to be broken before it
        whole = raw and not self._decoder.getstate()[0]
        at = self.at + len(begins) - bool(whole)
        self.at += len(begins + self._decoder.decode(raw[1:]))
        return at


@lru_cache(maxsize=1)
def _table() -> dict[str, int]:
    """The characters by which byte-level tokenizers write bytes (GPT-2's)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(rest)}
