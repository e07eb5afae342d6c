"""Adapter folders that somebody has changed: refused with what is wrong, or of no consequence; never another exception."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from decoders import gpt2, qwen2
from every import config_of, every_method, stirred
from safetensors.torch import load_file, save_file

from rung.adaptation import hash_folder, load
from rung.adaptation import save as save_adaptation
from rung.adapters import attach, attach_folder, attached, save
from rung.engine.flat import forward_flat
from rung.types import Adaptation, AdaptationError, ModelRef

pytestmark = pytest.mark.filterwarnings("ignore")  # bitsandbytes' own
TOKENS = torch.arange(5, 17).view(2, 6)
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def answers(hf, handle):
    with torch.no_grad():
        past = handle.past()
        return forward_flat(hf, TOKENS.tolist(), past=past)


@pytest.fixture
def made(method, tmp_path):
    """A base, and the folder of an adapter on it with what it answers."""
    hf, folder = gpt2(), tmp_path / "adapter"
    handle = stirred(attach(hf, config_of(method)))
    wanted = answers(hf, handle)
    save(handle, folder)
    handle.detach()
    return hf, folder, wanted


def cut(folder):
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-40])


def headless(folder):
    (folder / WEIGHTS).write_bytes(b"\xff" * 64)


def change(how):
    """Every tensor by ``how``, of the first one only its name and itself."""

    def tamper(folder):
        tensors = load_file(folder / WEIGHTS)
        name = next(iter(tensors))
        save_file(how(tensors, name), folder / WEIGHTS)

    return tamper


TAMPERS = {
    "cut short": cut,
    "no safetensors": headless,
    "gone": lambda folder: (folder / WEIGHTS).unlink(),
    "one more": change(lambda t, name: {**t, "lm_head.weight": torch.zeros(2, 2)}),
    "one less": change(lambda t, name: {n: x for n, x in t.items() if n != name}),
    "renamed": change(lambda t, name: {("x" + n if n == name else n): x for n, x in t.items()}),
    "whole numbers": change(lambda t, name: {**t, name: t[name].int()}),
    "not a number": change(lambda t, name: {**t, name: t[name] * float("nan")}),
    "infinite": change(lambda t, name: {**t, name: t[name] / 0}),
    "another shape": change(lambda t, name: {**t, name: t[name][None].contiguous()}),
    "one row less": change(lambda t, name: {**t, name: t[name][1:].contiguous()}),
    "no configuration": lambda folder: (folder / CONFIG).unlink(),
    "no JSON": lambda folder: (folder / CONFIG).write_text("{"),
    "a list": lambda folder: (folder / CONFIG).write_text("[]"),
    "no text": lambda folder: (folder / CONFIG).write_bytes(b"\xff\xfe"),
    "of another kind": lambda folder: edit(folder, "peft_type", "LOHA"),
}


def edit(folder, field, value):
    path = folder / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))


@every_method
def test_a_tampered_adapter_is_refused_and_the_base_left_alone(made):
    hf, folder, _ = made
    kept = shutil.copytree(folder, folder.with_name("kept"))
    for name, tamper in TAMPERS.items():
        tamper(folder)
        with pytest.raises(AdaptationError) as error:
            attach_folder(hf, folder)
            pytest.fail(name)
        assert error.value.zh != str(error.value), name
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    assert not any("forward" in m.__dict__ for m in hf.modules())
    assert not [key for key in hf.__dict__ if key.startswith("rung_")] and all(p.requires_grad for p in hf.parameters())


@every_method
def test_an_edited_field_is_refused_or_changes_nothing(made):
    """A number that means something else is beyond this: an adaptation's hash sees it, below."""
    hf, folder, wanted = made
    fields = json.loads((folder / CONFIG).read_text())
    refused = set()
    for field in fields:
        for value in (None, "x", [1], {"(": "x"}):
            edit(folder, field, value)
            try:
                with attached(hf, folder, merge=False) as handle:
                    assert torch.allclose(answers(hf, handle), wanted, atol=1e-6), (field, value)
            except AdaptationError:
                refused.add(field)
        (folder / CONFIG).write_text(json.dumps(fields))
    assert "peft_type" in refused
    assert not any("forward" in m.__dict__ for m in hf.modules())


@every_method
def test_another_base_is_refused(made):
    _, folder, _ = made
    for other in (qwen2(), gpt2(width=32)):
        with pytest.raises(AdaptationError, match="base model"):
            attach_folder(other, folder)
        assert not any("forward" in m.__dict__ for m in other.modules())


@every_method
def test_what_nothing_else_could_tell_is_told_by_an_adaptations_hash(made, tmp_path):
    """Two tensors that changed places, another type, a field with another number: the adapter still fits its base."""
    _, folder, _ = made
    adaptation = Adaptation(
        "a/b", "a", "generate", "en", adapter=str(folder), adapter_sha256=hash_folder(folder), model=ModelRef("m", "01")
    )

    def swapped(tensors, name):
        twin = next((n for n, t in tensors.items() if n != name and t.shape == tensors[name].shape), name)
        return {**tensors, name: tensors[twin] + (twin == name), twin: tensors[name]}

    for tamper in (
        change(swapped),
        change(lambda t, name: {n: x.bfloat16() for n, x in t.items()}),
        lambda folder: edit(folder, "lora_alpha", 4.0),
        lambda folder: (folder / "README.md").write_text("mine"),
    ):
        written = save_adaptation(adaptation, tmp_path / "adaptation")
        assert load(written, ModelRef("m", "01")) == replace(adaptation, adapter=str(written / "adapter"))
        tamper(written / "adapter")
        with pytest.raises(AdaptationError, match="missing or was changed"):
            load(written)
    with pytest.raises(AdaptationError, match="was made for m"):
        load(save_adaptation(adaptation, tmp_path / "adaptation"), ModelRef("same shape", "02"))


@pytest.mark.parametrize("method", ["prompt-tuning"])
def test_kept_keys_of_other_numbers_are_not_used(made):
    """PEFT may have trained on in that folder: it writes the embeddings, and knows nothing of the keys beside them."""
    hf, folder, wanted = made
    change(lambda t, name: {name: t[name].flip(0).contiguous()})(folder)
    with attached(hf, folder) as handle:
        assert not torch.allclose(answers(hf, handle), wanted, atol=1e-4)
        with torch.no_grad():
            fresh = handle.past()
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(handle.served().keys, fresh.keys, strict=True))
    change(lambda t, name: {name: t[name].flip(0).contiguous()})(folder)
    path = folder / "past.safetensors"
    kept = load_file(path)["past"]
    for spoilt in ({"other": kept}, {"past": kept[1:].contiguous()}, {"past": kept * float("nan")}):
        save_file(spoilt, path)
        with pytest.raises(AdaptationError):
            attach_folder(hf, folder)
    path.write_bytes(b"\0")
    with pytest.raises(AdaptationError, match="broken"):
        attach_folder(hf, folder)
