"""Prompts as parts: fill them, show demonstrations in them, read the answer back, and say which ones there are.

words.py      what a prompt may say about a task: description, labels, fields
template.py   the sandbox in which a part is filled; data is never a template
render.py     prompt + demonstrations + input -> the text that the model continues
fit.py        how many demonstrations fit into the context, decided before the call
read.py       the model's text -> an answer, or "not valid"; schema.py checks the JSON ones
templates.py  the templates, in Chinese and in English
magic.py      the field's magic words, as named changes to a prompt
"""

from rung.prompts.fit import fit
from rung.prompts.magic import MAGIC, Magic, with_magic
from rung.prompts.read import read_answer
from rung.prompts.render import answer_text, choice_texts, render, render_reasoning, stop_strings
from rung.prompts.template import literal
from rung.prompts.templates import TEMPLATES, chat_variant
from rung.prompts.words import Words

__all__ = [
    "MAGIC",
    "TEMPLATES",
    "Magic",
    "Words",
    "answer_text",
    "chat_variant",
    "choice_texts",
    "fit",
    "literal",
    "read_answer",
    "render",
    "render_reasoning",
    "stop_strings",
    "with_magic",
]
