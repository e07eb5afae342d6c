"""A byte-level bilingual BPE tokenizer, trained from plain text.

Byte-level: any input round-trips. Digits stand single, so that numbers are read digit by digit. No token crosses
from Chinese to Latin script: the pre-tokenizer cuts at every change of script before merges are learned.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

END_OF_TEXT, PAD = "<|endoftext|>", "<|pad|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
RESERVED = tuple(f"<|reserved{i}|>" for i in range(8))  # for later stages: no change of vocabulary size is needed
SPECIAL = (END_OF_TEXT, PAD, *ROLES, *RESERVED)

# One alternative per kind of piece: English contractions, Latin words with their space, runs of Han, other scripts,
# single digits, punctuation, line breaks, other white space.
PIECES = (
    r"'(?i:s|t|re|ve|m|ll|d)\b"
    r"| ?[\p{Latin}\p{M}]+"
    r"|\p{Han}+"
    r"| ?[\p{L}&&[^\p{Latin}\p{Han}]]+"
    r"|\p{N}"
    r"| ?[^\s\p{L}\p{N}\p{M}]+"
    r"|[^\S\n]*\n+"
    r"|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\n' + message['content'] | trim + '<|end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], vocabulary: int = 8192) -> PreTrainedTokenizerFast:
    """Learn the merges from ``texts``; ``vocabulary`` counts bytes, merges and special tokens together."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=16,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    # Documents begin with the end-of-text mark of the one before: a prompt begins as a document does.
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{END_OF_TEXT} $A",
        pair=f"{END_OF_TEXT} $A {END_OF_TEXT} $B",
        special_tokens=[(END_OF_TEXT, tokenizer.token_to_id(END_OF_TEXT))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=PAD,
        additional_special_tokens=[*ROLES, *RESERVED],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def bytes_per_token(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> float | None:
    """UTF-8 bytes of ``texts`` over their tokens, without the leading mark; None without a token."""
    size = tokens = 0
    for text in texts:
        size += len(text.encode())
        tokens += len(token_ids(tokenizer, [text])[0])
    return size / tokens if tokens else None


def token_ids(tokenizer: PreTrainedTokenizerFast, texts: list[str], *, mark: bool = False) -> list[list[int]]:
    """The tokens of whole documents, however long; ``mark``: behind an end-of-text mark.

    A special token spelled out in a text is read as its letters: a document cannot end itself. Not verbose, because
    documents are longer than the context by nature.
    """
    if not texts:
        return []
    found = tokenizer(texts, add_special_tokens=mark, split_special_tokens=True, verbose=False)
    ids: list[list[int]] = found["input_ids"]
    return ids


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer that :func:`train_tokenizer` saved with ``save_pretrained``."""
    return PreTrainedTokenizerFast.from_pretrained(folder)
