"""Loading: what is refused and why, what the hash covers, and the two fake models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BloomConfig, GPT2Config, LlamaConfig, LlamaForCausalLM

from rung.engine import Constraint, FakeModel, load_model
from rung.engine.fake import byte_tokenizer
from rung.engine.load import check, hash_folder
from rung.engine.trunk import Trunk
from rung.types import Decoding, ModelError

SMALL = {"vocab_size": 261, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}


def save(folder: Path, **changes: object) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(**SMALL, num_attention_heads=2, max_position_embeddings=64, **changes)
    LlamaForCausalLM(config).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def test_a_folder_loads_and_its_hash_covers_what_matters(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    model = load_model(str(folder), device="cpu")
    assert (model.name, model.context, model.has_chat_template) == (str(folder), 64, True)
    assert model.parameters == sum(p.numel() for p in model.hf.parameters())
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    assert hash_folder(copy) == model.sha256
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 1e-3}))
    assert hash_folder(copy) != model.sha256
    assert load_model(str(folder), device="cpu", context=32).context == 32


def test_what_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    pickled = save(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    broken = save(tmp_path / "broken")
    (broken / "config.json").write_text('{"model_type": "no such model"}')
    for name, message in [
        (str(tmp_path / "nowhere"), "no model folder"),
        (str(tmp_path / "empty"), "no config.json"),
        (str(pickled), "no \\*.safetensors"),
        (str(broken), "could not be loaded"),
        ("gpt-none", "no model folder"),
        ("nobody/nothing-here", "HF_HUB_OFFLINE"),
    ]:
        with pytest.raises(ModelError, match=message) as error:
            load_model(name, device="cpu")
        assert error.value.zh != str(error.value)
        assert ("HF_HUB_OFFLINE" in error.value.zh) == ("HF_HUB_OFFLINE" in str(error.value))


def changed(folder: Path, **fields: object) -> Path:
    """The folder with other fields in its configuration."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return folder


def test_weights_that_are_broken_or_absent_are_refused(tmp_path: Path) -> None:
    """Of what a file lacks transformers draws random numbers, with no more than a warning."""
    cut = save(tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:-100])
    name = "model.layers.0.mlp.down_proj.weight"
    absent, nan = save(tmp_path / "absent"), save(tmp_path / "nan")
    tensors = load_file(absent / "model.safetensors")
    save_file({n: t for n, t in tensors.items() if n != name}, absent / "model.safetensors", {"format": "pt"})
    save_file({**tensors, name: tensors[name] * float("nan")}, nan / "model.safetensors", {"format": "pt"})
    foreign = save(tmp_path / "foreign")
    LlamaForCausalLM(
        LlamaConfig(**{**SMALL, "vocab_size": 100}, num_attention_heads=2, max_position_embeddings=64)
    ).save_pretrained(foreign)
    for folder, message in [
        (cut, "could not be loaded"),
        (absent, f"lacks 1 of the weights of a LlamaForCausalLM, such as {name}"),
        (changed(save(tmp_path / "shallow"), num_hidden_layers=2), "lacks 9 of the weights"),
        (changed(save(tmp_path / "field"), hidden_size="wide"), "could not be loaded"),
        (changed(save(tmp_path / "packed"), quantization_config={"quant_method": "gptq", "bits": 4}), "could not be"),
        (nan, "inf or nan"),
        (foreign, "has 256 tokens and the model knows 100"),
    ]:
        with pytest.raises(ModelError, match=message) as error:
            load_model(str(folder), device="cpu")
        assert error.value.zh != str(error.value)


def test_whether_code_of_a_model_may_run_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question at the terminal"))
    code = {"AutoConfig": "configuration_mine.Mine", "AutoModelForCausalLM": "modeling_mine.Mine"}
    with pytest.raises(ModelError, match="contains custom code"):
        load_model(str(changed(save(tmp_path / "m"), model_type="mine", auto_map=code)), device="cpu")


def test_devices_and_dtypes(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="quarter of float32"):
        load_model("fake", dtype="float16", device="cpu")
    with pytest.raises(ModelError, match="'int3' is unknown"):
        load_model("fake", dtype="int3")
    with pytest.raises(ModelError, match="device 'moon'"):
        load_model("fake", device="moon")
    assert load_model("fake", dtype="bfloat16", device="cpu").hf.dtype == torch.bfloat16
    with pytest.raises(ModelError, match="more than the model's 64"):
        load_model(str(save(tmp_path / "m")), device="cpu", context=65)


def test_attention_that_packing_would_change_is_refused() -> None:
    """BLOOM adds position biases (ALiBi) inside its own attention; the message names the class."""
    hf = AutoModelForCausalLM.from_config(BloomConfig(vocab_size=50, hidden_size=16, n_layer=1, n_head=2)).eval()
    with pytest.raises(ModelError, match="BloomForCausalLM"):
        check(hf, "bloom")


def test_the_context_is_the_smallest_of_all_limits(build) -> None:
    assert Trunk(build("gpt2")).context == 256
    config = LlamaConfig(**SMALL, num_attention_heads=2, max_position_embeddings=64)
    config.sliding_window = 24
    assert Trunk(LlamaForCausalLM(config)).context == 24
    stretched = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4, "original_max_position_embeddings": 16}
    config = LlamaConfig(**SMALL, num_attention_heads=2, max_position_embeddings=64, rope_parameters=stretched)
    assert Trunk(LlamaForCausalLM(config)).context == 16
    bands = {**stretched, "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    config = LlamaConfig(**SMALL, num_attention_heads=2, max_position_embeddings=64, rope_parameters=bands)
    assert Trunk(LlamaForCausalLM(config)).context == 64  # its frequencies are the same for every text


def test_parameters_outside_the_embeddings(build) -> None:
    """GPT-2: the head is the token embedding (97 x 32), and positions (256 x 32) are a table too."""
    shape = Trunk(AutoModelForCausalLM.from_config(GPT2Config(vocab_size=97, n_embd=32, n_layer=1, n_head=4))).shape
    per_layer = 3 * 32 * 32 + 3 * 32 + 32 * 32 + 32 + 2 * 4 * 32 * 32 + 4 * 32 + 32 + 4 * 32
    assert shape.nonembedding == per_layer + 2 * 32
    assert shape.parameters == shape.nonembedding + 97 * 32 + 1024 * 32
    assert Trunk(build("gpt_neox")).shape.vocabulary == 97


def test_fake_is_the_same_every_time(fake) -> None:
    again = load_model("fake", device="cpu")
    assert again.sha256 == fake.sha256
    assert len(fake.sha256) == 64
    assert again.score(["x"], ["a", "b"]) == fake.score(["x"], ["a", "b"])
    assert fake.decode(fake.encode("汉字 and English\n")) == "汉字 and English\n"


def test_a_fake_that_answers_by_a_rule() -> None:
    model = FakeModel(lambda prompt: "正面" if "好" in prompt else "负面")
    labels = ["中性", "正面", "负面"]
    for scores, wanted in zip(model.score(["很好", "很差"], labels), (1, 2), strict=True):
        assert scores.logprobs.index(max(scores.logprobs)) == wanted
        assert sum(2.718281828459045**x for x in scores.logprobs) == pytest.approx(1.0)
    constraint = Constraint.labels(labels)
    assert [g[0].text for g in model.generate(["很好", "很差"], Decoding(), constraint=constraint)] == ["正面", "负面"]
    cut = model.generate(["很好"], Decoding(max_tokens=3))[0][0]
    assert (cut.text, cut.finished) == ("正", "length")
    assert model.generate(["很好"], Decoding(stop=("面",)))[0][0].text == "正"
    with pytest.raises(ModelError, match="holds 8192"):
        model.generate(["很" * 3000], Decoding())


def test_a_fake_that_errs_when_sampled() -> None:
    model = FakeModel(lambda prompt: "yes", noise=0.4)
    constraint = Constraint.labels(["yes", "no"])
    answers = model.generate(["q"], Decoding(temperature=0.7), constraint=constraint, samples=50)[0]
    wrong = sum(a.text == "no" for a in answers)
    assert 5 < wrong < 35
    assert model.generate(["q"], Decoding(), constraint=constraint)[0][0].text == "yes"
