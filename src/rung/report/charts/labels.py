"""Names beside points that cover neither each other nor the points: greedy, in the order of importance."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]  # left, top, right, bottom in px
SIZE = 12  # px of the letters


@dataclass(frozen=True)
class Label:
    """Where a name stands: px from its point, and which side of the text is there."""

    dx: float
    dy: float
    align: str


def text_width(text: str, size: float = SIZE) -> float:
    """A generous estimate in px: a CJK letter is as wide as it is high, a Latin one about 0.56 of that."""
    wide = sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.56 for letter in text)
    return wide * size


def place(
    names: Sequence[str],
    points: Sequence[tuple[float, float]],
    width: float,
    height: float,
    lines: Sequence[Box] = (),
) -> list[Label | None]:
    """A place for each name near its point (px, y down) within the plot; None where there is no free one.

    Earlier names choose first. A name stands nearer to its own point than to another, or it would be read as that one's; ``lines``
    (error bars, a target) are crossed where nothing else is free.
    """
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    labels: list[Label | None] = []
    for name, (x, y) in zip(names, points, strict=True):
        free = [(label, box) for label in _places() if _inside(box := _box(name, x, y, label), width, height)]
        free = [(label, box) for label, box in free if not any(_overlap(box, other) for other in taken)]
        own = [(label, box) for label, box in free if _nearest(box, points) >= _nearest(box, [(x, y)])]
        clear = [
            [(label, box) for label, box in some if not any(_overlap(box, line) for line in lines)]
            for some in (own, free)
        ]
        found = next(iter(clear[0] or own or clear[1] or free), None)
        if found:
            taken.append(found[1])
        labels.append(found[0] if found else None)
    return labels


def _places() -> list[Label]:
    near = [Label(10, 0, "left"), Label(-10, 0, "right")]
    corners = [Label(dx, dy, align) for dy in (-12, 12, -22, 22) for dx, align in ((8, "left"), (-8, "right"))]
    return near + corners + [Label(0, dy, "center") for dy in (-16, 16, -30, 30)]


def _box(name: str, x: float, y: float, label: Label) -> Box:
    width = text_width(name)
    left = x + label.dx - {"left": 0.0, "center": width / 2, "right": width}[label.align]
    return left, y + label.dy - SIZE / 2 - 1, left + width, y + label.dy + SIZE / 2 + 1


def _inside(box: Box, width: float, height: float) -> bool:
    return box[0] >= 0 and box[2] <= width and box[1] >= -8 and box[3] <= height + 8


def _nearest(box: Box, points: Sequence[tuple[float, float]]) -> float:
    """The distance from a box to the nearest of the points."""
    return min(math.hypot(max(box[0] - x, 0, x - box[2]), max(box[1] - y, 0, y - box[3])) for x, y in points)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
