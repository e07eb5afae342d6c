"""What an answer may be: one of the labels, or JSON that a schema accepts. A guide masks each step's tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import llguidance.hf
import numpy as np
from llguidance import LLMatcher, LLTokenizer

from rung.engine.choices import cut_all, per_prompt
from rung.engine.text import Text
from rung.types import ModelError


class Guide(Protocol):
    """Follows one sequence: which tokens may come next, and whether the answer is complete."""

    done: bool
    answer: str | None  # the answer's exact text where the guide knows it

    def allowed(self, vocabulary: int) -> np.ndarray: ...

    def advance(self, token: int) -> None: ...


@dataclass(frozen=True)
class Constraint:
    """``Constraint.labels([...])``: one of these texts. ``Constraint.json(schema)``: a JSON value of this schema."""

    options: tuple[str, ...] = ()
    schema: str = ""

    @classmethod
    def labels(cls, labels: Sequence[str]) -> Constraint:
        """Free choice among ``labels``, token by token. Raises :class:`ModelError` for empty or equal labels."""
        return cls(options=per_prompt([""], list(labels))[0])

    @classmethod
    def json(cls, schema: Mapping[str, Any]) -> Constraint:
        """A JSON value that ``schema`` (JSON Schema) accepts, written without optional spaces."""
        return cls(schema=json.dumps(schema, ensure_ascii=False))

    def guides(self, text: Text, prompts: Sequence[str], stops: frozenset[int]) -> list[tuple[list[int], Guide]]:
        """For each prompt the tokens to start from and a fresh guide. Raises :class:`ModelError` if impossible."""
        if self.options:
            cuts = cut_all(text, prompts, [self.options] * len(prompts))
            return [(c.context, LabelGuide(self.options, c.continuations, stops)) for c in cuts]
        tokenizer = _ll_tokenizer(text.tokenizer, tuple(sorted(stops)))
        matcher = _matcher(tokenizer, self.schema)
        contexts = [ids or text.start() for ids in text.encode_all(prompts)]
        return [(context, JsonGuide(matcher.deep_copy(), stops)) for context in contexts]


class LabelGuide:
    """Walks down the tree of the labels' tokens; where one label begins another, EOS says that it ends here."""

    def __init__(self, labels: Sequence[str], continuations: Sequence[Sequence[int]], stops: frozenset[int]):
        self._labels = {tuple(c): label for c, label in zip(continuations, labels, strict=True)}
        self._stops = stops
        self._path: tuple[int, ...] = ()
        self.done = False
        self.answer: str | None = None

    def allowed(self, vocabulary: int) -> np.ndarray:
        here = len(self._path)
        following = {c[here] for c in self._labels if len(c) > here and c[:here] == self._path}
        mask = np.zeros(vocabulary, dtype=bool)
        mask[list(following)] = True
        if self._path in self._labels:
            if not self._stops:
                raise ModelError(
                    f"the label {self._labels[self._path]!r} begins another label, and the tokenizer has no EOS to "
                    "tell them apart; score the labels instead of generating them",
                    zh=f"标签 {self._labels[self._path]!r} 是另一标签的开头，而分词器没有 EOS；请用打分代替生成",
                )
            mask[list(self._stops)] = True
        return mask

    def advance(self, token: int) -> None:
        if token in self._stops and self._path in self._labels:
            self.done, self.answer = True, self._labels[self._path]
            return
        self._path += (token,)
        here = len(self._path)
        longer = any(len(c) > here and c[:here] == self._path for c in self._labels)
        if self._path in self._labels and not longer:
            self.done, self.answer = True, self._labels[self._path]


class JsonGuide:
    """A parser of the schema's grammar (llguidance) that follows the tokens."""

    def __init__(self, matcher: LLMatcher, stops: frozenset[int]):
        self._matcher = matcher
        self._stops = stops
        self.done = False
        self.answer: str | None = None

    def allowed(self, vocabulary: int) -> np.ndarray:
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        mask = np.zeros(vocabulary, dtype=bool)
        known = np.unpackbits(bits, bitorder="little")[:vocabulary]
        mask[: len(known)] = known
        if not mask.any():
            raise ModelError(
                f"no token can continue the JSON: {self._matcher.get_error() or 'the vocabulary lacks a character'}",
                zh=f"没有词元能延续该 JSON：{self._matcher.get_error() or '词表缺少字符'}",
            )
        return mask

    def advance(self, token: int) -> None:
        self._matcher.consume_token(token)
        if self._matcher.is_error():  # its limits: a schema that asks for very much at once
            reason = self._matcher.get_error().splitlines()[0]
            raise ModelError(
                f"the JSON schema asks for more than its grammar can follow: {reason}; simplify the schema",
                zh=f"该 JSON schema 的要求超出了语法解析的限度：{reason}；请简化 schema",
            )
        self.done = token in self._stops or self._matcher.is_stopped()


def _ll_tokenizer(tokenizer: Any, stops: tuple[int, ...]) -> LLTokenizer:
    if not stops:
        raise ModelError(
            "JSON cannot be constrained: the tokenizer has no EOS token to end with; set one, or generate freely",
            zh="无法约束 JSON：分词器没有 EOS；请设置一个，或不加约束地生成",
        )
    return _build(tokenizer, stops)


@lru_cache(maxsize=8)  # building takes up to a second
def _build(tokenizer: Any, stops: tuple[int, ...]) -> LLTokenizer:
    return llguidance.hf.from_tokenizer(tokenizer, eos_token=list(stops))


def _matcher(tokenizer: LLTokenizer, schema: str) -> LLMatcher:
    try:
        grammar = LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False})
        matcher = LLMatcher(tokenizer, grammar)
        reason = matcher.get_error() if matcher.is_error() else ""
    except ValueError as error:
        reason = str(error)
    if reason:
        reason = " ".join(reason.split())[:300]  # of a pattern: what it is, and then what is wrong with it
        raise ModelError(
            f"the JSON schema cannot be compiled into a constraint: {reason}; simplify the schema, "
            "or do without it (in an adaptation: decoding.constrain false)",
            zh=f"无法把该 JSON schema 编译为约束：{reason}；请简化 schema，或不用它（在适配中：decoding.constrain 设为 false）",
        )
    return matcher
