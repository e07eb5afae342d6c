"""Text to tokens and back. The beginning-of-sequence token is put in here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from rung.types import ModelError

# What follows can change tokens only near the end of a prompt; this many characters are far more than near.
TAIL = 64


class Text:
    """A tokenizer with one rule for special tokens: what it puts in front by default is put once, nothing behind."""

    def __init__(self, tokenizer: Any):
        self.tokenizer = tokenizer
        # Only what stands before the text: some tokenizers also close a text with EOS, which would end every prompt.
        self.prefix = _before(tokenizer("a", add_special_tokens=True)["input_ids"], self._ids(["a"])[0])
        plain = (
            isinstance(tokenizer, PreTrainedTokenizerFast)
            and type(tokenizer)._decode is PreTrainedTokenizerFast._decode
        )
        # Asked directly for each token that is written: transformers' way around it costs more than the decoding.
        self._backend = tokenizer.backend_tokenizer if plain else None
        start = [x for x in (tokenizer.bos_token_id, tokenizer.eos_token_id) if x is not None]
        self._empty = self.prefix or start[:1]

    @property
    def has_chat_template(self) -> bool:
        return bool(getattr(self.tokenizer, "chat_template", None))

    def encode(self, text: str) -> list[int]:
        """Token ids of a text as a model should see it, with BOS exactly once where the tokenizer wants one."""
        return self.encode_all([text])[0]

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """:meth:`encode` of many texts at once (the tokenizer works in parallel)."""
        n = len(self.prefix)
        return [ids if n and ids[:n] == self.prefix else self.prefix + ids for ids in self._ids(texts)]

    def encode_continued(self, prompts: Sequence[str], choices: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """For each prompt its own encoding, then that of the prompt with each of its choices behind it.

        A long prompt is encoded once, not once per choice: from a line's start well before its end it is encoded
        again with each choice, where that line alone gives the tokens that it has inside the prompt.
        """
        own = self.encode_all(prompts)
        tails = [_tail(prompt) for prompt in prompts]
        alone = self._ids(tails)
        heads = [ids[: len(ids) - len(end)] for ids, end in zip(own, alone, strict=True)]
        short = [
            len(tail) < len(prompt) and bool(end) and head + end == ids
            for prompt, tail, ids, end, head in zip(prompts, tails, own, alone, heads, strict=True)
        ]
        ends = self._ids([t + c for t, cs, ok in zip(tails, choices, short, strict=True) if ok for c in cs])
        whole = self.encode_all(
            [p + c for p, cs, ok in zip(prompts, choices, short, strict=True) if not ok for c in cs]
        )
        end, full = iter(ends), iter(whole)
        return [
            [ids, *(head + next(end) if ok else next(full) for _ in cs)]
            for ids, head, cs, ok in zip(own, heads, choices, short, strict=True)
        ]

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        return self.tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)[
            "input_ids"
        ]

    def start(self) -> list[int]:
        """What a model reads when the text before the answer is empty: BOS, or EOS as documents are set apart by it."""
        if not self._empty:
            raise ModelError(
                "the prompt is empty and the tokenizer has neither BOS nor EOS to begin with; give a prompt",
                zh="提示为空，且分词器没有 BOS 或 EOS；请给出提示",
            )
        return list(self._empty)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, without special tokens and without tidying of spaces."""
        if self._backend is not None:
            return self._backend.decode(list(ids), skip_special_tokens=True)
        return self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def after(self, before: Sequence[int], ids: Sequence[int]) -> str:
        """The text that ``ids`` add behind ``before``.

        Decoding ``ids`` alone would lose a leading space (SentencePiece) or half a character's first bytes.
        """
        tail = list(before[-8:])
        base, whole = self.decode(tail), self.decode(tail + list(ids))
        while base.endswith("\ufffd"):
            base = base[:-1]
        return whole[len(base) :] if whole.startswith(base) else self.decode(ids)

    def chat(self, messages: Sequence[dict[str, str]], lead: str = "") -> str:
        """Messages through the tokenizer's chat template with the assistant's turn opened, then ``lead``.

        Raises :class:`ModelError` where there is none, or where it will not have these messages: some know no system message.
        """
        if not self.has_chat_template:
            raise ModelError(
                "the model's tokenizer has no chat template; use prompts in plain style, or an instruction-tuned model",
                zh="该模型的分词器没有对话模板；请使用 plain 风格的提示，或换用经过指令微调的模型",
            )
        try:
            rendered = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        except TemplateError as error:
            roles = ", ".join(m["role"] for m in messages)
            raise ModelError(
                f"the model's chat template refuses messages of these roles ({roles}): {error}; use prompts in plain style",
                zh=f"该模型的对话模板不接受这些角色的消息（{roles}）：{error}；请使用 plain 风格的提示",
            ) from error
        return rendered + lead


def _tail(prompt: str) -> str:
    """The end of a prompt from the start of a line, at least ``TAIL`` characters long; all of it if there is none."""
    at = prompt.rfind("\n", 0, max(0, len(prompt) - TAIL))
    return prompt if at < 0 or prompt[at + 1].isspace() else prompt[at + 1 :]


def _before(whole: list[int], part: list[int]) -> list[int]:
    """What stands before ``part`` in ``whole``."""
    for at in range(len(whole) - len(part) + 1):
        if whole[at : at + len(part)] == part:
            return whole[:at]
    raise ModelError(
        "the tokenizer encodes a text differently when it adds special tokens; where a prompt begins is unclear",
        zh="分词器在加入特殊词元时会改变文本的编码，无法确定提示的起点",
    )
