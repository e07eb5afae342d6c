"""The templates: for each language and kind, a few natural ways to ask.

They are candidates, not folklore: the prompt rung measures each of them. All are short, because a base model of a few million
parameters is the first user and sixteen demonstrations must fit into 1,024 tokens; what is said once stands in the instruction,
what is said for every demonstration stands in the question.

===========  ==========================================================================
bare         the input and the lead, nothing else
instruct     the task's description (or a general one) with the labels or the fields
role         the same, said to someone
question     the input, then a question about it
pairs        input and output: the task is shown, not told
lines        the label in the line below its text: as little as can stand between them
===========  ==========================================================================
"""

from __future__ import annotations

from dataclasses import replace

from rung.types import Kind, Language, Prompt

# One label of few is asked for by name ("正面还是负面？"); a long list stands in the instruction, once, not in every demonstration.
_FEW = "labels and labels|length <= 4"
_ZH_EITHER = "{{ labels[:-1]|join('、') }}{% if labels|length > 1 %}还是{% endif %}{{ labels|last }}"
_EN_EITHER = "{{ labels[:-1]|join(', ') }}{% if labels|length > 1 %} or {% endif %}{{ labels|last }}"


def _zh(name: str, question: str, lead: str, *, role: str = "", instruction: str = "") -> Prompt:
    return Prompt(name, "zh", role=role, instruction=instruction, question=question, lead=lead)


def _en(name: str, question: str, lead: str, *, role: str = "", instruction: str = "") -> Prompt:
    return Prompt(name, "en", role=role, instruction=instruction, question=question, lead=lead, answer=" {{ target }}")


_ZH_PAIRS = _zh("pairs", "输入：{{ input }}", "输出：")
_EN_PAIRS = _en("pairs", "Input: {{ input }}", "Output:")

# A small model finds the text that a label belongs to the more easily the nearer it stands: see docs/LOG.md, 2026-11-24.
_ZH_LINES = Prompt("lines", "zh")
_EN_LINES = Prompt("lines", "en")

_ZH_CLASSIFY = (
    "{{ description|sentence if description else '判断下面的文本属于哪一类。' }}"
    "{% if labels %}可选标签：{{ labels|join('、') }}。{% endif %}"
)
_EN_CLASSIFY = (
    "{{ description|sentence if description else 'Decide which label fits the text.' }}"
    "{% if labels %} Labels: {{ labels|join(', ') }}.{% endif %}"
)
_ZH_EXTRACT = (
    "{{ description|sentence if description else '从文本中提取信息。' }}"
    "{% if fields %}用 JSON 格式回答，字段为：{{ fields|join('、') }}。{% else %}用 JSON 格式回答。{% endif %}"
)
_EN_EXTRACT = (
    "{{ description|sentence if description else 'Extract the information from the text.' }}"
    " Answer in JSON{% if fields %} with the fields: {{ fields|join(', ') }}{% endif %}."
)
_ZH_GENERATE = "{{ description|sentence if description else '根据输入写出合适的回答。' }}"
_EN_GENERATE = "{{ description|sentence if description else 'Write a fitting answer to the input.' }}"

_ZH_GENERATE_PROMPTS = (
    _zh("bare", "问题：{{ input }}", "回答："),
    _zh("instruct", "输入：{{ input }}", "回答：", instruction=_ZH_GENERATE),
    _zh("role", "输入：{{ input }}", "回答：", role="你是一名专业、耐心的助手。", instruction=_ZH_GENERATE),
    _zh("question", "问：{{ input }}", "答：", instruction="{{ description|sentence }}"),
    _ZH_PAIRS,
)
_EN_GENERATE_PROMPTS = (
    _en("bare", "Question: {{ input }}", "Answer:"),
    _en("instruct", "Input: {{ input }}", "Answer:", instruction=_EN_GENERATE),
    _en(
        "role",
        "Input: {{ input }}",
        "Answer:",
        role="You are a skilled and patient assistant.",
        instruction=_EN_GENERATE,
    ),
    _en("question", "Q: {{ input }}", "A:", instruction="{{ description|sentence }}"),
    _EN_PAIRS,
)

TEMPLATES: dict[Language, dict[Kind, tuple[Prompt, ...]]] = {
    "zh": {
        "classify": (
            _zh("bare", "文本：{{ input }}", "标签："),
            _zh("instruct", "文本：{{ input }}", "标签：", instruction=_ZH_CLASSIFY),
            _zh("role", "文本：{{ input }}", "标签：", role="你是一名经验丰富的文本标注员。", instruction=_ZH_CLASSIFY),
            _zh(
                "question",
                f"{{{{ input }}}}\n问：{{% if {_FEW} %}}{_ZH_EITHER}？{{% else %}}属于哪一类？{{% endif %}}",
                "答：",
                instruction=f"{{% if {_FEW} %}}{{{{ description|sentence }}}}{{% else %}}{_ZH_CLASSIFY}{{% endif %}}",
            ),
            _ZH_PAIRS,
            _ZH_LINES,
        ),
        "extract": (
            _zh("bare", "文本：{{ input }}", "JSON："),
            _zh("instruct", "文本：{{ input }}", "JSON：", instruction=_ZH_EXTRACT),
            _zh(
                "role",
                "文本：{{ input }}",
                "JSON：",
                role="你是一名严谨的信息抽取员，只摘录原文里有的内容。",
                instruction=_ZH_EXTRACT,
            ),
            _zh("question", "{{ input }}\n问：从这段话中能提取出哪些信息？", "答：", instruction=_ZH_EXTRACT),
            _ZH_PAIRS,
        ),
        "generate": _ZH_GENERATE_PROMPTS,
        "prefer": _ZH_GENERATE_PROMPTS,
    },
    "en": {
        "classify": (
            _en("bare", "Text: {{ input }}", "Label:"),
            _en("instruct", "Text: {{ input }}", "Label:", instruction=_EN_CLASSIFY),
            _en(
                "role",
                "Text: {{ input }}",
                "Label:",
                role="You are an experienced text annotator.",
                instruction=_EN_CLASSIFY,
            ),
            _en(
                "question",
                f"{{{{ input }}}}\nQuestion: {{% if {_FEW} %}}{_EN_EITHER}{{% else %}}Which label fits{{% endif %}}?",
                "Answer:",
                instruction=f"{{% if {_FEW} %}}{{{{ description|sentence }}}}{{% else %}}{_EN_CLASSIFY}{{% endif %}}",
            ),
            _EN_PAIRS,
            _EN_LINES,
        ),
        "extract": (
            _en("bare", "Text: {{ input }}", "JSON:"),
            _en("instruct", "Text: {{ input }}", "JSON:", instruction=_EN_EXTRACT),
            _en(
                "role",
                "Text: {{ input }}",
                "JSON:",
                role="You extract information precisely and copy only what the text says.",
                instruction=_EN_EXTRACT,
            ),
            _en(
                "question",
                "{{ input }}\nQuestion: What information can be extracted from this text?",
                "Answer:",
                instruction=_EN_EXTRACT,
            ),
            _EN_PAIRS,
        ),
        "generate": _EN_GENERATE_PROMPTS,
        "prefer": _EN_GENERATE_PROMPTS,
    },
}


def chat_variant(prompt: Prompt) -> Prompt:
    """The same words as a chat: the lead closes the user's turn, so that the assistant's turn is the answer alone.

    A prompt that reasons keeps its lead in the assistant's turn, where it stands between the reasoning and the answer. Apply magic
    words before this.
    """
    chat = replace(prompt, name=f"{prompt.name}/chat", style="chat")
    if prompt.reasoning is not None or not prompt.lead:
        return chat
    return replace(chat, question=f"{prompt.question}\n{prompt.lead}", lead="")
