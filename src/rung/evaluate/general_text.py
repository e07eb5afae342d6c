"""General text: what a model that is trained on a task should still be able to read as before.

``general/en.jsonl`` and ``general/zh.jsonl`` were written for Rung: news, letters, recipes, dialogue, science, notices and more,
one short passage of each kind. They are held out from everything: no model of this house has been trained on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from rung.pretrain.corpus import read_texts
from rung.task.language import is_chinese
from rung.types import DataError, Language, UserError, digest

LANGUAGES: tuple[Language, ...] = ("en", "zh")
MEASURED = 64  # texts of a language that forgetting is measured on
CHARACTERS = 600  # of each of them: its beginning
MIXED = 1_000_000  # characters that training may draw from: more than a training on the ladder reads


@dataclass(frozen=True)
class General:
    """General text and what a climb does with it: measure forgetting on it, forbid too much, mix it into training."""

    measured: Mapping[str, tuple[str, ...]]  # of each language; one without texts is left out
    mixed: tuple[str, ...] = ()  # other texts than those
    share: float = 0.0  # of a training step's tokens; 0.1 is a good first try, see bench/forgetting.py
    most: float | None = None  # nats per token: what forgets more in its worse language cannot be chosen

    @property
    def fingerprint(self) -> str:
        """Of the texts: other texts give other figures."""
        return digest(self.measured, self.mixed)


def shipped_general() -> General:
    """The texts of this package."""
    with as_file(files("rung.evaluate") / "general") as folder:
        return General({at: tuple(read_texts(folder / f"{at}.jsonl")) for at in LANGUAGES})


def read_general(place: Path | None, *, share: float = 0.0, most: float | None = None) -> General:
    """The text of ``--general-text``: a JSONL file (field ``text``), or a folder with such files; None: the package's.

    Of each language at most half of the texts and at most ``MEASURED`` are held out to be measured on, by content hash;
    the others may be mixed in. The language is told by the script. Raises :class:`DataError` where there is no text,
    :class:`UserError` for a share that is none, or without a text to mix in.
    """
    if not 0 <= share < 1:
        raise UserError(
            f"--mix-general is a share from 0 to below 1, not {share:g}",
            zh=f"--mix-general 应为 0 到 1 之间的比例，而不是 {share:g}",
        )
    if place is None:
        if share:
            raise UserError(
                "--mix-general needs texts to mix in: type --general-text with a JSONL file (field text) or a folder of them",
                zh="--mix-general 需要可混入的文本：请用 --general-text 指定 JSONL 文件（含 text 字段）或其所在文件夹",
            )
        return General(shipped_general().measured, most=most)
    texts = sorted(set(find_texts(place)), key=digest)
    measured: dict[str, tuple[str, ...]] = {}
    rest: list[str] = []
    for at in LANGUAGES:
        own = [text for text in texts if is_chinese(text) == (at == "zh")]
        held_out = min(MEASURED, (len(own) + 1) // 2)
        if held_out:
            measured[at] = tuple(text[:CHARACTERS] for text in own[:held_out])
        rest += own[held_out:]
    mixed = within(sorted(rest, key=digest), MIXED) if share else ()
    if share and not mixed:
        raise DataError(
            f"{place} has too few texts to mix in: give two at least", zh=f"{place} 中的文本太少，无法混入：至少要两条"
        )
    return General(measured, mixed, share, most)


def find_texts(place: Path) -> list[str]:
    """Every text that is not blank of a JSONL file, or of all JSONL files below a folder."""
    paths = sorted(place.rglob("*.jsonl")) if place.is_dir() else [place] if place.is_file() else []
    texts = [text for path in paths for text in read_texts(path) if text.strip()]
    if not texts:
        raise DataError(
            f"no general text in {place}: expected a JSONL file with a field 'text', or a folder with such files",
            zh=f"{place} 中没有通用文本：需要含 text 字段的 JSONL 文件，或放有这类文件的文件夹",
        )
    return texts


def within(texts: Sequence[str], characters: int) -> tuple[str, ...]:
    """The first texts that hold so many characters together, one at least."""
    total = 0
    taken: list[str] = []
    for text in texts:
        total += len(text)
        if taken and total > characters:
            break
        taken.append(text)
    return tuple(taken)
