"""A family of exercises: a name, and a function that draws one."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from rung.instruct.item import Item
from rung.instruct.sources import Sources

Make = Callable[[random.Random, Sources], Item]


@dataclass(frozen=True)
class Family:
    """``make`` is a pure function of the random generator's state and the sources."""

    name: str  # kebab case
    make: Make
    needs: tuple[str, ...] = ()  # what it reads: "text:en_wiki", or a labelled set such as "tatoeba"
