"""Dialogues in which the assistant calls a tool, reads its result and answers.

A call is one JSON object alone in the turn: {"tool": NAME, "arguments": {...}}. The result comes back as a user's turn
("Result: ..." / "结果：..."), and the answer has one form ("The answer is ..." / "答案是……"), so that later parts can rely on both.
Names, arguments and layout of the tools vary: they must be read.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from rung.instruct.exercises.facts import ATTRIBUTES, facts, told, upper
from rung.instruct.exercises.toolbox import TOOLS, Tool, Use
from rung.instruct.exercises.world import NAMES, invented
from rung.instruct.family import Family
from rung.instruct.holdout import held_out
from rung.instruct.item import Dialogue, Turn
from rung.instruct.sources import Sources
from rung.types import Language

ANSWER: dict[Language, str] = {"en": "The answer is {}.", "zh": "答案是{}。"}
RESULT: dict[Language, str] = {"en": "Result: {}", "zh": "结果：{}"}
UNKNOWN: dict[Language, str] = {"en": "I do not know.", "zh": "我不知道。"}
CALL = '{"tool": NAME, "arguments": {...}}'

OPENINGS: dict[Language, tuple[str, ...]] = {
    "en": (
        "You can use these tools:", "Tools:", "You are a helpful assistant with the following tools:", "Available tools:",
        "You may call one of these functions.", "Here is what you can call:", "The following tools answer what you cannot know:",
        "You have access to tools.", "Assistant with tools. The list:",
    ),
    "zh": (
        "你可以使用下面的工具：", "工具：", "你是一个会用工具的助手，工具如下：", "可用的工具：", "你可以调用这些函数：", "需要时请调用下列工具：",
        "以下工具能帮你回答问题：", "你有这些工具可用。", "助手的工具清单：",
    ),
}  # fmt: skip
RULES: dict[Language, tuple[str, ...]] = {
    "en": (
        f"To call one, write only {CALL}.", f"A call is one JSON object: {CALL}", f"Call in this form: {CALL}. Else answer directly.",
        f"When a tool is needed, reply with {CALL} and nothing else.", f"Use {CALL} to call a tool, and wait for its result.",
        f"If a tool helps, write {CALL}; if none is needed, just answer.", f"Format of a call: {CALL}",
    ),
    "zh": (
        f"调用时只写 {CALL}。", f"调用的格式是一个 JSON 对象：{CALL}", f"用这种格式调用：{CALL}，不需要时直接回答。", f"需要工具时，只回复 {CALL}。",
        f"写 {CALL} 来调用工具，然后等待结果。", f"如果用得上工具，就写 {CALL}；用不上就直接回答。", f"调用格式：{CALL}",
    ),
}  # fmt: skip
GREETINGS: dict[Language, tuple[tuple[tuple[str, ...], str], ...]] = {  # what is said, the reply
    "en": (
        (("Hello!", "Hi", "Good morning.", "Hey there!", "Good evening!", "Hi, how are you?", "Hello, are you there?", "Nice to meet you."),
         "Hello! How can I help you?"),
        (("Hello, I am {n}.", "Hi, my name is {n}.", "{n} here.", "Good day, this is {n}.", "I'm {n}, hello!"), "Hello, {n}! How can I help you?"),
        (("Thanks!", "Thank you very much.", "Great, thank you.", "Many thanks.", "That was helpful, thanks."), "You are welcome!"),
        (("Goodbye!", "Bye.", "See you tomorrow.", "That was all. Bye!", "Good night."), "Goodbye!"),
    ),
    "zh": (
        (("你好！", "您好", "早上好。", "在吗？", "晚上好！", "嗨，你好吗？", "你好呀", "很高兴认识你。"), "你好！有什么可以帮你？"),
        (("你好，我是{n}。", "我叫{n}。", "我是{n}，你好！", "您好，这里是{n}。", "大家都叫我{n}。"), "你好，{n}！有什么可以帮你？"),
        (("谢谢！", "非常感谢。", "太好了，谢谢你。", "多谢。", "帮了大忙，谢谢。"), "不客气！"),
        (("再见！", "拜拜。", "明天见。", "没别的事了，再见！", "晚安。"), "再见！"),
    ),
}  # fmt: skip
PASSAGES: dict[Language, tuple[str, ...]] = {
    "en": ("{t}\n{q}", "Read this: {t}\n{q}", "{t} {q}", "My notes say: {t}\n{q}", "Text: {t}\nQuestion: {q}"),
    "zh": ("{t}\n{q}", "请看：{t}\n{q}", "{t}{q}", "我的笔记里写着：{t}\n{q}", "原文：{t}\n问题：{q}"),
}


@dataclass(frozen=True)
class Listed:
    """A tool as one system message shows it."""

    name: str
    does: str
    takes: tuple[str, ...]
    tool: Tool

    def call(self, use: Use) -> str:
        return call(self.name, dict(zip(self.takes, use.arguments, strict=True)))


def call(name: str, arguments: dict[str, object]) -> str:
    """The one form of a tool call."""
    return json.dumps({"tool": name, "arguments": arguments}, ensure_ascii=False)


def listed(rng: random.Random, tool: Tool) -> Listed:
    """One of the wordings of a tool; now and then its name says nothing."""
    name = rng.choice(tool.names) if rng.random() < 0.8 else invented(rng, "en").lower()
    return Listed(name, rng.choice(tool.does), rng.choice(tool.takes), tool)


def system(rng: random.Random, tools: list[Listed], language: Language, table: dict[str, str] | None = None) -> str:
    """The system message; ``table`` are the entries behind a tool, where they are shown."""
    layout = rng.choice((_dashed, _plain, _numbered, _json))
    lines = [layout(number, tool, language) for number, tool in enumerate(tools, 1)]
    parts = [rng.choice(OPENINGS[language]), *lines]
    if table:
        known = "; ".join(f"{name}: {value}" for name, value in table.items())
        parts.append(f"资料：{known}" if language == "zh" else f"Data: {known}")
    return "\n".join([*parts, rng.choice(RULES[language])])


def _dashed(number: int, tool: Listed, language: Language) -> str:
    return f"- {tool.name}({', '.join(tool.takes)}){'：' if language == 'zh' else ': '}{tool.does}"


def _plain(number: int, tool: Listed, language: Language) -> str:
    return f"{tool.name}({', '.join(tool.takes)}) {tool.does}"


def _numbered(number: int, tool: Listed, language: Language) -> str:
    takes = ", ".join(tool.takes)
    return (
        f"{number}. {tool.name}，{tool.does}，参数：{takes}"
        if language == "zh"
        else f"{number}. {tool.name}, {tool.does}. Arguments: {takes}"
    )


def _json(number: int, tool: Listed, language: Language) -> str:
    return json.dumps({"name": tool.name, "description": tool.does, "arguments": list(tool.takes)}, ensure_ascii=False)


def tools(rng: random.Random, sources: Sources) -> Dialogue:
    """A question for one of one to four tools, sometimes two in turn; one in four needs no tool or one that is not there."""
    language: Language = rng.choice(("zh", "en"))
    known = TOOLS[language]
    chosen = rng.sample(list(known), rng.choice((1, 2, 2, 3, 3, 4)))
    shown = [listed(rng, known[name]) for name in chosen]
    way = rng.choices(("call", "greeting", "passage", "absent"), (12, 1, 2, 1))[0]
    if way != "call" and not (way == "absent" and "search" in chosen):  # a search may know anything
        make = {"greeting": _greeting, "passage": _passage, "absent": _absent(chosen)}[way]
        question, answer = make(rng, language)
        turns = [Turn("user", question), Turn("assistant", answer, learned=True)]
        return Dialogue("tools", language, (Turn("system", system(rng, shown, language)), *turns), key=question)
    first = rng.choice(shown)
    use = first.tool.use(rng)
    table = dict(use.known) if rng.random() < 0.2 else None
    turns = [Turn("system", system(rng, shown, language, table)), *_exchange(first, use, language)]
    if rng.random() < 0.2:
        second = rng.choice([tool for tool in shown if tool is not first] or shown)
        turns += _exchange(second, _trained(rng, second.tool), language)
    return Dialogue("tools", language, tuple(turns), key=use.key or use.question)


def _trained(rng: random.Random, tool: Tool) -> Use:
    """A use of the tool that is not held out: only a dialogue's first question decides about it."""
    while True:
        use = tool.use(rng)
        if not held_out(use.key or use.question):
            return use


def _exchange(tool: Listed, use: Use, language: Language) -> list[Turn]:
    """Question, call, result, answer."""
    answer = UNKNOWN[language] if use.final is None else ANSWER[language].format(use.final)
    return [
        Turn("user", use.question),
        Turn("assistant", tool.call(use), learned=True),
        Turn("user", RESULT[language].format(use.result)),
        Turn("assistant", answer, learned=True),
    ]


Answered = Callable[[random.Random, Language], tuple[str, str]]


def _greeting(rng: random.Random, language: Language) -> tuple[str, str]:
    said, reply = rng.choice(GREETINGS[language])
    name = rng.choice(NAMES[language])
    return rng.choice(said).format(n=name), reply.format(n=name)


def _passage(rng: random.Random, language: Language) -> tuple[str, str]:
    """A question that the user's own text answers."""
    known = facts(rng, language, rng.choice(list(ATTRIBUTES[language])))
    asked = rng.choice(known)
    text = rng.choice(PASSAGES[language]).format(t=told(rng, known, language), q=upper(asked.asked(rng)))
    return text, ANSWER[language].format(asked.value)


def _absent(chosen: list[str]) -> Answered:
    def made(rng: random.Random, language: Language) -> tuple[str, str]:
        """A question that no tool on the list answers; a calculator could convert units."""
        able = [*chosen, "convert"] if "calculator" in chosen else chosen
        name = rng.choice([name for name in TOOLS[language] if name not in able])
        return TOOLS[language][name].use(rng).question, UNKNOWN[language]

    return made


FAMILIES: tuple[Family, ...] = (Family("tools", tools),)
