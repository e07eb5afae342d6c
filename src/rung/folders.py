"""Folders that appear whole or not at all: written beside their place, then renamed into it.

A process killed at any moment leaves either the old folder or the new one, never half of one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to write into; it takes the place of ``folder`` when the block ends without an error."""
    fresh, old = _fresh(folder), _old(folder)
    recover(folder)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    if folder.exists():  # a rename cannot replace a folder that is not empty: move it aside, `recover` knows the name
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path) -> None:
    """Puts back what a kill between the two renames of :func:`replacing` left aside; call it before reading."""
    if _old(folder).exists():
        if folder.exists():
            shutil.rmtree(_old(folder))
        else:
            _old(folder).rename(folder)


def _fresh(folder: Path) -> Path:
    return folder.with_name(folder.name + ".new")


def _old(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")
