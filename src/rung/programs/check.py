"""What a program needs of its adaptation, so that a folder edited by hand is refused before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rung.types import Adaptation, AdaptationError

NEEDS: Mapping[str, Sequence[str]] = {
    "majority": ("parameters.answer",),
    "tfidf": ("adapter", "labels"),
    "nearest": ("demonstrations",),
    "direct": ("prompt",),
    "probe": ("prompt", "adapter", "labels"),
}


def check_adaptation(adaptation: Adaptation) -> None:
    """Raises AdaptationError for a program that this version does not have, a part that it needs and a value that cannot be."""
    name, program = adaptation.name, adaptation.program
    if program not in NEEDS:
        known = ", ".join(NEEDS)
        raise AdaptationError(
            f"the adaptation asks for the program {program!r}; this version has {known}",
            zh=f"该适配需要程序 {program!r}；这个版本只有 {known}",
        )
    parts = {
        "prompt": adaptation.prompt, "adapter": adaptation.adapter, "labels": adaptation.labels,
        "demonstrations": adaptation.demonstrations, "parameters.answer": adaptation.parameters.get("answer"),
    }  # fmt: skip
    absent = [part for part in needed(adaptation) if parts[part] is None or parts[part] == ()]
    if absent:
        raise AdaptationError(
            f"the adaptation {name!r} has no {', '.join(absent)}, so that nothing can be asked by it; copy its folder again",
            zh=f"适配 {name!r} 缺少 {'、'.join(absent)}，无法提问；请重新复制它的文件夹",
        )
    for field, fine, wanted in values(adaptation):
        if not fine:
            raise AdaptationError(
                f"the adaptation {name!r}: {field} cannot be so (expected {wanted}); copy its folder again",
                zh=f"适配 {name!r}：{field} 的值不合法（应为 {wanted}）；请重新复制它的文件夹",
            )


def needed(adaptation: Adaptation) -> list[str]:
    """The parts without which it cannot answer."""
    parts = list(NEEDS[adaptation.program])
    if adaptation.program == "direct" and adaptation.kind == "classify":
        parts.append("labels")
    return parts if adaptation.selector is None else [*parts, "demonstrations"]


def values(adaptation: Adaptation) -> list[tuple[str, bool, str]]:
    """(field, whether it can be, what is expected) of the numbers that an answer hangs on."""
    decoding, offsets, selector = adaptation.decoding, adaptation.calibration, adaptation.selector
    count = len(adaptation.labels)
    return [
        ("decoding.max_tokens", decoding.max_tokens > 0, "1, 2, 3 ..."),
        ("decoding.temperature", math.isfinite(decoding.temperature) and decoding.temperature >= 0, "x >= 0"),
        ("decoding.top_p", 0 < decoding.top_p <= 1, "0 < x <= 1"),
        ("selector.n", selector is None or selector.n > 0, "1, 2, 3 ..."),
        (
            "calibration",
            offsets is None or (len(offsets) == count and all(map(math.isfinite, offsets))),
            f"{count} numbers, one a label",
        ),
    ]
