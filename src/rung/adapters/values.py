"""What a configuration may hold: a value that cannot be is refused by its name, before anything is attached or trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rung.types import AdaptationError, UserError

Wanted = Mapping[str, tuple[bool, str]]  # name of a field -> whether its value fits, and what would


def check_values(
    config: Any, what: str, what_zh: str, wanted: Wanted, error: type[UserError] = AdaptationError
) -> None:
    """Raises ``error`` for the first field of ``config`` that does not fit; ``what``: of what it is a field."""
    for name, (fits, told) in wanted.items():
        if not fits:
            found = getattr(config, name)
            raise error(
                f"{name} of {what} cannot be {found!r}; what fits is {told}",
                zh=f"{what_zh}的 {name} 不能为 {found!r}；应为 {told}",
            )


def is_count(value: object) -> bool:
    return type(value) is int and value > 0


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_share(value: object) -> bool:
    """From 0 up to 1, without 1."""
    return is_number(value) and 0 <= value < 1  # type: ignore[operator]


def are_tokens(value: object) -> bool:
    return isinstance(value, tuple | list) and all(type(token) is int and token >= 0 for token in value)


COUNTS, SHARE, TOKENS, FLAG = "1, 2, 3 ...", "0 <= x < 1", "(12, 7, ...)", "True / False"
