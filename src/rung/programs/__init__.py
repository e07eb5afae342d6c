"""How an adaptation answers: one program per file, and the visible list of them.

A program is opened with an adaptation and a model, gives a function from examples to predictions, and is closed. It
never sees a target, a metric or a rung.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from rung.engine import LanguageModel
from rung.programs.control import majority, nearest, tfidf
from rung.programs.direct import direct
from rung.programs.probe import probe
from rung.types import Adaptation, AdaptationError, Example, Prediction, digest

Answer = Callable[[Sequence[Example]], list[Prediction]]
Program = Callable[[Adaptation, LanguageModel], AbstractContextManager[Answer]]

PROGRAMS: dict[str, Program] = {
    "majority": majority,
    "tfidf": tfidf,
    "nearest": nearest,
    "direct": direct,
    "probe": probe,
}


@contextmanager
def opened(adaptation: Adaptation, model: LanguageModel) -> Iterator[Answer]:
    """The adaptation's own answering function, its adapter attached while the context lasts.

    Raises AdaptationError for a program that this version does not have.
    """
    check_program(adaptation)
    with PROGRAMS[adaptation.program](adaptation, model) as answer:
        yield answer


def check_program(adaptation: Adaptation) -> None:
    """Raises AdaptationError for a program that this version does not have, or a call without a prompt."""
    if adaptation.program == "direct" and adaptation.prompt is None:
        raise AdaptationError(
            f"the adaptation {adaptation.name!r} has no prompt, so that nothing can be asked by it",
            zh=f"适配 {adaptation.name!r} 没有提示，无法提问",
        )
    if adaptation.program not in PROGRAMS:
        known = ", ".join(PROGRAMS)
        raise AdaptationError(
            f"the adaptation asks for the program {adaptation.program!r}; this version has {known}",
            zh=f"该适配需要程序 {adaptation.program!r}；这个版本只有 {known}",
        )


def as_examples(texts: Sequence[str]) -> list[Example]:
    """Bare inputs as examples without a target, for programs."""
    return [Example(digest(text), text, "") for text in texts]
