"""The training forward: packed documents must equal documents on their own, in logits and in gradients."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from rung.engine import Past, forward_flat, install
from rung.engine.trunk import Trunk

DOCUMENTS = [[5, 9, 11, 4, 3], [7], [8, 3] * 9, [20, 21, 22, 23, 24], [30, 31]]
FLAT = [token for document in DOCUMENTS for token in document]


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2", "gpt_neox"])
def test_packed_logits_equal_lone_ones(build, kind: str) -> None:
    hf = build(kind)
    with torch.no_grad():
        alone = torch.cat([hf(input_ids=torch.tensor([d])).logits[0] for d in DOCUMENTS])
    install(hf)
    assert torch.allclose(forward_flat(hf, DOCUMENTS), alone, atol=1e-5)
    read = [0, 5, 23, 30]
    assert torch.allclose(forward_flat(hf, DOCUMENTS, read=read), alone[read], atol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_packed_gradients_equal_lone_ones(build, kind: str) -> None:
    """Mean next-token loss over all documents: its gradient by packing, and summed from one document at a time."""
    hf = build(kind)
    targets = [i + 1 for i in range(len(FLAT) - 1) if i + 1 not in {5, 6, 24, 29}]  # no document's first token
    loss = 0.0
    for document in DOCUMENTS:
        row = torch.tensor([document])
        logits = hf(input_ids=row).logits[0, :-1]
        loss = loss + F.cross_entropy(logits, row[0, 1:], reduction="sum") if len(document) > 1 else loss
    (loss / len(targets)).backward()
    expected = [p.grad.clone() for p in hf.parameters()]
    hf.zero_grad()
    install(hf)
    logits = forward_flat(hf, DOCUMENTS, read=[t - 1 for t in targets])
    F.cross_entropy(logits, torch.tensor([FLAT[t] for t in targets])).backward()
    for parameter, gradient in zip(hf.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-5)


def test_a_document_does_not_see_its_neighbour(build) -> None:
    hf = build("llama")
    install(hf)
    changed = [DOCUMENTS[0], [50], *DOCUMENTS[2:]]
    one, two = forward_flat(hf, DOCUMENTS), forward_flat(hf, changed)
    assert torch.equal(one[:5], two[:5])
    assert torch.allclose(one[6:], two[6:], atol=1e-6)
    assert not torch.allclose(one[5], two[5], atol=1e-2)


def test_soft_prompt_embeddings(build) -> None:
    """Embeddings in place of tokens give the tokens' logits, and take gradients."""
    hf = build("llama")
    install(hf)
    embeddings = hf.get_input_embeddings()(torch.tensor(FLAT)).detach().requires_grad_()
    logits = forward_flat(hf, [len(d) for d in DOCUMENTS], embeddings=embeddings)
    assert torch.allclose(logits, forward_flat(hf, DOCUMENTS), atol=1e-6)
    logits[5].sum().backward()  # the second document has one token: only its own embedding has a gradient
    touched = embeddings.grad.abs().sum(-1) > 0
    assert touched.nonzero().flatten().tolist() == [5]


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_past_equals_a_prefix_of_tokens(build, kind: str) -> None:
    """Keys and values of a real prefix before each document: with gradients (training) and without (merged sums)."""
    hf = build(kind)
    prefix = [40, 41, 42, 43, 44, 45]
    with torch.no_grad():
        whole = [hf(input_ids=torch.tensor([prefix + d])).logits[0, len(prefix) :] for d in DOCUMENTS]
    expected = torch.cat(whole)
    install(hf)
    with torch.no_grad():
        past = Trunk(hf).extend(None, prefix)
        assert torch.allclose(forward_flat(hf, DOCUMENTS, past=past), expected, atol=1e-5)
    past.keys = [k.clone().requires_grad_() for k in past.keys]
    logits = forward_flat(hf, DOCUMENTS, past=past)
    assert torch.allclose(logits, expected, atol=1e-5)
    logits.sum().backward()
    assert all(float(k.grad.abs().sum()) > 0 for k in past.keys)


def test_gradients_behind_a_past_when_only_keys_train(build) -> None:
    """As with LoRA on one projection: no query carries a gradient, the keys do. Against a finite difference."""
    hf = build("llama").double().requires_grad_(False)
    install(hf)
    past = Trunk(hf).extend(None, [40, 41, 42, 43])
    weight = hf.model.layers[2].self_attn.k_proj.weight.requires_grad_()
    forward_flat(hf, DOCUMENTS, past=past).square().mean().backward()
    direction, step = weight.grad.sign(), 1e-4
    values = []
    with torch.no_grad():
        for sign in (1, -2):  # one step ahead, then one behind where it began
            weight += sign * step * direction
            values.append(float(forward_flat(hf, DOCUMENTS, past=past).square().mean()))
    expected = (values[0] - values[1]) / (2 * step)
    assert float((weight.grad * direction).sum()) == pytest.approx(expected, rel=2e-3)  # norms work in float32


def test_a_prefix_may_leave_positions_alone(build) -> None:
    """A past of zero values that counts no positions only dilutes: the order of positions stays 0, 1, 2 ..."""
    hf = build("llama")
    install(hf)
    with torch.no_grad():
        past = Trunk(hf).extend(None, [40, 41, 42])
        shifted = forward_flat(hf, DOCUMENTS, past=past)
        unshifted = forward_flat(hf, DOCUMENTS, past=Past(past.keys, past.values, position=0))
    assert not torch.allclose(shifted, unshifted, atol=1e-3)


def test_gradient_checkpointing_changes_nothing(build) -> None:
    hf = build("llama").train()
    install(hf)
    forward_flat(hf, DOCUMENTS).square().mean().backward()
    expected = [p.grad.clone() for p in hf.parameters()]
    hf.zero_grad()
    hf.activation_checkpointing_enable()
    forward_flat(hf, DOCUMENTS).square().mean().backward()
    for parameter, gradient in zip(hf.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-6)


def test_plain_use_stays_what_it_was(build) -> None:
    """After ``install`` the object still serves transformers: padded batches and generate included."""
    hf = build("llama")
    row, mask = torch.tensor([[0, 0, 5, 9, 11], [3, 4, 5, 6, 7]]), torch.tensor([[0, 0, 1, 1, 1], [1] * 5])
    options = {"attention_mask": mask, "max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}
    with torch.no_grad():
        logits, text = hf(input_ids=row, attention_mask=mask).logits, hf.generate(row, **options)
        install(hf)
        assert torch.equal(hf(input_ids=row, attention_mask=mask).logits, logits)
        assert torch.equal(hf.generate(row, **options), text)


def test_what_cannot_be_packed(build) -> None:
    hf = build("llama")
    install(hf)
    for documents in ([], [[1], []]):
        with pytest.raises(ValueError, match="at least one document"):
            forward_flat(hf, documents)
    with pytest.raises(ValueError, match="sum to 3, but 2"):
        forward_flat(hf, [3], embeddings=torch.zeros(2, 32))
