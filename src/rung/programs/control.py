"""The controls: answers without a language model, so that every other rung has something to beat.

majority   always the same answer
tfidf      character and word n-grams, weighted by TF-IDF, into a linear model (labels only)
nearest    the answer of the most similar training input (texts and structures)
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from rung.engine import LanguageModel
from rung.types import Adaptation, Example, Prediction

# analyzer, n-gram range: words carry English; characters, across word bounds too, carry Chinese and typos.
VIEWS = {"word": (1, 2), "char": (1, 3)}
WORD = r"(?u)\w+"  # the default pattern drops words of one character


@contextmanager
def majority(adaptation: Adaptation, model: LanguageModel) -> Iterator[Callable[[Sequence[Example]], list[Prediction]]]:
    """``parameters["answer"]`` for every input."""
    answer = str(adaptation.parameters["answer"])
    yield lambda examples: [Prediction(e.id, answer, answer) for e in examples]


@contextmanager
def tfidf(adaptation: Adaptation, model: LanguageModel) -> Iterator[Callable[[Sequence[Example]], list[Prediction]]]:
    """The label with the highest linear score; the weights lie in the adapter folder."""
    assert adaptation.adapter is not None
    folder = Path(adaptation.adapter)
    tensors = load_file(folder / "weights.safetensors")
    vectorizers = _restore(json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")), tensors)

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        started = time.perf_counter()
        features = featurize(vectorizers, [e.input for e in examples])
        scores = features @ tensors["weight"].T + tensors["bias"]
        logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        each = (time.perf_counter() - started) / max(1, len(examples))
        per_row = np.diff(features.indptr)
        return [
            Prediction(
                e.id, label := adaptation.labels[int(row.argmax())], label, True, tuple(map(float, row)),
                flops=2.0 * int(nonzero) * len(row), seconds=each,
            )
            for e, row, nonzero in zip(examples, logs, per_row, strict=True)
        ]  # fmt: skip

    yield answer


@contextmanager
def nearest(adaptation: Adaptation, model: LanguageModel) -> Iterator[Callable[[Sequence[Example]], list[Prediction]]]:
    """The target of the pool's input with the highest TF-IDF cosine; ties go to the earlier one."""
    pool = adaptation.demonstrations
    vectorizers = fit_views([d.input for d in pool])
    known = featurize(vectorizers, [d.input for d in pool])

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        started = time.perf_counter()
        similar = featurize(vectorizers, [e.input for e in examples]) @ known.T
        picked = np.asarray(similar.argmax(axis=1)).ravel()
        each = (time.perf_counter() - started) / max(1, len(examples))
        return [
            Prediction(
                e.id, pool[i].target, pool[i].target, flops=2.0 * known.nnz, seconds=each, shown=(pool[i].input,)
            )
            for e, i in zip(examples, picked, strict=True)
        ]

    yield answer


def fit_views(texts: Sequence[str], limit: int = 60_000) -> list[TfidfVectorizer]:
    """One TF-IDF vectoriser per view, fitted on the training inputs; at most ``limit`` features each.

    Where no input holds a word (emoji, signs) the view of words has one feature, which is always 0.
    """
    made = []
    for analyzer, grams in VIEWS.items():
        wordless = analyzer == "word" and not any(re.search(WORD, text) for text in texts)
        words = [" "] if wordless else None
        made.append(TfidfVectorizer(**_view(analyzer, grams), max_features=limit, vocabulary=words).fit(texts))
    return made


def featurize(vectorizers: Sequence[TfidfVectorizer], texts: Sequence[str]) -> csr_matrix:
    """[n_texts, n_features] in double precision: the same on every machine."""
    return csr_matrix(hstack([v.transform(texts) for v in vectorizers]))


def save_linear(folder: Path, vectorizers: Sequence[TfidfVectorizer], weight: np.ndarray, bias: np.ndarray) -> None:
    """Write a fitted control as JSON + safetensors: no pickle."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [sorted(v.vocabulary_, key=v.vocabulary_.__getitem__) for v in vectorizers]
    (folder / "vocabulary.json").write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")
    idf = {f"idf.{i}": np.asarray(v.idf_) for i, v in enumerate(vectorizers)}
    save_file({"weight": np.ascontiguousarray(weight), "bias": bias, **idf}, folder / "weights.safetensors")


def _restore(words: list[list[str]], tensors: dict[str, np.ndarray]) -> list[TfidfVectorizer]:
    made = []
    for i, (analyzer, grams) in enumerate(VIEWS.items()):
        vectorizer = TfidfVectorizer(**_view(analyzer, grams), vocabulary=words[i])
        vectorizer.idf_ = tensors[f"idf.{i}"]
        made.append(vectorizer)
    return made


def _view(analyzer: str, grams: tuple[int, int]) -> dict[str, Any]:
    pattern = WORD if analyzer == "word" else None
    return {"analyzer": analyzer, "ngram_range": grams, "sublinear_tf": True, "token_pattern": pattern}
