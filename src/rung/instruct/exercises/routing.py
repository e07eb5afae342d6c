"""Which of several helpers fits a request? Their names say nothing; what each of them does must be read."""

from __future__ import annotations

import random

from rung.instruct.exercises.demonstrate import demonstrations
from rung.instruct.exercises.routes import HELPERS, ROUTES
from rung.instruct.family import Family
from rung.instruct.holdout import held_out
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.prompts import TEMPLATES
from rung.types import Language

ASK: dict[Language, tuple[str, ...]] = {
    "en": (
        "Which helper should answer the request?", "Send the request to the one who knows about it.", "Pick the helper that fits.",
        "Choose who takes care of this.", "Route the message.", "Name the helper for this request.", "Who of them is the right one?",
        "Decide which assistant gets the request.",
    ),
    "zh": (
        "这个请求该交给谁？", "把请求转给合适的助手。", "选出最合适的一个。", "决定由谁来处理。", "给消息分派助手。", "说出该找哪个助手。", "他们当中谁最合适？",
        "判断请求应由哪个助手回答。",
    ),
}  # fmt: skip
LISTS: dict[Language, tuple[str, ...]] = {  # {h}: the helpers, {r}: the request
    "en": ("{h}\nRequest: {r}", "Helpers:\n{h}\n\nUser: {r}", "{r}\nWho is there:\n{h}", "Team:\n{h}\nMessage: {r}", "\"{r}\"\n{h}"),
    "zh": ("{h}\n请求：{r}", "助手：\n{h}\n\n用户：{r}", "{r}\n可选的助手：\n{h}", "成员：\n{h}\n消息：{r}", "“{r}”\n{h}"),
}  # fmt: skip
FRAMES: dict[Language, tuple[str, ...]] = {
    "en": ("{r}",) * 6 + ("Hello! {r}", "{r} Thanks.", "Quick question: {r}", "Excuse me. {r}", "Can somebody help me? {r}", "{r} It is urgent."),
    "zh": ("{r}",) * 6 + ("你好，{r}", "{r}谢谢。", "请问一下，{r}", "打扰了，{r}", "有人能帮忙吗？{r}", "{r}比较急。"),
}  # fmt: skip
LINES: tuple[str, ...] = ("{n}: {d}", "- {n}: {d}", "{n} = {d}", "{n} ({d})", "* {n} - {d}", "[{n}] {d}")


def routing(rng: random.Random, sources: Sources) -> Exercise:
    """The helper for a request. What each does stands in the input, or once above demonstrations.

    Requests for exams are never trained on, in whatever company of helpers.
    """
    language: Language = rng.choice(("zh", "en"))
    routes = ROUTES[language]
    fields, field, request = _request(rng, language, exam=sources.exam)
    names = dict(zip(fields, rng.sample(rng.choice(HELPERS[language]), len(fields)), strict=True))
    line = rng.choice(LINES)
    helpers = "\n".join(line.format(n=names[f], d=rng.choice(routes[f].does)) for f in fields)
    above = rng.random() < 0.4
    layout = "{r}" if above else rng.choice(LISTS[language])

    def shown(text: str) -> str:
        return layout.format(h=helpers, r=rng.choice(FRAMES[language]).format(r=text))

    def another() -> tuple[str, str, str]:
        other = rng.choice(fields)
        text = rng.choice(routes[other].requests)
        return shown(text), names[other], text

    text, ask = shown(request), rng.choice(ASK[language])
    told = [prompt for prompt in TEMPLATES[language]["classify"] if prompt.name in ("instruct", "role", "question")]
    shots = rng.choice((0, 0, 1, 2, 4, 8)) if above else 0
    return Exercise(
        family="routing",
        kind="classify",
        language=language,
        input=text,
        target=names[field],
        description=f"{helpers}\n{ask}" if above else ask,
        labels=tuple(rng.sample(list(names.values()), len(names))),
        demonstrations=demonstrations(rng, another, question=text, key=request, shots=shots),
        prompt=rng.choice(told) if above else None,  # a template that shows the description
        key=f"{request} {sorted(fields)}",
    )


def _request(rng: random.Random, language: Language, *, exam: bool) -> tuple[list[str], str, str]:
    """Two to five fields, one of them, and a request that belongs to it: a held-out one for an exam."""
    routes = ROUTES[language]
    known = [(field, r) for field, route in routes.items() for r in route.requests if held_out(r) == exam]
    field, request = rng.choice(known)
    others = rng.sample([name for name in routes if name != field], rng.choice((1, 1, 2, 2, 3, 4)))
    return rng.sample([field, *others], len(others) + 1), field, request


FAMILIES: tuple[Family, ...] = (Family("routing", routing),)
