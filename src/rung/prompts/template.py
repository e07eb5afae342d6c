"""Fill one part of a prompt: Jinja2, sandboxed, and only the part of its grammar that a prompt needs.

A prompt travels inside an adaptation folder, so its parts are untrusted text. Jinja2's sandbox keeps a template away from
Python's internals, but not from the machine's memory (``{{ 'a' * 10**10 }}``, ``{% set a = a ~ a %}``). A prompt needs to say
words, to choose and to loop over labels; so only that is allowed: no calls, no assignment, no multiplication, one loop over labels
or fields at a time, and filters that cannot make a text much longer.

The user's data come in as values. Jinja2 never reads a value as a template, so ``{{ 7*7 }}`` in a review stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.filters import do_first, do_last
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rung.types import UserError

_ALLOWED = (
    (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple, nodes.List)
    + (nodes.If, nodes.CondExpr, nodes.For, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test)
    + (nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg)
)
# SyntaxError: Jinja2 writes Python, which nests no deeper than a hundred levels.
_ERRORS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)
_SENTENCE_ENDS = tuple("。．.!?！？…:：;；”\"’')）")


def sentence(text: str) -> str:
    """The text with a full stop where it has none: 。 after a Chinese character, else a period."""
    text = text.strip()
    if not text or text.endswith(_SENTENCE_ENDS):
        return text
    return text + ("。" if "\u3400" <= text[-1] <= "\u9fff" else ".")


def join(items: Sequence[str], separator: str = "") -> str:
    """The items in one text. Not of a text, and with a short separator only: joins of joins would grow without bound."""
    if isinstance(items, str) or len(separator) > 100:
        raise TypeError("join takes a list and a separator of at most 100 characters")
    return separator.join(items)


class _Environment(ImmutableSandboxedEnvironment):
    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Methods are of no use without calls, and would print a memory address."""
        return not callable(value) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """``str.format`` is a method like the others; Jinja2 would let it through in a safe wrapper."""


def _environment() -> _Environment:
    env = _Environment(undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True)
    env.globals.clear()
    env.filters = {
        "join": join,
        "length": len,
        "first": do_first,
        "last": do_last,
        "lower": str.lower,
        "upper": str.upper,
        "trim": str.strip,
        "sentence": sentence,
    }
    return env


_ENV = _environment()


@lru_cache(maxsize=1024)
def _compile(source: str) -> jinja2.Template:
    tree = _ENV.parse(source)
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            raise jinja2.TemplateSyntaxError(f"'{type(node).__name__}' is not allowed in a prompt", node.lineno)
    for loop in tree.find_all(nodes.For):
        looped = {name.name for name in loop.iter.find_all(nodes.Name)} | {getattr(loop.iter, "name", "labels")}
        if not looped <= {"labels", "fields"} or any(loop.find_all(nodes.For)):
            raise jinja2.TemplateSyntaxError("a prompt may loop over labels or fields, one loop at a time", loop.lineno)
    return _ENV.from_string(tree)


@lru_cache(maxsize=1024)
def names(source: str) -> frozenset[str]:
    """The variables that a template asks for."""
    return frozenset(meta.find_undeclared_variables(_ENV.parse(source)))


def literal(text: str) -> str:
    """A template that renders to exactly ``text``: for words that a person or a model wrote as plain text.

    Line ends become ``\\n``, as in every template.
    """
    return text.replace("{", "{{ '{' }}")


def fill(source: str, values: Mapping[str, Any], *, prompt: str, part: str) -> str:
    """Render one part of the prompt named ``prompt``; raises ``UserError`` that names the part and the reason."""
    try:
        return _compile(source).render(values)
    except jinja2.TemplateSyntaxError as error:
        where, reason = f", line {error.lineno}", error.message or ""
    except jinja2.UndefinedError as error:
        where, reason = "", f"{error.message}; this part may use {', '.join(sorted(values))}"
    except _ERRORS as error:
        where, reason = "", f"{type(error).__name__}: {error}"
    raise UserError(
        f"prompt '{prompt}': the template of its {part} cannot be filled{where}: {reason}. The template is {source!r}",
        zh=f"提示“{prompt}”的 {part} 部分无法填充{where}：{reason}。模板为 {source!r}",
    )
