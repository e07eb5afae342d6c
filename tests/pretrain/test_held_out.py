"""Bits per byte against a plain loop over transformers, and the card that is made of them."""

import math
import shutil

import numpy as np
import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

from rung.engine import load_model
from rung.pretrain import evaluate
from rung.pretrain.card import language_of, licence_of, write_card
from rung.pretrain.evaluate import HeldOut, held_out
from rung.types import DataError

DOCUMENTS = ["The cat of the king is in the garden. " * 12, "", "小猫在花园里看见了老虎。", "<|endoftext|> x"]


@pytest.fixture(scope="module")
def model(trained):
    return load_model(str(trained / "model"))


def plain(folder, documents):
    """Nats of each document, one forward a window, log-softmax over whole rows."""
    hf = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = []
    for text in documents:
        ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        nats = 0.0
        for start in range(0, len(ids), 63):  # a context of 64 with the mark in front
            window = torch.tensor([[tokenizer.eos_token_id, *ids[start : start + 63]]])
            with torch.no_grad():
                logs = hf(window).logits[0].log_softmax(-1)
            nats -= sum(float(logs[i, window[0, i + 1]]) for i in range(window.shape[1] - 1))
        found.append(nats)
    return found


@pytest.mark.parametrize("pack", [16, 100, 2048])
def test_against_a_plain_loop(model, trained, monkeypatch, pack):
    monkeypatch.setattr(evaluate, "PACK", pack)
    found, expected = held_out(model, DOCUMENTS), plain(trained / "model", DOCUMENTS)
    assert found.nats == pytest.approx(expected, abs=1e-3)
    assert found.bytes.tolist() == [456, 0, 36, 15]
    assert found.tokens[0] > 63  # several windows
    assert found.bits_per_byte == pytest.approx(sum(expected) / math.log(2) / 507, rel=1e-5)


def test_figures_by_hand():
    found = HeldOut(np.array([8, 8]), np.array([2, 4]), np.array([8.0, 8.0]) * math.log(2))
    assert found.bits_per_byte == pytest.approx(1.0)
    assert found.bytes_per_token == pytest.approx(16 / 6)
    assert found.interval() == pytest.approx((1.0, 1.0))  # both documents have one bit a byte: no spread
    low, high = HeldOut(np.array([8, 8]), np.array([2, 4]), np.array([0.0, 16.0]) * math.log(2)).interval()
    assert (low, high) == pytest.approx((0.0, 2.0))  # a draw of two documents is either twice the same or both
    nothing = HeldOut(np.array([0]), np.array([0]), np.array([0.0]))
    assert nothing.bits_per_byte is None and nothing.bytes_per_token is None and nothing.interval() is None


def test_card(texts, trained, tmp_path):
    out = tmp_path / "seedling"
    shutil.copytree(trained, out)
    found = write_card(texts, out, license="apache-2.0", command="make seedling", notes=["It was interrupted once."])
    text = (out / "model" / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---\n")[1])
    assert (head["license"], head["language"], head["library_name"]) == ("apache-2.0", ["zh", "en"], "transformers")
    assert set(found) == {"tales", "故事", "all"}
    assert found["all"]["bytes"] == found["tales"]["bytes"] + found["故事"]["bytes"] == 37 + 36
    assert f"Held-out bits per byte: **{found['all']['bits_per_byte']:.3f}" in text
    assert "CC BY-SA 3.0 (a \\| b) second line" in text and "Public domain." in text
    assert "Old works (故事)" in text and "- tales: text under Creative Commons" in text
    assert "- Note: It was interrupted once." in text and "    make seedling\n" in text
    assert "rung pretrain TEXTS OUT --size 0.5M --tokens 1536 --context 64 --vocabulary 400 --schedule cosine" in text
    assert text.startswith("---\n") and "# seedling\n" in text and str(tmp_path) not in text
    assert "| 100 % | 6 | 1,536 |" in text


def test_a_card_needs_a_finished_run(texts, tmp_path):
    with pytest.raises(DataError, match=r"no report\.json"):
        write_card(texts, tmp_path)


def test_languages_are_told_by_the_text():
    assert language_of(["小猫在花园里看见了 tiger。"]) == "zh"
    assert language_of(["The cat of the king is in the garden."]) == "en"
    assert language_of(["Le chat du roi est dans le jardin."]) == ""
    assert language_of([]) == ""


def test_licences_that_are_not_stated(tmp_path):
    assert licence_of(tmp_path) == "not stated"
    (tmp_path / "PROVENANCE.md").write_text("# x\n\n## Licence\n\n## Files\n")
    assert licence_of(tmp_path) == "not stated"
