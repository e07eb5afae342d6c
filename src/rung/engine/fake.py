"""A tiny model built in code: every verb works offline in milliseconds, with the same numbers on every machine.

``fake_model()`` is a real transformer with random weights over bytes. :class:`FakeModel` answers by a rule instead,
so that a test of the ladder knows which rung must win.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rung.engine import choices as choosing
from rung.engine import sample
from rung.engine.attention import install
from rung.engine.choices import Normalise
from rung.engine.constrain import Constraint
from rung.engine.generate import Generation
from rung.engine.model import Choices, Model
from rung.engine.score import ChoiceScores
from rung.types import Decoding, digest

SPECIAL = ("<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
CHAT = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token per byte (any language), BOS in front, and a chat template."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    begin = (SPECIAL[0], tokenizer.token_to_id(SPECIAL[0]))
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{SPECIAL[0]} $A", special_tokens=[begin])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=SPECIAL[0], eos_token=SPECIAL[1])
    fast.chat_template = CHAT
    return fast


def tiny_llama(
    seed: int = 0, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> LlamaForCausalLM:
    """Two layers, 32 wide, grouped-query attention, random weights from ``seed``; flat attention installed."""
    config = LlamaConfig(
        vocab_size=256 + len(SPECIAL),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        bos_token_id=256,
        eos_token_id=257,
        tie_word_embeddings=True,
        initializer_range=0.3,  # wide enough that answers differ clearly from prompt to prompt
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hf = LlamaForCausalLM(config)
    hf = hf.to(device=device, dtype=dtype).eval()
    install(hf)
    return hf


def fake_model(
    *, seed: int = 0, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu", context: int | None = None
) -> Model:
    """What ``load_model("fake")`` gives."""
    sha256 = digest("fake", seed) * 4
    return Model(tiny_llama(seed, dtype, device), byte_tokenizer(), name="fake", sha256=sha256, context=context)


class FakeModel(Model):
    """Answers by ``answer(prompt)``: a choice equal to it gets nine tenths of the probability, or it is written.

    ``noise`` is how often a sampled answer (temperature above 0) is wrong; greedy answers never are. An answer that
    is not among the choices (or labels) gives a fixed arbitrary one. Tokens, contexts and costs are counted as for a
    real model of this size; ``hidden`` and ``forward_flat`` are those of ``fake``.
    """

    def __init__(self, answer: Callable[[str], str], *, noise: float = 0.0, context: int | None = None, seed: int = 0):
        sha256 = digest("fake", seed, getattr(answer, "__qualname__", "rule")) * 4
        super().__init__(tiny_llama(seed), byte_tokenizer(), name="fake", sha256=sha256, context=context)
        self._answer = answer
        self._noise = noise

    def score(
        self,
        prompts: Sequence[str],
        choices: Choices,
        *,
        offsets: Sequence[float] | None = None,
        normalise: Normalise = "sum",
    ) -> list[ChoiceScores]:
        """Log-probabilities that follow the rule; see :meth:`rung.engine.model.Model.score`."""
        cuts = self._cut(prompts, choices)
        choosing.fits(prompts, [cut.length() for cut in cuts], self.context)
        scores = []
        for prompt, options, cut in zip(prompts, choosing.per_prompt(prompts, choices), cuts, strict=True):
            lengths = tuple(len(c) for c in cut.continuations)
            flops = self.request_flops(len(cut.context), sum(lengths) - len(lengths), sum(lengths))
            scores.append(ChoiceScores(self._logprobs(prompt, options), lengths, len(cut.context), flops))
            self.tally(len(cut.context) + sum(lengths) - len(lengths), 0, sum(lengths))
        return scores

    def _logprobs(self, prompt: str, options: Sequence[str]) -> tuple[float, ...]:
        wanted = self._among(prompt, options)
        rest = [1 + sample.uniform(0, digest(prompt, o), 0, 0) for o in options]
        total = sum(w for w, o in zip(rest, options, strict=True) if o != wanted)
        return tuple(math.log(0.9 if o == wanted else 0.1 * w / total) for w, o in zip(rest, options, strict=True))

    def _among(self, prompt: str, options: Sequence[str]) -> str:
        """The option that the rule means: equal but for spaces around it."""
        answer = self._answer(prompt).strip()
        arbitrary = options[int(sample.uniform(1, digest(prompt), 0, 0) * len(options))]
        return next((o for o in options if o.strip() == answer), arbitrary)

    def generate(
        self,
        prompts: Sequence[str],
        decoding: Decoding,
        *,
        constraint: Constraint | None = None,
        samples: int = 1,
    ) -> list[list[Generation]]:
        """The rule's answers as text, cut at stop strings and at ``max_tokens``."""
        sample.check(decoding)
        lengths = [len(self.encode(p)) for p in prompts]
        choosing.fits(prompts, [n + decoding.max_tokens for n in lengths], self.context)
        return [
            [self._write(p, n, decoding, constraint, i) for i in range(samples)]
            for p, n in zip(prompts, lengths, strict=True)
        ]

    def _write(self, prompt: str, length: int, decoding: Decoding, constraint: Constraint | None, i: int) -> Generation:
        options = constraint.options if constraint is not None else ()
        text = self._among(prompt, options) if options else self._answer(prompt)
        if decoding.temperature > 0 and sample.uniform(decoding.seed, digest(prompt), i, 0) < self._noise:
            text = next((o for o in options if o != text), text[::-1])
        ids = self.text.tokenizer(text, add_special_tokens=False)["input_ids"]
        tokens, finished = tuple(ids[: decoding.max_tokens]), "eos" if len(ids) < decoding.max_tokens else "length"
        text = text if len(tokens) == len(ids) else self.decode(tokens)
        ends = [at for at in (text.find(s) for s in decoding.stop) if at >= 0]
        if ends:
            text, finished = text[: min(ends)], "stop"
        self.tally(length + len(tokens), 0, len(tokens))
        flops = self.request_flops(length, len(tokens), len(tokens))
        return Generation(text, tokens, -0.1 * len(tokens), length, finished, flops)
