"""How an adaptation answers: one program per file, and the visible list of them.

A program is opened with an adaptation and a model, gives a function from examples to predictions, and is closed. It
never sees a target, a metric or a rung.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from rung.engine import LanguageModel
from rung.programs.check import check_adaptation
from rung.programs.control import majority, nearest, tfidf
from rung.programs.direct import direct
from rung.programs.probe import probe
from rung.types import Adaptation, DataError, Example, Prediction, TooLong, digest

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

    Raises AdaptationError where it cannot answer, see :func:`rung.programs.check.check_adaptation`.
    """
    check_adaptation(adaptation)
    with PROGRAMS[adaptation.program](adaptation, model) as answer:
        yield answer


def fitting(program: Answer, example: Example) -> Prediction | None:
    """The answer to one example alone; None where it does not fit into the context."""
    try:
        return program([example])[0]
    except TooLong:
        return None


def as_examples(texts: Sequence[str]) -> list[Example]:
    """Bare inputs as examples without a target, for programs. DataError where one is no text: it holds half of a surrogate pair."""
    for number, text in enumerate(texts, 1):
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise DataError(
                f"input {number} holds half of a surrogate pair, which is no character: read it anew with its own encoding",
                zh=f"第 {number} 条输入含半个代理对，不是字符：请用正确的编码重新读取",
            )
    return [Example(digest(text), text, "") for text in texts]
