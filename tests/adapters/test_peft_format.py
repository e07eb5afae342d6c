"""Adapter folders: PEFT itself is the reference, in both directions."""

import json

import pytest
import torch
from decoders import every_decoder
from safetensors.torch import load_file, save_file

from rung.adapters import LoraConfig, attach, attach_folder, attached, save
from rung.engine.fake import tiny_llama
from rung.types import AdaptationError

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own
TOKENS = torch.arange(12).view(2, 6)


def edit(folder, **fields):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.fixture
def folder(tmp_path, stir):
    handle = attach(tiny_llama(), LoraConfig(rank=3, alpha=5.0), seed=0)
    stir(handle)
    save(handle, tmp_path / "adapter", base="tiny")
    return tmp_path / "adapter"


@every_decoder
@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(rank=3, alpha=5.0),
        LoraConfig(rank=4, alpha=5.0, rslora=True),
        LoraConfig(rank=3, alpha=5.0, dora=True),
    ],
    ids=["lora", "rslora", "dora"],
)
def test_peft_loads_ours(build, config, tmp_path, stir):
    peft = pytest.importorskip("peft", reason="peft is in the dev extra")
    hf = build()
    plain = hf(TOKENS).logits
    handle = attach(hf, config, seed=0)
    stir(handle)
    ours = hf(TOKENS).logits
    save(handle, tmp_path / "adapter", base="tiny")
    wrapped = peft.PeftModel.from_pretrained(build(), tmp_path / "adapter").eval()
    assert (wrapped(TOKENS).logits - ours).abs().max() < 1e-5 < (plain - ours).abs().max()
    merged = wrapped.merge_and_unload()(TOKENS).logits
    with handle.merged():
        assert (hf(TOKENS).logits - merged).abs().max() < 1e-5
    handle.fold()  # for good
    assert (hf(TOKENS).logits - merged).abs().max() < 1e-5


@every_decoder
@pytest.mark.parametrize(
    "options",
    [
        {"r": 3, "lora_alpha": 5, "target_modules": "all-linear"},
        {"r": 4, "lora_alpha": 5, "use_rslora": True, "target_modules": "all-linear"},
        {"r": 3, "lora_alpha": 5, "use_dora": True, "target_modules": "all-linear"},
        {
            "r": 4,
            "lora_alpha": 5,
            "target_modules": "second block",
            "rank_pattern": {r"1\.\w+\.\w+proj": 2},
            "alpha_pattern": {"c_proj|q_proj": 3},
        },
    ],
)
def test_ours_loads_pefts(build, options, tmp_path):
    peft = pytest.importorskip("peft", reason="peft is in the dev extra")
    if options["target_modules"] != "all-linear":
        options = {**options, "target_modules": [n for n in _linear_names(build()) if ".1." in n]}
    torch.manual_seed(0)
    config = peft.LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **options)
    model = peft.get_peft_model(build(), config).eval()
    for name, p in model.named_parameters():
        if "magnitude" in name:  # not as it began, which is the length of W + s B A
            p.data.mul_(torch.empty(p.shape).uniform_(0.7, 1.3))
    model.save_pretrained(tmp_path / "adapter")
    theirs = model(TOKENS).logits
    edit(tmp_path / "adapter", init_lora_weights=True)
    hf = build()
    plain = hf(TOKENS).logits
    handle = attach_folder(hf, tmp_path / "adapter")
    assert (hf(TOKENS).logits - theirs).abs().max() < 1e-5 < (plain - theirs).abs().max()
    merged = model.merge_and_unload()(TOKENS).logits
    with handle.merged():
        assert (hf(TOKENS).logits - merged).abs().max() < 1e-5
    save(handle, tmp_path / "again", base="tiny")  # and back to PEFT, patterns included
    again = peft.PeftModel.from_pretrained(build(), tmp_path / "again").eval()
    assert (again(TOKENS).logits - theirs).abs().max() < 1e-5


def _linear_names(hf):
    handle = attach(hf, LoraConfig(), seed=0)
    handle.detach()
    return list(handle.layers)


def test_attached_folder_and_the_base_afterwards(folder):
    hf = tiny_llama()
    plain = hf(TOKENS).logits
    with attached(hf, folder, merge=False):
        apart = hf(TOKENS).logits
    with attached(hf, folder):
        assert (hf(TOKENS).logits - apart).abs().max() < 1e-5 * apart.abs().max()
        assert (plain - apart).abs().max() > 1e-2
    with attached(hf, None) as none:
        assert none is None
        assert torch.equal(hf(TOKENS).logits, plain)
    with pytest.raises(ZeroDivisionError), attached(hf, folder):
        raise ZeroDivisionError
    assert torch.equal(hf(TOKENS).logits, plain)


def test_config_names_base_and_targets(folder):
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"
    assert config["target_modules"] == sorted(config["target_modules"])
    assert "q_proj" in config["target_modules"]
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (3, 5.0, "LORA")
    names = set(load_file(folder / "adapter_model.safetensors"))
    assert "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" in names


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"peft_type": "LOHA"}, "LOHA.*LORA"),
        ({"use_dora": True}, "lacks A or B or m"),
        ({"use_bdlora": {"nblocks": 2}}, "use_bdlora"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"invented_in_2027": 1}, "invented_in_2027"),
        ({"r": 4}, r"A \[3, 64\].*A \[4, 64\]"),
    ],
)
def test_what_would_answer_differently_is_refused(folder, fields, message):
    edit(folder, **fields)
    with pytest.raises(AdaptationError, match=message):
        attach_folder(tiny_llama(), folder)


def test_a_length_that_is_missing_too_much_or_too_short_is_refused(tmp_path):
    folder = tmp_path / "adapter"
    save(attach(tiny_llama(), LoraConfig(rank=2, dora=True)), folder)
    hf, tensors = tiny_llama(), load_file(folder / "adapter_model.safetensors")
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector"
    assert tensors[name].shape == (64,)
    for other in (torch.ones(1, 64), torch.ones(63)):
        save_file({**tensors, name: other}, folder / "adapter_model.safetensors")
        with pytest.raises(AdaptationError, match=r"m \[(1, 64|63)\].*m \[64\]"):
            attach_folder(hf, folder)
    save_file({k: v for k, v in tensors.items() if k != name}, folder / "adapter_model.safetensors")
    with pytest.raises(AdaptationError, match=r"lacks A or B or m of model\.layers\.0\.mlp\.up_proj"):
        attach_folder(hf, folder)
    save_file(tensors, folder / "adapter_model.safetensors")
    edit(folder, use_dora=False)
    with pytest.raises(AdaptationError, match="lora_magnitude_vector"):
        attach_folder(hf, folder)


def test_foreign_base_broken_and_missing_files_are_refused(folder, tiny_gpt2):
    hf = tiny_llama()
    with pytest.raises(AdaptationError, match="another base model"):
        attach_folder(tiny_gpt2(), folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    first = next(iter(tensors))
    save_file({k: v for k, v in tensors.items() if k != first}, folder / "adapter_model.safetensors")
    with pytest.raises(AdaptationError, match="lacks A or B"):
        attach_folder(hf, folder)
    save_file({**tensors, "base_model.model.lm_head.weight": torch.zeros(2)}, folder / "adapter_model.safetensors")
    with pytest.raises(AdaptationError, match="lm_head"):
        attach_folder(hf, folder)
    (folder / "adapter_model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    with pytest.raises(AdaptationError, match="broken"):
        attach_folder(hf, folder)
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(AdaptationError, match="safetensors"):
        attach_folder(hf, folder)
    with pytest.raises(AdaptationError, match=r"adapter_config\.json is missing"):
        attach_folder(hf, folder / "nowhere")
    assert not any("forward" in m.__dict__ for m in hf.modules())


def test_a_failed_save_leaves_the_good_folder(folder, monkeypatch):
    before = (folder / "adapter_model.safetensors").read_bytes()
    handle = attach(tiny_llama(), LoraConfig(rank=2), seed=0)

    def full_disk(*_args, **_kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr("rung.adapters.peft_format.save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        save(handle, folder, base="tiny")
    assert (folder / "adapter_model.safetensors").read_bytes() == before
    assert sorted(p.name for p in folder.parent.iterdir()) == ["adapter"]
