"""The ladder: every rung, cheap to costly. To add one, write its file in ``rung/rungs`` and a line here.

Those with an estimate of their cost are climbed in its order (:mod:`rung.ladder.order`); here they stand as they usually come.
"""

from __future__ import annotations

from difflib import get_close_matches

from rung.rungs import Rung, control, examples, linear_probe, prompts, trained
from rung.types import UserError


def learned(method: str, step: int, what: str, what_zh: str) -> Rung:
    """The rung of a method with gradients."""
    propose, estimate = trained.trained(method), trained.estimated(method)
    return Rung(method, step, propose, what, what_zh, needs=16, weights=True, estimate=estimate, races=True)


LADDER: list[Rung] = [
    Rung("majority", 0, control.majority, "the most frequent answer", "最常见的答案", needs=1, model=False),
    Rung("tfidf", 0, control.tfidf, "n-grams and a linear model", "n-gram 加线性模型", needs=2, model=False),
    Rung("zero-shot", 1, prompts.zero_shot, "a written instruction", "写好的指令"),
    Rung("chain-of-thought", 1, prompts.chain_of_thought, "reasoning before the answer", "先推理再回答"),
    Rung("magic-words", 1, prompts.magic_words, "the field's magic words", "圈内流传的“咒语”"),
    Rung("few-shot", 2, examples.few_shot, "examples in the prompt", "提示中放示例", needs=1),
    Rung("few-shot-bm25", 2, examples.chosen_by("bm25"), "examples chosen by keyword", "按关键词挑选示例", needs=2),
    Rung(
        "few-shot-embedding",
        2,
        examples.chosen_by("embedding"),
        "examples chosen by meaning",
        "按语义挑选示例",
        needs=2,
        weights=True,
    ),
    Rung(
        "few-shot-diverse",
        2,
        examples.chosen_by("diverse"),
        "examples that cover the pool",
        "覆盖全部训练集的示例",
        needs=2,
    ),
    Rung(
        "linear-probe",
        4,
        linear_probe.linear_probe,
        "a linear reader of the frozen states",
        "线性读取冻结模型的隐藏状态",
        kinds=("classify",),
        needs=16,
        weights=True,
        estimate=linear_probe.estimated,
    ),
    learned("prompt-tuning", 4, "trained word vectors", "训练出来的词向量"),
    learned("p-tuning", 4, "word vectors that a network writes", "由小网络写出的词向量"),
    learned("prefix-tuning", 4, "keys and values a network writes", "由小网络写出的键值前缀"),
    learned("p-tuning-v2", 4, "trained keys and values", "训练出来的键值前缀"),
    learned("adapter", 5, "small layers between the layers", "层间的小型适配器"),
    learned("lora", 5, "low-rank updates of the weights", "权重的低秩更新"),
    learned("qlora", 5, "lora over a base in 4 bits", "4 位基座上的 LoRA"),
    learned("full", 5, "all the weights", "全部权重"),
]


def choose(names: str | None) -> list[Rung]:
    """The rungs of ``--rungs a,b,c`` in the ladder's own order; all of them for None. UserError on another name."""
    if names is None:
        return list(LADDER)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {rung.name for rung in LADDER}
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UserError(
                f"no rung is called {name!r}.{hint} The rungs are: {', '.join(r.name for r in LADDER)}",
                zh=f"没有名为 {name!r} 的方法。{'是否想写 ' + near[0] + '？' if near else ''}可选：{'、'.join(r.name for r in LADDER)}",
            )
    return [rung for rung in LADDER if rung.name in wanted]
