"""Read the model's text as an answer. A text that cannot be read is ``("", False)``: it is counted as wrong, never raised.

Reading is strict, because a lenient reader turns guesses into scores: a label must be the answer, not be mentioned in it
("this is not positive" names a label and is none); JSON is parsed as it stands and never repaired.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from rung.prompts.render import Source, answer_text, part_text
from rung.prompts.schema import conforms
from rung.prompts.words import Words
from rung.types import Kind, Prompt

# What announces an answer. Both languages: a Chinese task may have an English prompt.
MARKERS = ("Answer:", "answer is:", "answer is", "答案是：", "答案为：", "答案：", "答案:", "答案是", "答案为")
_UNREADABLE = ("", False)


def read_answer(prompt: Prompt, kind: Kind, text: str, words: Source) -> tuple[str, bool]:
    """``(output, valid)`` from what the model wrote behind the rendered prompt.

    - ``classify``: the text, or its first line, is a label up to case, width, quotes and punctuation; or the line opens with the
      label, goes on behind a punctuation mark or space, and names no other label.
    - ``extract``: the JSON object at the first ``{``, with the types and keys of the schema and in its order, as canonical JSON:
      written as the answers of the task's examples are.
    - ``generate``, ``prefer``: the text without surrounding white space; nothing left is not an answer.

    A prompt that reasons is read behind the last lead ("Therefore, the answer is", "Answer:", "答案："); where the text holds none it
    is the answer alone, as the second stage writes it.
    """
    words = Words.of(words)
    lead = part_text(prompt, "lead", words).strip()
    if prompt.reasoning is not None:
        text = _without_full_stop(_behind_last(text, (lead, *MARKERS)), kind)
    elif lead and text.lstrip().startswith(lead):  # chat models like to repeat the lead
        text = text.lstrip()[len(lead) :]
    if kind == "classify":
        label = _label(prompt, words, text)
        if label is None:
            label = _label(prompt, words, _behind_last(text, MARKERS))
        return (label, True) if label is not None else _UNREADABLE
    if kind == "extract":
        return _json_object(text, words)
    output = text.strip()
    return (output, True) if output else _UNREADABLE


def _behind_last(text: str, markers: tuple[str, ...]) -> str:
    """The text behind the last of the markers, or the whole text where there is none."""
    longest_first = sorted((re.escape(marker) for marker in markers if marker), key=len, reverse=True)
    matches = list(re.finditer("|".join(longest_first), text, re.IGNORECASE))
    return text[matches[-1].end() :] if matches else text


def _without_full_stop(text: str, kind: Kind) -> str:
    """In "the answer is 18." the full stop ends the sentence and is no part of the answer."""
    line = text.strip()
    if kind in ("generate", "prefer") and "\n" not in line and line.endswith((".", "。")) and not line.endswith(".."):
        return line[:-1]
    return text


def _plain(text: str) -> str:
    """Width and case folded, white space single, quotes and punctuation gone from both ends."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    start, end = 0, len(folded)
    while start < end and _is_edge(folded[start]):
        start += 1
    while end > start and _is_edge(folded[end - 1]):
        end -= 1
    return folded[start:end] or folded  # a label may be a punctuation mark itself


def _is_edge(character: str) -> bool:
    return unicodedata.category(character)[0] in "PZ" or character == "`"


def _label(prompt: Prompt, words: Words, text: str) -> str | None:
    stripped = text.strip()
    line = stripped.split("\n", 1)[0]
    written = {label: answer_text(prompt, words, label).strip() for label in words.labels}
    for candidate in (stripped, line):
        exact = [label for label in words.labels if candidate in (label, written[label])]
        alike = [label for label in words.labels if _plain(candidate) in (_plain(label), _plain(written[label]))]
        for found in (exact, alike):
            if len(found) == 1:
                return found[0]
    return _opening_label(words.labels, _plain(line))


def _opening_label(labels: tuple[str, ...], line: str) -> str | None:
    """The longest label that the line opens with, if a boundary follows and no other label is named behind it."""
    opening = [label for label in labels if line.startswith(_plain(label))]
    if not opening:
        return None
    label = max(opening, key=lambda one: len(_plain(one)))
    rest = line[len(_plain(label)) :]
    if not rest or rest[0].isalnum() or rest[0] in "_-/":
        return None
    return None if any(_names(rest, other) for other in labels if other != label) else label


def _names(text: str, label: str) -> bool:
    """Whether the text names the label; single letters ("a") are too common to count."""
    plain = _plain(label)
    if len(plain) < 2:
        return False
    before = r"(?<![a-z0-9])" if plain[0].isascii() else ""
    after = r"(?![a-z0-9])" if plain[-1].isascii() else ""
    return re.search(before + re.escape(plain) + after, text) is not None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice")
    return result


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)


def _json_object(text: str, words: Words) -> tuple[str, bool]:
    start = text.find("{")
    if start < 0:
        return _UNREADABLE
    try:
        value, _ = _DECODER.raw_decode(text, start)
        if not _has_shape(value, words):
            return _UNREADABLE
        value = _in_order(value, words.schema or {"properties": {key: {} for key in words.fields}})
        # 1e999 parses, as infinity; "\ud800" parses, but cannot be written to a file
        output = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        output.encode()
    except (ValueError, RecursionError):
        return _UNREADABLE
    return output, True


def _in_order(value: Any, schema: Any) -> Any:
    """The value with its keys as the schema has them, unknown ones sorted behind: equal answers are equal texts."""
    known: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
    if isinstance(value, list):
        return [_in_order(item, known.get("items")) for item in value]
    if not isinstance(value, dict):
        return value
    properties = known.get("properties", {})
    keys = [*(key for key in properties if key in value), *sorted(value.keys() - properties.keys())]
    return {key: _in_order(value[key], properties.get(key)) for key in keys}


def _has_shape(value: dict[str, Any], words: Words) -> bool:
    if words.schema is not None:
        return conforms(value, words.schema)
    return not words.fields or set(value) <= set(words.fields)
