"""What cannot be attached is refused before the model is touched: values that no configuration may have, and a second adapter."""

import pytest
from decoders import gpt2
from every import EVERY, config_of

from rung.adapters import (
    Frozen,
    FullConfig,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    PTuningV2Config,
    QloraConfig,
    attach,
    attach_folder,
    save,
)
from rung.engine.fake import tiny_llama
from rung.types import AdaptationError

pytestmark = pytest.mark.filterwarnings("ignore")  # bitsandbytes' own
SOFT = (PromptTuningConfig, PTuningConfig, PrefixTuningConfig, PTuningV2Config)
LORAS = (LoraConfig, QloraConfig)
WRONG = [
    *((kind, {"length": length}) for kind in SOFT for length in (0, -1, 2.5, True, None, "20")),
    *((kind, {"start": start}) for kind in SOFT for start in ((-1,), "Is it good?", (1.5,), None)),
    *((kind, {"hidden": hidden}) for kind in (PTuningConfig, PrefixTuningConfig) for hidden in (0, -3, 1.5)),
    *((PTuningConfig, {"encoder": encoder}) for encoder in ("LSTM", "gru", None)),
    *((kind, {"rank": rank}) for kind in LORAS for rank in (0, -1, 2.5, None)),
    *((kind, {"alpha": alpha}) for kind in LORAS for alpha in (0, float("nan"), float("inf"), "16")),
    *((kind, {"dropout": dropout}) for kind in LORAS for dropout in (1.0, 1.5, -0.1, float("nan"))),
    *((kind, {"targets": targets}) for kind in LORAS for targets in (None, 3, ("q_proj", 3))),
    *((kind, {flag: "no"}) for kind in LORAS for flag in ("dora", "rslora")),
    (QloraConfig, {"keep_base": "no"}),
    (FullConfig, {"embeddings": "no"}),
]


@pytest.mark.parametrize(("kind", "values"), WRONG, ids=lambda x: getattr(x, "__name__", str(x)))
def test_what_cannot_be_is_refused_by_name(kind, values):
    ((name, value),) = values.items()
    with pytest.raises(AdaptationError) as error:
        kind(**values)
    assert str(error.value).startswith(f"{name} of ") and repr(value) in str(error.value)
    assert f"{name} 不能为" in error.value.zh


def test_what_can_be_is_taken():
    for config in EVERY.values():
        assert type(config)(**vars(config)) == config
    LoraConfig(alpha=-1, targets=["q_proj"], dropout=0)
    PTuningV2Config(start=[3, 5])


@pytest.mark.parametrize("kind", SOFT, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("build", [tiny_llama, gpt2])
def test_a_soft_prompt_leaves_room_and_begins_at_tokens_of_the_model(build, kind):
    hf = build()
    longest, tokens = hf.config.max_position_embeddings, hf.config.vocab_size
    with pytest.raises(AdaptationError, match=rf"{longest} tokens leaves no room for a text.*{longest} positions"):
        attach(hf, kind(length=longest))
    with pytest.raises(AdaptationError, match=rf"token {tokens}, and the model knows 0 to {tokens - 1}"):
        attach(hf, kind(length=2, start=(1, tokens)))
    assert "rung_prefix" not in hf.__dict__ and all(p.requires_grad for p in hf.parameters())
    attach(hf, kind(length=2, start=(1, tokens - 1))).detach()


@pytest.mark.parametrize("second", ["prompt-tuning", "p-tuning-v2", "pfeiffer", "lora", "qlora", "full"])
@pytest.mark.parametrize("first", ["prompt-tuning", "p-tuning-v2", "pfeiffer", "lora", "qlora", "full"])
def test_two_that_were_not_stacked_are_refused_in_either_order(first, second, tmp_path):
    """One would train and the other answer: a LoRA's steps do not see a soft prompt, and a soft prompt's keys are not the base's."""
    hf = tiny_llama()
    handle = attach(hf, config_of(second))
    save(handle, tmp_path / "second")
    handle.detach()
    handle = attach(hf, config_of(first))
    trained = list(handle.parameters)
    for again in (lambda: attach(hf, config_of(second)), lambda: attach_folder(hf, tmp_path / "second")):
        with pytest.raises(AdaptationError, match="already; detach") as error:
            again()
        assert "卸下" in error.value.zh
    assert list(handle.parameters) == trained and all(p.requires_grad for p in handle.parameters.values())
    handle.detach()
    attach_folder(hf, tmp_path / "second").detach()
    assert all(p.requires_grad for p in hf.parameters())


@pytest.mark.parametrize("what", ["lora", {"rank": 2}, LoraConfig, None])
def test_what_is_no_configuration_is_refused_with_the_names_of_those(what):
    with pytest.raises(AdaptationError, match=r"no configuration.*PTuningV2Config.*LoraConfig\(rank=8\)"):
        attach(tiny_llama(), what)


def test_a_frozen_part_may_be_named_by_a_string(tmp_path):
    handle = attach(tiny_llama(), LoraConfig(rank=2))
    save(handle, tmp_path / "lora")
    assert Frozen.of(str(tmp_path / "lora")) == Frozen.of(tmp_path / "lora")
