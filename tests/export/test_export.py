"""An exported form answers as the adaptation does, read by PEFT and transformers; what a form cannot hold is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from rung.adapters import (
    BottleneckConfig,
    FullConfig,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    PTuningV2Config,
    QloraConfig,
    attached,
)
from rung.engine import Model, load_model
from rung.export import TARGETS, export, targets
from rung.export.check import Labelled, kept
from rung.prompts import Words, choice_texts, render
from rung.types import Adaptation, AdaptationError, UserError

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own
Make = Callable[..., Adaptation]


def slow(*form: Any) -> Any:
    return pytest.param(*form, marks=pytest.mark.slow)


LORA, DORA, QLORA = LoraConfig(rank=4), LoraConfig(rank=4, dora=True), QloraConfig(rank=4)
FORMS = [  # those marked slow are done by code that another line goes through too
    ("peft", "llama", LORA),
    slow("peft", "llama", DORA),
    slow("peft", "llama", QLORA),
    ("peft", "llama", PromptTuningConfig(length=3)),
    slow("peft", "llama", PTuningConfig(length=3)),
    slow("peft", "llama", PrefixTuningConfig(length=3)),
    ("peft", "llama", PTuningV2Config(length=3)),
    slow("peft", "gpt2", LORA),
    ("vllm", "llama", LORA),
    slow("merged", "llama", LORA),
    slow("merged", "llama", DORA),
    ("merged", "llama", QLORA),
    ("merged", "llama", FullConfig()),
    ("merged", "gpt2", DORA),
]


@pytest.mark.parametrize(("to", "base", "config"), FORMS, ids=lambda x: x if isinstance(x, str) else type(x).__name__)
def test_it_answers_as_the_adaptation_does(
    to: str, base: str, config: Any, model_of: Callable[[str], Model], made: Make, examples: Labelled, tmp_path: Path
) -> None:
    if isinstance(config, QloraConfig):
        pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the quant and dev extras")
    model = model_of(base)
    whole = made(model, config)
    texts = [render(whole.prompt, Words.of(whole), e.input) for e in examples.examples]
    bare = model.score(texts, choice_texts(whole.prompt, Words.of(whole)))
    done = export(whole, model, to, tmp_path / "out", examples=examples)
    assert done.check is not None and done.check.equal and done.check.n == 6
    assert done.check.logprobs is not None and done.check.logprobs < 1e-4
    assert done.check.rung == done.check.exported
    with attached(model.hf, Path(whole.adapter or "")):
        with_adapter = model.score(texts, choice_texts(whole.prompt, Words.of(whole)))
    moved = max(
        abs(a - b) for x, y in zip(bare, with_adapter, strict=True) for a, b in zip(x.logprobs, y.logprobs, strict=True)
    )
    assert moved > 100 * done.check.logprobs  # the adapter does something


@pytest.mark.parametrize("to", ["peft", "merged"])
def test_a_stranger_without_rung_reads_the_folder(to: str, model: Model, made: Make, tmp_path: Path) -> None:
    """The README's own lines, prompt.txt and answer.json: the log-probabilities that Rung computes."""
    whole = made(model, LORA, calibration=(0.5, 0.0, -0.25))
    out = export(whole, model, to, tmp_path / "out").folder
    with attached(model.hf, Path(whole.adapter or "")):
        prompt = render(whole.prompt, Words.of(whole), "left, I said")
        (wanted,) = model.score([prompt], choice_texts(whole.prompt, Words.of(whole)))
    code = (out / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    before = Path.cwd()
    os.chdir(out)
    try:
        exec(code, names)
    finally:
        os.chdir(before)
    how = json.loads((out / "answer.json").read_text(encoding="utf-8"))
    text = (out / "prompt.txt").read_text(encoding="utf-8").replace(how["slot"], "left, I said")
    assert text == prompt and how["offsets"] == [0.5, 0.0, -0.25]
    found = []
    for option in how["options"]:
        start, ids = (
            len(names["tokenizer"](text)["input_ids"]),
            names["tokenizer"](text + option, return_tensors="pt")["input_ids"],
        )
        with torch.no_grad():
            logs = names["model"](input_ids=ids).logits[0].log_softmax(-1)
        found.append(float(sum(logs[i - 1, ids[0, i]] for i in range(start, ids.shape[1]))))
    assert found == pytest.approx(list(wanted.logprobs), abs=1e-4)


def test_sprout_as_peft_and_merged(made: Make, examples: Labelled, tmp_path: Path) -> None:
    model = load_model("sprout")
    whole = made(model, LoraConfig())
    for to in ("peft", "merged"):
        done = export(whole, model, to, tmp_path / to, examples=examples)
        assert done.check is not None and done.check.equal and done.check.logprobs < 1e-4  # type: ignore[operator]
    assert json.loads((tmp_path / "merged/model/config.json").read_text())["dtype"] == "float32"
    assert AutoTokenizer.from_pretrained(tmp_path / "merged/model").chat_template
    again = load_model(str(tmp_path / "merged" / "model"))  # Rung reads it as a model of its own
    assert again.parameters == model.parameters


@pytest.mark.parametrize(
    ("config", "to", "instead"),
    [
        (BottleneckConfig(bottleneck=4), "peft", "rung serve"),
        (BottleneckConfig(bottleneck=4), "merged", "rung serve"),
        (FullConfig(), "peft", "--to merged"),
        (FullConfig(), "vllm", "--to merged"),
        (PTuningV2Config(length=3), "merged", "--to peft"),
        (PTuningV2Config(length=3), "vllm", "--to peft"),
        (PromptTuningConfig(length=3), "vllm", "--to peft"),
        (QLORA, "vllm", "--to peft or --to merged"),
        (DORA, "vllm", "--to merged"),
        (None, "peft", "--to prompt"),
        (None, "merged", "--to prompt"),
    ],
    ids=lambda x: x if isinstance(x, str) else type(x).__name__,
)
def test_what_a_form_cannot_hold_is_refused(
    config: Any, to: str, instead: str, model: Model, made: Make, tmp_path: Path
) -> None:
    if isinstance(config, QloraConfig):
        pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the quant and dev extras")
    with pytest.raises(AdaptationError, match=instead) as error:
        export(made(model, config), model, to, tmp_path / "out")
    assert instead.split()[0] in error.value.zh
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("program", ["majority", "tfidf", "nearest", "probe"])
def test_what_only_rung_answers_by_is_refused(program: str, model: Model, made: Make, tmp_path: Path) -> None:
    with pytest.raises(AdaptationError, match="rung serve"):
        export(replace(made(model), program=program), model, "prompt", tmp_path / "out")


def change(folder: str | None, **fields: Any) -> None:
    path = Path(folder or "") / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("fields", "why"), [({"rank_pattern": {"q_proj": 2}}, "ranks differ"), ({"r": 1024}, "above vLLM's 512")]
)
def test_vllm_rules(fields: dict[str, Any], why: str, model: Model, made: Make, tmp_path: Path) -> None:
    whole = made(model, LORA)
    change(whole.adapter, **fields)
    with pytest.raises(AdaptationError, match=why):
        export(whole, model, "vllm", tmp_path / "out")


def test_vllm_has_no_lora_on_gpt2_and_holds_ranks_by_steps(
    model_of: Callable[[str], Model], made: Make, tmp_path: Path
) -> None:
    gpt2, llama = model_of("gpt2"), model_of("llama")
    with pytest.raises(AdaptationError, match="GPT2LMHeadModel; type --to merged"):
        export(made(gpt2, LORA), gpt2, "vllm", tmp_path / "out")
    assert not list(tmp_path.glob("out*"))
    page = (export(made(llama, LoraConfig(rank=17)), llama, "vllm", tmp_path / "out").folder / "README.md").read_text()
    assert "vllm serve base --dtype float32 --generation-config vllm --enable-lora --max-lora-rank 32" in page


def test_the_base_is_copied_along_or_named(model: Model, made: Make, tmp_path: Path) -> None:
    whole = made(model, LORA)
    out = export(whole, model, "peft", tmp_path / "out").folder
    assert AutoModelForCausalLM.from_pretrained(out / "base").config.vocab_size == 261
    assert json.loads((out / "adapter/adapter_config.json").read_text())["base_model_name_or_path"] == "base"
    bare = export(whole, model, "peft", tmp_path / "out", with_base=False).folder  # an older export is replaced
    assert not (bare / "base").exists()
    assert json.loads((bare / "adapter/adapter_config.json").read_text())["base_model_name_or_path"] == str(
        model.folder
    )
    assert f'"{model.folder}"' in (bare / "README.md").read_text()


def test_only_an_older_export_is_replaced(model: Model, made: Make, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="is no export"):
        export(made(model), model, "prompt", tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    with pytest.raises(UserError, match="peft, vllm, merged, prompt"):
        export(made(model), model, "gguf", tmp_path / "out")


def test_a_kill_leaves_the_older_export_or_none(
    model: Model, made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = made(model, LORA), tmp_path / "out"
    peft = TARGETS["peft"]

    def killed(*given: Any) -> None:
        peft.write(*given)
        os._exit(9)  # no handler of Python's runs, as after SIGKILL

    def die() -> None:
        pid = os.fork()
        if pid == 0:
            monkeypatch.setitem(targets.TARGETS, "peft", replace(peft, write=killed))
            export(whole, model, "peft", out)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9

    die()
    assert not out.exists()
    export(whole, model, "merged", out)
    files = sorted(p.relative_to(out) for p in out.rglob("*"))
    die()
    assert sorted(p.relative_to(out) for p in out.rglob("*")) == files
    export(whole, model, "peft", out)
    assert (out / "adapter").is_dir() and not (out / "model").exists()
    assert [p.name for p in tmp_path.glob("out*")] == ["out"]


def test_a_form_that_answers_otherwise_is_found_out(
    model: Model, made: Make, examples: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(TARGETS["peft"], load=TARGETS["prompt"].load)  # the adapter is forgotten
    monkeypatch.setitem(targets.TARGETS, "peft", bare)
    done = export(made(model, LORA), model, "peft", tmp_path / "out", examples=examples)
    assert done.check is not None and not done.check.equal
    found = done.check
    assert found.logprobs is not None and found.logprobs > found.near
    assert f"**{found.predictions} answers and 0 prompts differ**" in (tmp_path / "out" / "README.md").read_text()


def test_the_run_keeps_examples_to_check_on(model: Model, made: Make, examples: Labelled, tmp_path: Path) -> None:
    whole = made(model)
    found = kept(tmp_path / "run" / "adaptations" / "thing", whole, model)
    assert found == Labelled("dev", list(examples.examples), "accuracy")
    assert kept(tmp_path / "elsewhere" / "adaptations" / "thing", whole, model) is None
