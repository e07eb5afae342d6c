"""The forms of an export: the visible list, what each takes, and how each is written and loaded again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from rung.adapters import method_of
from rung.engine import Model
from rung.export import merged, peft, prompt_only, vllm
from rung.types import Adaptation, AdaptationError, UserError


@dataclass(frozen=True)
class Target:
    """``takes``: methods of :data:`rung.adapters.ADAPTERS`; None: what has no weights of its own.

    ``write(made, model, folder)`` adds its files to the folder; ``load(folder, made, model)`` gives what answers: transformers'
    model, and what is asked (itself, or PEFT's around it).
    """

    takes: tuple[str | None, ...]
    write: Callable[[Adaptation, Model, Path], None]
    load: Callable[[Path, Adaptation, Model], tuple[PreTrainedModel, Any]]
    base: bool  # whether it needs the base model beside it
    what: str
    what_zh: str


SOFT = ("prompt-tuning", "p-tuning", "prefix-tuning", "p-tuning-v2")
TARGETS: dict[str, Target] = {
    "peft": Target(
        ("lora", "qlora", *SOFT), peft.write, peft.load, True, "an adapter that PEFT loads", "供 PEFT 加载的适配器"
    ),
    "vllm": Target(("lora",), vllm.write, peft.load, True, "a LoRA that vLLM serves", "供 vLLM 使用的 LoRA"),
    "merged": Target(
        ("lora", "qlora", "full"), merged.write, merged.load, False, "a model that transformers loads", "供 transformers 加载的模型"
    ),
    "prompt": Target(
        (None,), prompt_only.write, prompt_only.load, False, "the prompt in plain text", "纯文本提示"
    ),
}  # fmt: skip


def find_target(name: str) -> Target:
    """The form called ``name``; UserError with the list where there is none."""
    if name not in TARGETS:
        raise UserError(
            f"--to is one of {', '.join(TARGETS)}, not {name!r}",
            zh=f"--to 只能是 {'、'.join(TARGETS)} 之一，而不是 {name!r}",
        )
    return TARGETS[name]


def trained_by(made: Adaptation) -> str | None:
    """The method of an adaptation's weights; None: it has none. AdaptationError for what only Rung can answer by."""
    if made.program != "direct":
        raise _only_here(made)
    if made.model is not None and made.model.name.startswith("openai:"):
        raise AdaptationError(
            f"{made.name} was made for {made.model.name}, whose weights are where it is served: there is nothing to export but "
            "its words, which are in adaptation.json",
            zh=f"{made.name} 是为 {made.model.name} 做的，权重在提供服务的那一端：可导出的只有提示文字，就在 adaptation.json 里",
        )
    return None if made.adapter is None else method_of(Path(made.adapter))


def refuse(made: Adaptation, to: str) -> None:
    """AdaptationError where the form does not take this adaptation: why, and what to type instead."""
    method, target = trained_by(made), find_target(to)
    if method in target.takes or to == "prompt":
        if to == "vllm":
            vllm.refuse(made)
        return
    others = [name for name, other in TARGETS.items() if method in other.takes]
    if method is None:
        en, zh = "it has no weights of its own", "它没有自己的权重"
    elif others:
        have = "have" if to == "merged" else "has"
        en, zh = (
            f"{_names(to)} {have} no place for what {method} trains",
            f"{_names(to)} 无法容纳 {method} 训练出的内容",
        )
    else:
        en, zh = f"no other program knows what {method} trains", f"没有别的程序认识 {method} 训练出的内容"
    instead = f"type --to {' or --to '.join(others)}" if others else "serve it with rung serve"
    instead_zh = f"请用 --to {' 或 --to '.join(others)}" if others else "请用 rung serve 提供服务"
    raise AdaptationError(
        f"{made.name} cannot be exported to {to}: {en}; {instead}",
        zh=f"{made.name} 不能导出为 {to}：{zh}；{instead_zh}",
    )


def _names(to: str) -> str:
    return {"peft": "PEFT", "vllm": "vLLM", "merged": "a model's weights", "prompt": "a prompt"}[to]


def _only_here(made: Adaptation) -> AdaptationError:
    if made.program == "probe":
        why, why_zh = (
            "reads hidden states by a probe, which no other program does",
            "用探针读取隐藏状态，别的程序不支持",
        )
    else:
        why, why_zh = "answers without a language model", "不使用语言模型"
    return AdaptationError(
        f"{made.name} {why}: there is nothing to export. Serve it with rung serve, or use it by rung predict",
        zh=f"{made.name} {why_zh}，没有可导出的内容。请用 rung serve 提供服务，或用 rung predict 使用",
    )
