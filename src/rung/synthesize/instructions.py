"""A labelled set as instructions: each example through one of several ways to ask, in the language of its own text.

Templates as in FLAN (Wei et al. 2022, arXiv 2109.01652, section 2.1: ten for a set), written for this project. Which one an example
gets, and the order in which it names the labels, is a hash of the seed and its input: it depends on no other row.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from rung.pretrain.clean.heldout import held_out_files
from rung.prompts.template import fill
from rung.synthesize.alike import Known
from rung.synthesize.attempt import Attempt, Candidate
from rung.synthesize.filters import input_filters, leak
from rung.synthesize.journal import Journal
from rung.synthesize.report import figures
from rung.synthesize.seeds import Seeds
from rung.synthesize.synthesize import (
    Filtering,
    accepted,
    check_keep,
    first,
    identity_of_files,
    place,
    write_report,
    write_rows,
)
from rung.task.language import is_chinese
from rung.types import DataError, Kind, Language, digest

FILTERS = ("empty", "duplicate", "leak")  # of a set that people have labelled

_EN_LABELS = "{% for label in labels %}\n- {{ label }}{% endfor %}"
_EN_TASK = "{{ description|sentence if description else 'Decide which label fits the text.' }}"
_ZH_TASK = "{{ description|sentence if description else '判断下面的文本属于哪一类。' }}"
_EN_EXTRACT = "{{ description|sentence if description else 'Extract the information from the text.' }}"
_ZH_EXTRACT = "{{ description|sentence if description else '从文本中提取信息。' }}"
_EN_FIELDS = "{% if fields %} with the keys {{ fields|join(', ') }}{% endif %}"
_ZH_FIELDS = "{% if fields %}，键为{{ fields|join('、') }}{% endif %}"
_EN_ASK = "{{ description|sentence if description else 'Give a fitting answer.' }}"
_ZH_ASK = "{{ description|sentence if description else '请给出合适的回答。' }}"

INSTRUCTIONS: Mapping[Language, Mapping[Kind, tuple[str, ...]]] = {
    "en": {
        "classify": (
            _EN_TASK + " Choose one of: {{ labels|join(', ') }}.\n\n{{ input }}",
            "{{ input }}\n\nWhich of these describes the text above: {{ labels|join(', ') }}? Reply with the label alone.",
            _EN_TASK + "\nPossible labels:" + _EN_LABELS + "\n\nText: {{ input }}\nLabel:",
            "Here is a text:\n\n\"{{ input }}\"\n\nI have to file it under one of the following:" + _EN_LABELS
            + "\n\nWhich one should I pick?",
            "You sort incoming texts. " + _EN_TASK + " Answer with nothing but one of these words: {{ labels|join(' / ') }}."
            "\n\n{{ input }}",
            "Read this and tell me what it is ({{ labels|join(', ') }}): {{ input }}",
            "Question: how would you label the following text?\nOptions: {{ labels|join('; ') }}\nText: {{ input }}\nAnswer:",
            "{{ input }}\n\n" + _EN_TASK + "\nThe only allowed answers are {{ labels|join(', ') }}.",
        ),
        "extract": (
            _EN_EXTRACT + " Answer in JSON" + _EN_FIELDS + ".\n\n{{ input }}",
            "{{ input }}\n\nTurn the text above into a JSON object" + _EN_FIELDS + ".",
            "Text: {{ input }}\n" + _EN_EXTRACT + "\nJSON:",
            "Please fill in a record from this text. Use JSON" + _EN_FIELDS + ", and copy only what the text says.\n\n"
            "\"{{ input }}\"",
            "What can be read from the following? " + _EN_EXTRACT + " I need it as JSON" + _EN_FIELDS + ".\n\n{{ input }}",
            _EN_EXTRACT + "\nInput:\n{{ input }}\n\nOutput (JSON" + _EN_FIELDS + "):",
        ),
        "generate": (
            "{% if description %}{{ description|sentence }}\n\n{% endif %}{{ input }}",
            _EN_ASK + "\nInput: {{ input }}\nOutput:",
            "{{ input }}\n\n{{ description|sentence if description else 'What would you answer?' }}",
            "Task: " + _EN_ASK + "\n\nHere is the input:\n{{ input }}",
            "I need your help with this. " + _EN_ASK + "\n\n{{ input }}",
            "\"{{ input }}\"\n\nFor the text in quotes: " + _EN_ASK,
        ),
    },
    "zh": {
        "classify": (
            _ZH_TASK + "从以下标签中选一个：{{ labels|join('、') }}。\n\n{{ input }}",
            "{{ input }}\n\n上面这段话属于哪一类？可选：{{ labels|join('、') }}。只回答标签。",
            _ZH_TASK + "\n可选标签：" + _EN_LABELS + "\n\n文本：{{ input }}\n标签：",
            "我收到了这样一段文字：\n“{{ input }}”\n请帮我归类，只能归入下面其中一类：" + _EN_LABELS,
            "你负责给文本分类。" + _ZH_TASK + "回答时只写标签（{{ labels|join('／') }}），不要解释。\n\n{{ input }}",
            "读一读，告诉我它是哪一种（{{ labels|join('、') }}）：{{ input }}",
            "问题：下面的文本应该打上什么标签？\n选项：{{ labels|join('；') }}\n文本：{{ input }}\n答案：",
            "{{ input }}\n\n" + _ZH_TASK + "答案只能是{{ labels|join('、') }}之一。",
        ),
        "extract": (
            _ZH_EXTRACT + "用 JSON 格式回答" + _ZH_FIELDS + "。\n\n{{ input }}",
            "{{ input }}\n\n请把上面的文字整理成一个 JSON 对象" + _ZH_FIELDS + "。",
            "文本：{{ input }}\n" + _ZH_EXTRACT + "\nJSON：",
            "请根据这段话填写一条记录，用 JSON 表示" + _ZH_FIELDS + "，只摘录原文里有的内容。\n\n“{{ input }}”",
            "从下面的内容里能得到什么信息？" + _ZH_EXTRACT + "结果写成 JSON" + _ZH_FIELDS + "。\n\n{{ input }}",
            _ZH_EXTRACT + "\n输入：\n{{ input }}\n\n输出（JSON" + _ZH_FIELDS + "）：",
        ),
        "generate": (
            "{% if description %}{{ description|sentence }}\n\n{% endif %}{{ input }}",
            _ZH_ASK + "\n输入：{{ input }}\n输出：",
            "{{ input }}\n\n{{ description|sentence if description else '对此你会怎么回答？' }}",
            "任务：" + _ZH_ASK + "\n\n内容如下：\n{{ input }}",
            "想请你帮个忙。" + _ZH_ASK + "\n\n{{ input }}",
            "“{{ input }}”\n\n针对引号里的内容：" + _ZH_ASK,
        ),
    },
}  # fmt: skip


def instruction(seeds: Seeds, input: str, seed: int = 0) -> tuple[str, str]:
    """(name of the template, the instruction with the input in it)."""
    language: Language = "zh" if is_chinese(input) else "en"
    templates = INSTRUCTIONS[language][seeds.kind]
    rng = Random(digest("instruction", seed, input))
    at = rng.randrange(len(templates))
    labels = rng.sample(seeds.labels, len(seeds.labels))
    name = f"{language}-{seeds.kind}-{at + 1}"
    words = {
        "input": input, "labels": labels, "fields": list(seeds.words.fields), "description": seeds.description.strip(),
    }  # fmt: skip
    return name, fill(templates[at], words, prompt=name, part="instruction")


def to_instructions(out: Path, seeds: Seeds, how: Filtering = Filtering(), seed: int = 0) -> dict[str, Any]:
    """Write ``out/data.jsonl`` (instruction, output) and ``out/report.json``; returns what the report holds.

    Raises DataError where there are no examples, and UserError for a folder of other settings.
    """
    check_keep(how.keep)
    if not seeds.examples:
        raise DataError("no labelled set to turn: type --seeds FILE", zh="没有可转换的标注集：请加 --seeds 文件")
    files = held_out_files(how.held_out)
    settings = {
        "to-instructions": True, "kind": seeds.kind, "labels": list(seeds.labels), "description": seeds.description, "seed": seed,
        "seeds": digest([(e.input, e.target) for e in seeds.examples]), "keep": sorted(how.keep),
        **identity_of_files(files),
    }  # fmt: skip
    journal = Journal(out, settings)
    try:
        if not journal.attempts:
            known = Known()
            filters = input_filters(seeds, known, leak(files) if files else None, given=True)
            chosen = {n: filters[n] for n in FILTERS if n in filters and n not in how.keep}
            attempts = []
            for number, example in enumerate(seeds.examples):
                one = Candidate(number, example.input, example.source)
                attempts.append(Attempt(one, example.target, finding=first(chosen, one)))
                known.add(one.input, place(one))
            journal.keep(attempts)
        write_rows(out / "data.jsonl", [row(a, seeds, seed) for a in accepted(journal.attempts)])
        return write_report(out, figures(journal.attempts, None, settings))
    finally:
        journal.close()


def row(attempt: Attempt, seeds: Seeds, seed: int) -> dict[str, Any]:
    """A line of ``data.jsonl``."""
    name, text = instruction(seeds, attempt.candidate.input, seed)
    return {
        "instruction": text, "output": attempt.output,
        "provenance": {"template": name, "place": attempt.candidate.place, "seed": seed},
    }  # fmt: skip
