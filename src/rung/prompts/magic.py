"""The field's magic words, as named changes to a prompt: each is a candidate to be measured, none is believed.

A magic changes the role, the instruction, or what the model writes before its answer; it never touches the question, so the data
and the demonstrations stay as they are. Apply it before :func:`rung.prompts.chat_variant`.

Sources: Kojima et al. 2022 (arXiv 2205.11916), zero-shot chain of thought in two stages; Wang et al. 2023 (2305.04091),
plan-and-solve; Yang et al. 2023 (2309.03409), OPRO; Li et al. 2023 (2307.11760), EmotionPrompt, stimuli EP01-EP11; Bsharat et al.
2023 (2312.16171), principled instructions, numbered 1-26; Xu et al. 2023 (2305.14688), ExpertPrompting. The Chinese words are
ours, in the sense of the English ones.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from rung.types import Language, Prompt, UserError


@dataclass(frozen=True)
class Magic:
    """One named change. ``role``, ``reasoning`` and ``lead`` replace that part, ``instruction`` is added at its end."""

    name: str
    language: Language
    source: str
    role: str | None = None
    instruction: str | None = None
    reasoning: str | None = None
    lead: str | None = None

    @property
    def changes(self) -> tuple[str, ...]:
        """The names of the parts of a prompt that this magic changes."""
        return tuple(part for part in ("role", "instruction", "reasoning", "lead") if getattr(self, part) is not None)

    def __call__(self, prompt: Prompt) -> Prompt:
        """The changed prompt, named ``prompt+magic``; raises ``UserError`` for a prompt in another language."""
        if prompt.language != self.language:
            raise UserError(
                f"magic '{self.name}' is in {self.language}, and prompt '{prompt.name}' is in {prompt.language}. "
                f"Take it from MAGIC['{prompt.language}']",
                zh=f"魔法词“{self.name}”的语言是 {self.language}，提示“{prompt.name}”的语言是 {prompt.language}，"
                f"请从 MAGIC['{prompt.language}'] 中选取",
            )
        changed = {part: getattr(self, part) for part in self.changes}
        if self.instruction is not None:
            space = " " if prompt.instruction and self.language == "en" else ""
            changed["instruction"] = f"{prompt.instruction}{space}{self.instruction}"
        return replace(prompt, name=f"{prompt.name}+{self.name}", **changed)


_KOJIMA = "Kojima et al. 2022, arXiv 2205.11916"
_PLAN = "Wang et al. 2023, arXiv 2305.04091"
_OPRO = "Yang et al. 2023, arXiv 2309.03409"
_EMOTION = "Li et al. 2023, arXiv 2307.11760"
_PRINCIPLES = "Bsharat et al. 2023, arXiv 2312.16171"
_EXPERT = "Xu et al. 2023, arXiv 2305.14688"
_ZH_SO, _EN_SO = "因此，答案是：", "Therefore, the answer is"


def _by_name(magics: Iterable[Magic]) -> dict[str, Magic]:
    return {magic.name: magic for magic in magics}


MAGIC: dict[Language, dict[str, Magic]] = {
    "zh": _by_name(
        (
            Magic("step-by-step", "zh", _KOJIMA, reasoning="让我们一步一步思考。", lead=_ZH_SO),
            Magic("plan", "zh", _PLAN, reasoning="让我们先弄清问题、列出计划，再按计划一步一步解决。", lead=_ZH_SO),
            Magic("deep-breath", "zh", _OPRO, reasoning="深呼吸，一步一步来解决这个问题。", lead=_ZH_SO),
            Magic(
                "analysis-lead",
                "zh",
                f"{_PRINCIPLES}, 20",
                instruction="回答时先以“分析：”开头，再给出答案。",
                reasoning="分析：",
                lead=_ZH_SO,
            ),
            Magic("career", "zh", f"{_EMOTION}, EP02", instruction="这对我的职业生涯非常重要。"),
            Magic("careful", "zh", f"{_EMOTION}, EP03", instruction="你最好确保答案是对的。"),
            Magic("confidence", "zh", _EMOTION, instruction="相信自己的能力，力求做到最好，你的努力会有出色的结果。"),
            Magic("tip", "zh", f"{_PRINCIPLES}, 6", instruction="答得好，我会给你 200 元小费。"),
            Magic("penalty", "zh", f"{_PRINCIPLES}, 10", instruction="答错了，你会受到惩罚。"),
            Magic("expert", "zh", _EXPERT, role="你是这个领域的资深专家。"),
        )
    ),
    "en": _by_name(
        (
            Magic("step-by-step", "en", _KOJIMA, reasoning="Let's think step by step.", lead=_EN_SO),
            Magic(
                "plan",
                "en",
                _PLAN,
                reasoning="Let's first understand the problem and devise a plan to solve the problem. "
                "Then, let's carry out the plan and solve the problem step by step.",
                lead=_EN_SO,
            ),
            Magic(
                "deep-breath",
                "en",
                _OPRO,
                reasoning="Take a deep breath and work on this problem step-by-step.",
                lead=_EN_SO,
            ),
            Magic(
                "analysis-lead",
                "en",
                f"{_PRINCIPLES}, 20",
                instruction='Answer by starting with "Analysis:", then give the answer.',
                reasoning="Analysis:",
                lead=_EN_SO,
            ),
            Magic("career", "en", f"{_EMOTION}, EP02", instruction="This is very important to my career."),
            Magic("careful", "en", f"{_EMOTION}, EP03", instruction="You'd better be sure."),
            Magic(
                "confidence",
                "en",
                _EMOTION,
                instruction="Believe in your abilities and strive for excellence. Your hard work will yield remarkable results.",
            ),
            Magic("tip", "en", f"{_PRINCIPLES}, 6", instruction="I'm going to tip $200 for a better answer!"),
            Magic("penalty", "en", f"{_PRINCIPLES}, 10", instruction="You will be penalized for a wrong answer."),
            Magic("expert", "en", _EXPERT, role="You are a leading expert in this field."),
        )
    ),
}


def with_magic(prompt: Prompt, *names: str) -> Prompt:
    """The prompt with the magics of its language applied in turn; an unknown name raises ``UserError`` with the nearest one."""
    magics = MAGIC[prompt.language]
    for name in names:
        if name not in magics:
            near = difflib.get_close_matches(name, magics, n=1, cutoff=0.4)
            hint = f"did you mean '{near[0]}'? " if near else ""
            hint_zh = f"是否指“{near[0]}”？" if near else ""
            raise UserError(
                f"no magic is called '{name}'; {hint}There are: {', '.join(magics)}",
                zh=f"没有名为“{name}”的魔法词；{hint_zh}可用的有：{'、'.join(magics)}",
            )
        prompt = magics[name](prompt)
    return prompt
