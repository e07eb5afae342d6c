"""Tiny models on disk, and adaptations of every kind on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from rung.adaptation import hash_folder, save
from rung.adapters import attach
from rung.adapters import save as save_adapter
from rung.engine import Model, load_model
from rung.engine.fake import byte_tokenizer, tiny_llama
from rung.export.check import Labelled
from rung.ledger import Ledger
from rung.prompts import TEMPLATES
from rung.types import Adaptation, Example, ModelRef, digest

LABELS = ("left", "right", "straight on")
TEXTS = ("order 12 please", "现在左转", "go on {input}", "turn, then stop", "the second street", "右边第二家")
EXAMPLES = tuple(Example(digest(text), text, LABELS[i % 3]) for i, text in enumerate(TEXTS))


def tiny_gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    sizes = {"n_positions": 512, "n_embd": 32, "n_layer": 2, "n_head": 2, "bos_token_id": 256, "eos_token_id": 257}
    return GPT2LMHeadModel(GPT2Config(vocab_size=261, initializer_range=0.3, **sizes)).eval()


@pytest.fixture(scope="session")
def model_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """model_of("llama"): read from files, as a climb reads one; fresh each time."""
    folder = tmp_path_factory.mktemp("models")
    for name, build in (("llama", tiny_llama), ("gpt2", tiny_gpt2)):
        build().save_pretrained(folder / name)
        byte_tokenizer().save_pretrained(folder / name)
    return lambda name: load_model(str(folder / name))


@pytest.fixture
def model(model_of: Callable[[str], Model]) -> Model:
    return model_of("llama")


def stirred(model: Model, config: Any, folder: Path) -> Path:
    """An adapter that does something, on disk."""
    handle = attach(model.hf, config, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, p in handle.parameters.items():
            if "lora_A" not in name:
                p.add_(torch.randn(p.shape, generator=generator), alpha=0.05)
    save_adapter(handle, folder, base=model.name)
    handle.detach()
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Adaptation]:
    """made(model, LoraConfig(), prompt=..., ...) -> an adaptation that is saved in RUN/adaptations/NAME, RUN with its ledger."""

    def make(model: Model, config: Any = None, /, **changes: Any) -> Adaptation:
        adapter = None if config is None else stirred(model, config, tmp_path / "fresh")
        whole = Adaptation(
            name="thing/bare", rung="thing", kind="classify", language="en", labels=LABELS,
            prompt=TEMPLATES["en"]["classify"][0], adapter=adapter and str(adapter),
            adapter_sha256=hash_folder(adapter) if adapter else "", model=ModelRef(model.name, model.sha256),
        )  # fmt: skip
        whole = replace(whole, **changes)
        run = tmp_path / "run"
        save(whole, run / "adaptations" / "thing")
        (run / "result.json").write_text(json.dumps({"task": {"metric": "accuracy"}}))
        ledger = Ledger(run / "ledger.sqlite")
        ledger.keep_examples("dev", EXAMPLES)
        ledger.close()
        return whole

    return make


@pytest.fixture
def examples() -> Labelled:
    return Labelled("dev", EXAMPLES, "accuracy")
