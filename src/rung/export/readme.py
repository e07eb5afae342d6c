"""README.md of an export: what lies here, the commands that serve it elsewhere, and what the check found."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rung.engine import Model
from rung.export import base, merged, peft, vllm
from rung.export.check import Check
from rung.export.prompt import Written
from rung.export.targets import TARGETS, trained_by
from rung.types import Adaptation, Language, Result


@dataclass(frozen=True)
class Page:
    """What the parts of the page are about."""

    made: Adaptation
    model: Model
    to: str
    folder: Path
    prompt: Written
    language: Language

    def say(self, en: str, zh: str) -> str:
        return zh if self.language == "zh" else en

    @property
    def name(self) -> str:
        """As the server will call it."""
        return re.sub(r"[^\w.-]+", "-", self.made.name)

    @property
    def base(self) -> str:
        """Where a command that is typed in the folder finds the base."""
        return base.named(self.model, self.folder)

    @property
    def dtype(self) -> str:
        return str(self.model.hf.dtype).removeprefix("torch.")


def readme(
    made: Adaptation, model: Model, to: str, folder: Path, prompt: Written, check: Check | None, language: Language
) -> str:
    """The page as Markdown."""
    page = Page(made, model, to, folder, prompt, language)
    what = TARGETS[to].what_zh if language == "zh" else TARGETS[to].what
    parts = [
        f"# {made.name}",
        page.say(
            f"Exported from Rung: {what}. Its base model is {model.name} ({model.sha256[:12]}), in {page.dtype}.",
            f"由 Rung 导出：{what}。基座模型为 {model.name}（{model.sha256[:12]}），精度 {page.dtype}。",
        ),
        _files(page),
        page.say("## Serve it", "## 提供服务"),
        page.say("Type these in this folder.", "以下命令在本文件夹中运行。"),
        *SERVE[to](page),
        page.say("## Ask it", "## 提问"),
        *_asking(page),
        page.say("## The check", "## 检查结果"),
        _checked(page, check),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _files(page: Page) -> str:
    rows = [
        ("adapter/", "the adapter in PEFT's format", "PEFT 格式的适配器"),
        ("model/", "the whole model, with what was trained in its weights", "完整模型，训练结果已并入权重"),
        ("base/", "the base model, unchanged", "基座模型，未作改动"),
        ("prompt.txt", f"what the model reads; `{page.prompt.answer['slot']}` is the input", f"模型读到的文本；`{page.prompt.answer['slot']}` 处填输入"),
        ("messages.json", "the same as chat messages", "同一提示的对话消息形式"),
        ("answer.json", "how the answer is asked for and read", "如何取得并解读回答"),
        ("ask.py", "asks it of any server; needs the openai client only", "向任意服务器提问；只需要 openai 客户端"),
        ("export.json", "what was exported, and the check", "导出内容与检查结果"),
    ]  # fmt: skip
    there = [row for row in rows if (page.folder / row[0]).exists() or row[0] == "export.json"]
    lines = [f"| `{name}` | {page.say(en, zh)} |" for name, en, zh in there]
    return "\n".join([page.say("| file | what it is |", "| 文件 | 内容 |"), "|---|---|", *lines])


def _vllm(page: Page, model: str, *more: str) -> str:
    """``--generation-config vllm``: the model's own may draw or punish repetitions; a float32 would be served in float16."""
    words = ["vllm", "serve", model, "--dtype", page.dtype, "--generation-config", "vllm", *more]
    return _block("bash", shlex.join(words))


def _serve_peft(page: Page) -> list[str]:
    quantised = trained_by(page.made) == "qlora"
    load = f'base = AutoModelForCausalLM.from_pretrained("{page.base}", dtype="{page.dtype}")'
    imports = "from transformers import AutoModelForCausalLM, AutoTokenizer"
    if quantised:
        imports = "from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig"
        load = (
            'packed = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)\n'
            f'base = AutoModelForCausalLM.from_pretrained("{page.base}", quantization_config=packed, dtype="{page.dtype}")'
        )
    code = (
        f"from peft import PeftModel\n{imports}\n\n{load}\n"
        f'tokenizer = AutoTokenizer.from_pretrained("{page.base}")\n'
        f'model = PeftModel.from_pretrained(base, "{peft.ADAPTER}").eval()'
    )
    return [_block("python", code), _hint(page)]


def _hint(page: Page) -> str:
    method = trained_by(page.made)
    if method in ("prompt-tuning", "p-tuning"):
        return page.say(
            "PEFT puts the soft tokens before the text, and their logits before those of the text.",
            "PEFT 把软词元放在文本之前，其 logits 也排在文本的 logits 之前。",
        )
    if method == "qlora":
        return page.say(
            "On a CPU with AVX-512 BF16 bitsandbytes rounds the scales of the 4 bits to bfloat16, and log-probabilities move by "
            f"hundredths. Set `{peft.FAST} = False` on its layers for the numbers that were measured, or export `--to merged`.",
            "在支持 AVX-512 BF16 的 CPU 上，bitsandbytes 会把 4 位权重的缩放系数舍入为 bfloat16，对数概率会有百分位的变化。"
            f"要得到与测量时相同的数值，请在这些层上设置 `{peft.FAST} = False`，或导出为 `--to merged`。",
        )
    if method == "lora":
        return page.say("vLLM may serve it too: `--to vllm`.", "也可以交给 vLLM：`--to vllm`。")
    return ""


def _serve_vllm(page: Page) -> list[str]:
    rank = str(vllm.max_rank(page.folder / peft.ADAPTER))
    named = f"{page.name}={peft.ADAPTER}"
    return [_vllm(page, page.base, "--enable-lora", "--max-lora-rank", rank, "--lora-modules", named)]


def _serve_merged(page: Page) -> list[str]:
    code = (
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f'tokenizer = AutoTokenizer.from_pretrained("{merged.MODEL}")\n'
        f'model = AutoModelForCausalLM.from_pretrained("{merged.MODEL}", dtype="{page.dtype}").eval()'
    )
    return [_vllm(page, merged.MODEL, "--served-model-name", page.name), _block("python", code)]


def _serve_prompt(page: Page) -> list[str]:
    if trained_by(page.made) is not None:
        return [
            page.say(
                "**The weights that were trained with this prompt are not here**: on the bare base it answers otherwise. "
                "Give it to a server that has them.",
                "**与此提示一同训练的权重不在这里**：只用基座模型时回答会不同。请用在已加载这些权重的服务器上。",
            )
        ]
    return [_vllm(page, page.base, "--served-model-name", page.name)]


SERVE: dict[str, Callable[[Page], list[str]]] = {
    "peft": _serve_peft, "vllm": _serve_vllm, "merged": _serve_merged, "prompt": _serve_prompt,
}  # fmt: skip


def _asking(page: Page) -> list[str]:
    line = f'python ask.py "..." --url http://localhost:8000/v1 --model {shlex.quote(page.name)}'
    server = page.say(
        "Any OpenAI-compatible server. vLLM has not been run for this export: its rules were checked, and its flags are those that it documents.",
        "适用于任何 OpenAI 兼容的服务器。导出时没有运行 vLLM：只核对了它的规则，命令行参数以其文档为准。",
    )  # fmt: skip
    return [_block("bash", f'pip install "openai>=2"\n{line}'), server]


def _checked(page: Page, check: Check | None) -> str:
    if page.to == "prompt" and trained_by(page.made) is not None:
        return page.say(
            "There is none: without the trained weights it answers otherwise.",
            "无从检查：没有训练出的权重，回答本就不同。",
        )
    if check is None:
        return page.say(
            "It was not checked: type `rung export ... --check FILE` with labelled examples.",
            "没有检查：请用 `rung export ... --check 文件`，给出带标注的样本。",
        )
    same = page.say("every answer is the same", "所有回答一致")
    if not check.equal:
        same = page.say(
            f"**{check.predictions} answers and {check.prompts} prompts differ**",
            f"**{check.predictions} 条回答、{check.prompts} 条提示不同**",
        )
    near = ""
    if check.logprobs is not None:
        near = page.say(
            f"; log-probabilities differ by at most {check.logprobs:.1e}", f"；对数概率最多相差 {check.logprobs:.1e}"
        )
    how = page.say("PEFT and transformers", "PEFT 与 transformers") if page.to in ("peft", "vllm") else "transformers"
    return page.say(
        f"On {check.n} examples ({check.examples}), read by Rung and by {how}: {same}{near}. "
        f"{check.rung.metric}: {_figure(check.rung)} by Rung, {_figure(check.exported)} exported.",
        f"{check.n} 条样本（{check.examples}），分别由 Rung 与 {how} 作答：{same}{near}。"
        f"{check.rung.metric}：Rung {_figure(check.rung)}，导出后 {_figure(check.exported)}。",
    )


def _figure(result: Result) -> str:
    return "–" if result.value is None else f"{result.value:.4f}"
