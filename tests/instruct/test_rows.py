"""Documents in rows: none is cut, none sees another, and what is learned is what they say."""

import numpy as np
import pytest
import torch

from rung.documents import Document
from rung.engine import Model, load_model
from rung.engine.flat import forward_flat
from rung.instruct.lesson import Lesson
from rung.instruct.rows import MISSES, fill
from rung.pretrain.loss import TokenLosses


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("sprout")


def documents(model: Model) -> list[Document]:
    texts = ["The cat sat on the mat.", "春眠不觉晓，处处闻啼鸟。", "Question: 2 + 3 = ?\nAnswer: 5"]
    ids = [tuple(model.encode(t)) for t in texts]
    return [Document(ids[0], 1, "text"), Lesson(ids[1], 0, "lesson", (3, 5), True), Document(ids[2], 4, "text")]


def test_each_document_is_scored_as_if_it_were_alone(model):
    """Row losses at the learned places against the engine's own forward of each document."""
    given = documents(model)
    rows = fill(iter(given), 2, 40, lambda d: 1.0)
    module = TokenLosses(model.hf, mark=None, precision="float32")
    with torch.no_grad():
        losses = module(torch.from_numpy(rows.tokens), torch.from_numpy(rows.starts))
    found = {d.source: [] for d in given}
    for placed in rows.documents:
        found[placed.source] += losses[placed.row, list(placed.places)].tolist()
    wanted = {d.source: [] for d in given}
    for d in given:
        with torch.no_grad():
            logs = forward_flat(model.hf, [d.tokens]).log_softmax(-1)
        wanted[d.source] += [-float(logs[p - 1, d.tokens[p]]) for p in d.learned]
    for source, numbers in wanted.items():
        assert np.allclose(found[source], numbers, atol=1e-4), source
    assert rows.targets == sum(d.targets for d in given)


def test_a_document_is_whole_or_left_out():
    made = [Document(tuple(range(1, 8)), 1, str(n)) for n in range(100)]
    taken = []

    def endless():
        for d in made:
            taken.append(d)
            yield d

    rows = fill(endless(), 2, 16, lambda d: 2.0)  # 17 tokens a row hold two documents of 7, and no third
    assert len(rows.documents) == 4 and len(taken) == 4 + MISSES
    assert (rows.tokens[:, :14] == np.tile(np.arange(1, 8), (2, 2))).all() and (rows.tokens[:, 14:] == 0).all()
    assert rows.starts.sum() == 4 and rows.starts[:, [0, 7]].all()
    assert rows.weights.sum() == 2.0 * rows.targets == 2.0 * 4 * 6
    assert (rows.weights[:, 6] == 0).all()  # the first token of the second document is not learned
