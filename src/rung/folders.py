"""Folders that appear whole or not at all: written beside their place, then renamed into it.

A process killed at any moment leaves either the old folder or the new one, never half of one; so does a full disk.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from rung.types import DiskFull, UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
LOCKED = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to write into; it takes the place of ``folder`` when the block ends without an error.

    Of a link it is what the link points to that is replaced, on its own disk. Raises :class:`DiskFull` where there is no room for
    it, UserError for the folder that the process stands in and for one where a file stands.
    """
    place = folder.resolve()
    if place == Path.cwd():
        raise UserError(
            f"{folder} is the folder that you are in, and would be replaced; type another one",
            zh=f"{folder} 就是当前文件夹，写入会将其替换；请换一个",
        )
    if place.is_file():
        raise in_the_way(folder)
    fresh, old = _fresh(place), _old(place)
    recover(place)
    shutil.rmtree(fresh, ignore_errors=True)
    with room_for(folder):
        try:
            fresh.mkdir(parents=True)
            yield fresh
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    if place.exists():  # a rename cannot replace a folder that is not empty: move it aside, `recover` knows the name
        place.rename(old)
    fresh.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def writable(folder: Path) -> Path:
    """``folder``, made where it is not there; UserError where a file stands in its way or nothing may be written there."""
    try:
        with room_for(folder):
            folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise in_the_way(folder) from None
    except OSError as error:
        if error.errno not in LOCKED:
            raise
        raise locked(folder) from None
    if not os.access(folder, os.W_OK):
        raise locked(folder)
    return folder


def in_the_way(folder: Path) -> UserError:
    return UserError(
        f"{folder} cannot be a folder: a file stands there; type another one",
        zh=f"{folder} 处已有同名文件，无法建立文件夹：请换一个",
    )


def locked(folder: Path) -> UserError:
    return UserError(
        f"nothing may be written to {folder}: the disk or the folder is read-only for you; type another one",
        zh=f"无法写入 {folder}：磁盘或文件夹对你是只读的；请换一个",
    )


def write_whole(path: Path, text: str) -> None:
    """``path`` holds ``text`` in UTF-8, or what stood there before: a kill or a full disk (DiskFull) leaves no half of it."""
    fresh = _fresh(path)
    with room_for(path):
        try:
            fresh.write_text(text, encoding="utf-8")
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        fresh.replace(path)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """The error of a full disk, whoever raises it while ``path`` is written, becomes a :class:`DiskFull` that says what to do."""
    try:
        yield
    except (OSError, SafetensorError, sqlite3.OperationalError) as error:
        if not is_full(error):
            raise
        raise DiskFull(
            f"the disk is full: {path} could not be written; what stood there before is whole. Free some space (the largest "
            "things that Rung writes are old runs, and candidates/ in those that have ended), then type the same command "
            "again: it goes on where it stopped",
            zh=f"磁盘已满：无法写入 {path}；原有内容完好。请先腾出空间（Rung 写下的文件中，最大的是旧的运行文件夹，"
            "以及已结束的运行中的 candidates/），再输入同一条命令：它会从停下的地方继续",
        ) from error


def is_full(error: Exception) -> bool:
    """Whether ``error`` says that there is no room left: safetensors, SQLite and ``copytree`` wrap what the system said."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    return any(f"(os error {number})" in str(error) or f"[Errno {number}]" in str(error) for number in FULL)


def recover(folder: Path) -> None:
    """Puts back what a kill between the two renames of :func:`replacing` left aside; call it before reading."""
    place = folder.resolve()
    if _old(place).exists():
        if place.exists():
            shutil.rmtree(_old(place))
        else:
            _old(place).rename(place)


def hash_folder(folder: Path) -> str:
    """SHA-256 over names and bytes of the files of a folder."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def _fresh(path: Path) -> Path:
    return path.parent / f"{path.name}.new"


def _old(folder: Path) -> Path:
    return folder.parent / f"{folder.name}.old"
