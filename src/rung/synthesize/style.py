"""Plain text or chat: the form in which a model finds what stands in the seeds more likely.

Many base models have a chat template that they were never trained on, so that having one says little.
"""

from __future__ import annotations

from collections.abc import Sequence

from rung.engine import LanguageModel
from rung.prompts import Words, answer_text, chat_variant, fit, render
from rung.types import Demonstration, Prompt

TRIED = 4  # seeds whose texts are scored in both forms


def styled(model: LanguageModel, plain: Prompt, words: Words, shown: Sequence[Demonstration]) -> Prompt:
    """``plain`` or its chat variant, by the log-probability of each of a few demonstrations behind the others.

    A chat where there is a template and nothing to compare by: fewer than two demonstrations, or no log-probabilities.
    """
    if not model.has_chat_template:
        return plain
    chat = chat_variant(plain)
    if len(shown) < 2 or not (model.scores_labels("plain") and model.scores_labels("chat")):
        return chat
    one, two = (
        sum(logprob(model, prompt, words, shown, i) for i in range(min(TRIED, len(shown)))) for prompt in (plain, chat)
    )
    return plain if one >= two else chat


def logprob(model: LanguageModel, prompt: Prompt, words: Words, shown: Sequence[Demonstration], at: int) -> float:
    """Of the text of one demonstration, behind as many of the others as fit."""
    one, others = shown[at], [d for i, d in enumerate(shown) if i != at]
    chat = model.chat if prompt.style == "chat" else None
    text = answer_text(prompt, words, one.target)
    (kept,) = fit(
        prompt, words, [one.input], [others], count=lambda texts: [model.length(t) for t in texts], context=model.context,
        reserve=model.length(text) + 2, chat=chat,
    )  # fmt: skip
    (found,) = model.score([render(prompt, words, one.input, kept, chat=chat)], [[text]])
    return found.logprobs[0]
