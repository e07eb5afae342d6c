"""The controls: majority, TF-IDF with a linear model, the nearest neighbour."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union

from rung.engine import Model
from rung.programs import as_examples, opened
from rung.programs.control import featurize, fit_views, save_linear
from rung.types import Adaptation, AdaptationError, Demonstration

TEXTS = ["great soup", "great service", "cold soup", "cold and slow", "it is ok", "it was ok", "汤很好喝", "汤太凉了"]
TARGETS = ["good", "good", "bad", "bad", "so-so", "so-so", "good", "bad"]


@pytest.fixture
def model(orders: SimpleNamespace) -> Model:
    return orders.able()


def answers(adaptation: Adaptation, model: Model, texts: list[str]) -> list[str]:
    with opened(adaptation, model) as answer:
        return [p.output for p in answer(as_examples(texts))]


def test_majority(model: Model) -> None:
    made = Adaptation("m/a", "m", "classify", "en", program="majority", parameters={"answer": "good"})
    assert answers(made, model, ["x", "y"]) == ["good", "good"]


def test_the_linear_model_is_scikit_learns_own(tmp_path: Path, model: Model) -> None:
    views = fit_views(TEXTS)
    reference = LogisticRegression(C=1.0, max_iter=2000).fit(featurize(views, TEXTS), TARGETS)
    save_linear(tmp_path / "w", views, reference.coef_, reference.intercept_)
    made = Adaptation(
        "t/a", "t", "classify", "en", program="tfidf", labels=tuple(reference.classes_), adapter=str(tmp_path / "w")
    )
    asked = ["cold great", "ok?", "汤", "entirely new", *TEXTS]
    union = make_union(*views).transform(asked)
    with opened(made, model) as answer:
        predictions = answer(as_examples(asked))
    logs = np.array([p.scores for p in predictions])
    assert logs == pytest.approx(reference.predict_log_proba(union), abs=1e-9)
    assert [p.output for p in predictions] == list(reference.predict(union))
    assert predictions[0].flops > 0
    assert predictions[0].calls == predictions[0].tokens_in == 0  # no language model was asked


def test_an_answer_does_not_depend_on_its_company(tmp_path: Path, model: Model) -> None:
    views = fit_views(TEXTS)
    reference = LogisticRegression().fit(featurize(views, TEXTS), TARGETS)
    save_linear(tmp_path / "w", views, reference.coef_, reference.intercept_)
    made = Adaptation(
        "t/a", "t", "classify", "en", program="tfidf", labels=tuple(reference.classes_), adapter=str(tmp_path / "w")
    )
    with opened(made, model) as answer:
        together = [p.scores for p in answer(as_examples(TEXTS))]
        assert [answer(as_examples([text]))[0].scores for text in TEXTS] == together


def test_nearest(model: Model) -> None:
    pool = tuple(Demonstration(text, f"answer {i}") for i, text in enumerate(TEXTS))
    made = Adaptation("n/a", "n", "generate", "en", program="nearest", demonstrations=pool)
    assert answers(made, model, TEXTS) == [f"answer {i}" for i in range(len(TEXTS))]
    assert answers(made, model, ["汤太凉，不好", "the service was great"]) == ["answer 7", "answer 1"]
    both = (pool[0], Demonstration(TEXTS[0], "second"))
    twice = Adaptation("n/b", "n", "generate", "en", program="nearest", demonstrations=both)
    assert answers(twice, model, ["great soup"]) == ["answer 0"]  # a tie goes to the earlier one


def test_a_program_that_does_not_exist_is_refused(model: Model) -> None:
    made = Adaptation("x/a", "x", "classify", "en", program="debate")
    message = "'debate'; this version has majority, tfidf, nearest, direct"
    with pytest.raises(AdaptationError, match=message), opened(made, model):
        pass
