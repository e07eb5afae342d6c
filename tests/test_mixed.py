"""Plain texts to train on, alone and mixed into other documents."""

import pytest
import torch

from rung.adapters import LoraConfig
from rung.documents import Batches, Document, Mixed, text_documents
from rung.engine import fake_model
from rung.finetune import Hyperparameters, document_loss, finetune
from rung.pretrain.evaluate import held_out
from rung.types import DataError

OWN = [Document((256, *range(10 + n, 10 + 2 * n)), n, "own") for n in range(2, 12)]  # few learned tokens at the end
TEXTS = ["The ferry was late, and nobody was surprised.", "渡船晚点了。", "", "Bread needs salt."]


@pytest.fixture(scope="module")
def model():
    return fake_model()


def test_rows_hold_every_token_of_a_text_once_and_its_end(model):
    rows = text_documents(model, TEXTS, 12)
    mark, end = model.text.start(), model.tokenizer.eos_token_id
    for number, text in enumerate(TEXTS, 1):
        own = [row for row in rows if row.source == f"text {number}"]
        learned = [token for row in own for token in row.tokens[row.start :]]
        ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
        assert learned == ([*ids, end] if text else [])
    assert all(row.tokens[: len(mark)] == tuple(mark) and row.start == len(mark) for row in rows)
    assert max(len(row.tokens) for row in rows) == 12
    assert min(row.targets for row in rows) >= 1


def test_their_loss_is_what_held_out_measures(model):
    rows = text_documents(model, TEXTS[:1], 12)
    with torch.no_grad():
        loss = sum(float(document_loss(model, micro)[0]) for micro in Batches(
            rows, batch=99, seed=0, token_budget=999, vocabulary=model.shape.vocabulary)(0))  # fmt: skip
    last = rows[-1]
    end = -model.score_tokens([last.tokens[:-1]], [[last.tokens[-1:]]])[0].logprobs[0]
    assert loss - end == pytest.approx(float(held_out(model, TEXTS[:1], context=12).nats.sum()), abs=1e-3)


def test_a_row_that_holds_nothing_is_refused(model):
    for row in (1, model.context + 1):
        with pytest.raises(ValueError, match="a row of"):
            text_documents(model, TEXTS, row)


def mixed(model, share, seed=3):
    own = Batches(OWN, batch=4, seed=seed, token_budget=64, vocabulary=300)
    return own, Mixed(own, text_documents(model, TEXTS, 12), share)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.8])
def test_the_share_is_of_tokens_and_exact_over_epochs(model, share):
    own, both = mixed(model, share)
    steps = 5 * 400  # whole epochs of the ten documents
    tokens = {"own": 0, "general": 0}
    for step in range(steps):
        for d in both.picked(step):
            tokens["own" if d.source == "own" else "general"] += len(d.tokens) - 1
    assert tokens["general"] / sum(tokens.values()) == pytest.approx(share, abs=0.003)
    assert all(both.picked(s)[: own.batch] == own.picked(s) for s in range(20))  # the task's own order is not touched


def test_a_mixed_batch_is_a_pure_function_of_the_step(model):
    one, other = mixed(model, 0.3)[1], mixed(model, 0.3)[1]
    backwards = [other(step) for step in reversed(range(40))]
    assert [one(step) for step in range(40)] == backwards[::-1]
    assert [one.picked(s) for s in range(40)] != [mixed(model, 0.3, seed=4)[1].picked(s) for s in range(40)]
    assert sorted(d.tokens for m in one(7) for d in m.documents) == sorted(d.tokens for d in one.picked(7))


def test_every_general_row_has_its_turn(model):
    _, both = mixed(model, 0.5)
    rows = text_documents(model, TEXTS, 12)
    seen = [d for step in range(60) for d in both.picked(step) if d.source != "own"]
    assert set(seen[: len(rows)]) == set(rows)  # one pass before any comes again


def test_general_text_is_learned_beside_the_task(model):
    texts = ["a rose is a rose is a rose"] * 4
    general = text_documents(model, texts, 40)
    settings = Hyperparameters(learning_rate=1e-2, steps=30, batch=4, precision="float32")
    before = held_out(model, texts).nats.sum()
    left = {}
    for share in (0.0, 0.3):
        trained = finetune(
            model, OWN, LoraConfig(), Hyperparameters(**{**vars(settings), "general": share}), general=general
        )
        left[share] = held_out(model, texts).nats.sum()
        trained.handle.detach()
    assert left[0.3] < 0.5 * before
    assert left[0.3] < 0.5 * left[0.0]
    assert held_out(model, texts).nats.sum() == before


def test_without_a_share_general_text_changes_nothing(model):
    settings = Hyperparameters(steps=3, batch=4, precision="float32")
    reports = []
    for general in ((), text_documents(model, TEXTS, 12)):
        trained = finetune(model, OWN, LoraConfig(), settings, general=general)
        trained.handle.detach()
        reports.append(trained.report.losses)
    assert reports[0] == reports[1]


def test_killed_and_resumed_with_general_text(model, tmp_path):
    general = text_documents(model, TEXTS, 12)
    settings = Hyperparameters(steps=8, batch=4, general=0.4, checkpoint_every=1, precision="float32")
    whole = finetune(model, OWN, LoraConfig(), settings, general=general)
    expected = {n: p.detach().clone() for n, p in whole.handle.parameters.items()}
    whole.handle.detach()
    finetune(model, OWN, LoraConfig(), settings, general=general, folder=tmp_path, until=3).handle.detach()
    again = finetune(model, OWN, LoraConfig(), settings, general=general, folder=tmp_path)
    assert all(torch.equal(p, expected[n]) for n, p in again.handle.parameters.items())
    again.handle.detach()


def test_a_share_needs_texts(model):
    with pytest.raises(DataError, match="general is 0.1 and there is no general text"):
        finetune(model, OWN, LoraConfig(), Hyperparameters(general=0.1))
