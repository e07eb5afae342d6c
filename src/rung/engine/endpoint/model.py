"""A model behind an endpoint as the house sees it: :class:`rung.engine.language_model.LanguageModel`."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from rung.engine import choices as choosing
from rung.engine import sample
from rung.engine.choices import Normalise
from rung.engine.constrain import Constraint
from rung.engine.endpoint.abilities import Abilities, probe
from rung.engine.endpoint.address import Address, EndpointOptions
from rung.engine.endpoint.calls import Answer, CallStore, Memory
from rung.engine.endpoint.client import Client, Request
from rung.engine.endpoint.failures import Broken, Refused
from rung.engine.endpoint.prices import Price, price_of
from rung.engine.endpoint.scoring import Logs, cut_echoes, echo_tokens, label_logs, steps_of
from rung.engine.endpoint.writing import Chat, held, writing
from rung.engine.generate import Generation
from rung.engine.score import ChoiceScores
from rung.engine.usage import Usage
from rung.types import Decoding, EndpointError, ModelError

CONTEXT = 4096  # tokens, where nobody says
ROOM = 8  # tokens beyond the longest label when the model writes it
WAYS = {
    "echo": ("log-probabilities of the echoed labels", "回显标签的对数概率"),
    "likeliest": ("log-probabilities of the likeliest tokens", "最可能词元的对数概率"),
    "constrained": ("written, held to the labels", "限定在标签之内的生成"),
    "parsed": ("written freely, and read", "自由生成后解析"),
}


class EndpointModel:
    """Asks an endpoint. The first request finds out what it offers; ``client.store`` keeps every answer."""

    def __init__(self, address: Address, options: EndpointOptions = EndpointOptions(), price: Price | None = None):
        self.address, self.options, self.price = address, options, price
        self.name, self.sha256 = address.text, address.sha256
        self.client = Client(address, options)
        self._abilities: Abilities | None = None

    @property
    def dtype(self) -> str:
        return "endpoint"

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def workers(self) -> int:
        return self.options.concurrency

    @property
    def abilities(self) -> Abilities:
        """What the endpoint offers; asked with the first use."""
        if self._abilities is None:
            self._abilities = probe(self.client)
        self.client.counted = self._abilities.usage
        return self._abilities

    def prepare(self, store: CallStore, abilities: str | None) -> str:
        """Keep answers in ``store``, and go on with ``abilities`` where they are known; gives them, to be remembered."""
        self.client.use(store)
        if abilities is not None:
            self._abilities = Abilities.of_json(abilities)
        return self.abilities.as_json()

    def release(self) -> None:
        """Hang up, and keep further answers in memory: the store is closed."""
        self.client.close()
        self.client.allow = lambda: None
        self.client.use(Memory())

    @property
    def context(self) -> int:
        """As told by ``--context``, else by the endpoint, else 4096."""
        return self.options.context or self.abilities.context or CONTEXT

    @property
    def has_chat_template(self) -> bool:
        return self.abilities.chat

    @property
    def money(self) -> float | None:
        """Spent so far, earlier sessions of the same ledger and attempts that may have been billed included."""
        meter = self.client.meter
        return None if self.price is None else self.price.of(meter.read, meter.written)

    def route(self, style: str) -> str:
        """Over which of the two ways prompts of a style are sent: "completions" or "chat"."""
        able = self.abilities
        if style == "chat":
            return "completions" if able.template else "chat"
        return "completions" if able.completions else "chat"

    def way(self, style: str) -> str:
        """How labels are found behind prompts of a style: "echo", "likeliest", "constrained" or "parsed"."""
        able, chat = self.abilities, self.route(style) == "chat"
        if not chat and able.echo is not None:
            return "echo"
        if able.chat_likeliest if chat else able.likeliest:
            return "likeliest"
        return "constrained" if held(Constraint(options=("a", "b")), chat, able) else "parsed"

    def scores_labels(self, style: str) -> bool:
        return self.way(style) in ("echo", "likeliest")

    def length(self, text: str) -> int:
        """Estimated, rather from above: a token for each Chinese character, for each byte of other letters beyond ASCII, for
        three characters of anything else, and a few for the frame."""
        wide = sum("\u2e80" <= c <= "\u9fff" or "\uff00" <= c <= "\uffef" for c in text)
        plain = sum(c.isascii() for c in text)
        other = len(text.encode(errors="replace")) - plain - 3 * wide
        return 4 + wide + other + math.ceil(plain / 3)

    def request_flops(self, prompt_tokens: int, new_tokens: int, read_positions: int) -> None:
        """Unknown: nobody says how large the model is."""
        return None

    def chat(self, messages: Sequence[dict[str, str]], lead: str = "") -> str:
        """A chat that is sent as messages; as text where the endpoint shows its chat template."""
        if not self.has_chat_template:
            raise ModelError(
                f"{self.name} offers no chat; use prompts in plain style",
                zh=f"{self.name} 不提供对话；请使用 plain 风格的提示",
            )
        if not self.abilities.template:
            return Chat.of(messages, lead)
        root = self.address.base_url.removesuffix("/v1")
        body = {"messages": list(messages)}
        (answer,) = self._ask([Request(f"{root}/apply-template", body, lambda found: _text(found["prompt"]))])
        return answer.value + lead

    def score(
        self,
        prompts: Sequence[str],
        choices: Sequence[str] | Sequence[Sequence[str]],
        *,
        offsets: Sequence[float] | None = None,
        normalise: Normalise = "sum",
    ) -> list[ChoiceScores]:
        """Log-probability of each choice behind each prompt; see :mod:`rung.engine.endpoint.scoring`.

        ``offsets`` and ``normalise`` change nothing here: requests are computed alone. Raises ModelError for a prompt that the
        endpoint refuses, or where it gives no log-probabilities.
        """
        lists = choosing.per_prompt(prompts, choices)
        ways = {self.way("chat" if isinstance(p, Chat) else "plain") for p in prompts}
        if not ways <= {"echo", "likeliest"}:
            raise ModelError(
                f"{self.name} gives no log-probabilities to score labels by",
                zh=f"{self.name} 不提供对数概率，无法给标签打分",
            )
        if ways == {"echo"}:
            return self._echo(prompts, lists)
        return self._likeliest(prompts, lists)

    def generate(
        self,
        prompts: Sequence[str],
        decoding: Decoding,
        *,
        constraint: Constraint | None = None,
        samples: int = 1,
    ) -> list[list[Generation]]:
        """``samples`` answers to each prompt. Tokens and log-probability of an answer are not known, its usage is."""
        sample.check(decoding)
        draws = samples if decoding.temperature > 0 else 1
        requests = [
            writing(
                p, self._route_of(p), self.address.name, self.abilities, decoding,
                sample=i, length=self.length(p), constraint=constraint,
            )
            for p in prompts for i in range(draws)
        ]  # fmt: skip
        made = [
            Generation(a.value.text, (), None, a.usage.tokens_in, a.value.finished, None, a.usage)
            for a in self._ask(requests)
        ]
        return [(made[i * draws : (i + 1) * draws] * samples)[:samples] for i in range(len(prompts))]

    def asked(self) -> dict[str, str]:
        """In which ways it is asked, in English and in Chinese: over which route, and how labels are found."""
        en, zh = [], []
        for style in ("plain", "chat") if self.has_chat_template else ("plain",):
            route, way = self.route(style), WAYS[self.way(style)]
            en.append(f"{style} prompts over /{'chat/' * (route == 'chat')}completions, labels by {way[0]}")
            zh.append(f"{style} 提示经由 /{'chat/' * (route == 'chat')}completions，标签取自{way[1]}")
        return {"en": f"{self.name}: {'; '.join(en)}", "zh": f"{self.name}：{'；'.join(zh)}"}

    def as_json(self) -> dict[str, Any]:
        """What a result says of the endpoint: where, in which ways it was asked, what it took."""
        meter, price = self.client.meter, self.price
        styles = ("plain", "chat") if self.has_chat_template else ("plain",)
        return {
            "base_url": self.address.base_url,
            "model": self.address.name,
            "asked": self.asked(),
            "routes": {style: self.route(style) for style in styles},
            "labels": {style: self.way(style) for style in styles},
            "context": self.context,
            "context_from": "--context" if self.options.context else "endpoint" if self.abilities.context else "assumed",
            "fingerprints": sorted(self.client.fingerprints),
            "calls": meter.answers,
            "tokens_in": meter.tokens_in,
            "tokens_out": meter.tokens_out,
            "lost_calls": meter.lost,
            "lost_tokens": meter.lost_in + meter.lost_out,
            "money": self.money,
            "price": price and {"in": price.read, "out": price.written, "currency": price.currency, "dated": price.dated, "source": price.source},
        }  # fmt: skip

    def _route_of(self, prompt: str) -> str:
        return "chat" if isinstance(prompt, Chat) else self.route("plain")

    def _ask(self, requests: Sequence[Request[Any]]) -> list[Answer[Any]]:
        try:
            return self.client.ask(requests)
        except Refused as refused:
            raise self._refusal(refused) from None

    def _refusal(self, refused: Refused) -> ModelError | EndpointError:
        """A request that is not possible ends a candidate; a model that is gone ends the climb."""
        en = f"{self.name} refuses the request (status {refused.status}): {refused.message}"
        zh = f"{self.name} 拒绝了请求（状态 {refused.status}）：{refused.message}"
        return EndpointError(en, zh=zh) if refused.status in (404, 410) else ModelError(en, zh=zh)

    def _echo(self, prompts: Sequence[str], lists: Sequence[tuple[str, ...]]) -> list[ChoiceScores]:
        groups = [[p + c for c in options] for p, options in zip(prompts, lists, strict=True)]
        packs = [[g] if self.abilities.echo_many else [[text] for text in g] for g in groups]
        answers = iter(self._ask([self._echoing(pack) for group in packs for pack in group]))
        found = []
        for prompt, options, texts, group in zip(prompts, lists, groups, packs, strict=True):
            parts = [next(answers) for _ in group]
            echoes = [row for part in parts for row in part.value]
            usage = functools.reduce(Usage.__add__, (part.usage for part in parts))
            written = self.abilities.echo or 0
            logs = cut_echoes(echoes, texts, options, written)
            if logs is None:  # tokens end inside characters: the prompt's own tokens say where it ends
                (alone,) = self._ask([self._echoing([prompt])])
                logs = cut_echoes(echoes, texts, options, written, own=alone.value[0][0])
                usage += alone.usage
                assert logs is not None
            found.append(ChoiceScores(logs.logprobs, logs.tokens, usage.tokens_in, None, usage))
        return found

    def _echoing(self, texts: list[str]) -> Request[Any]:
        body: Mapping[str, Any] = {
            "model": self.address.name, "prompt": texts if len(texts) > 1 else texts[0], "max_tokens": self.abilities.echo,
            "temperature": 0, "echo": True, "logprobs": 1,
        }  # fmt: skip
        return Request(
            "/completions", body, lambda found: echo_tokens(found, texts), (sum(map(self.length, texts)), len(texts))
        )

    def _likeliest(self, prompts: Sequence[str], lists: Sequence[tuple[str, ...]]) -> list[ChoiceScores]:
        requests = []
        for prompt, options in zip(prompts, lists, strict=True):
            chat = self._route_of(prompt) == "chat"
            decoding = Decoding(max_tokens=max(map(self.length, options)) + ROOM, stop=() if chat else ("\n\n",))
            most = self.abilities.chat_likeliest if chat else self.abilities.likeliest
            bare = writing(
                prompt, self._route_of(prompt), self.address.name, self.abilities, decoding,
                length=self.length(prompt), likeliest=most,
            )  # fmt: skip
            requests.append(Request(bare.path, bare.body, _both(bare, chat, options), bare.estimate))
        return [
            ChoiceScores(logs.logprobs, logs.tokens, a.usage.tokens_in, None, a.usage, "" if seen else text)
            for a in self._ask(requests)
            for logs, seen, text in [a.value]
        ]


def _both(bare: Request[Any], chat: bool, options: Sequence[str]) -> Any:
    """A reader of both: the labels' log-probabilities and the text."""

    def read(body: dict[str, Any]) -> tuple[Logs, bool, str]:
        logs, seen = label_logs(options, steps_of(body, chat=chat))
        return logs, seen, bare.read(body).text

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Broken("no text")
    return value


def endpoint_model(
    model: str, base_url: str | None = None, options: EndpointOptions = EndpointOptions(), *,
    prices: Path | None = None, flat: float = 0.0,
) -> EndpointModel:  # fmt: skip
    """What ``load_model("openai:NAME", base_url=...)`` gives; nothing is sent before the first use.

    prices: a table in place of the shipped one; flat: a price per million tokens in place of any table.
    """
    address = Address.parse(model, base_url)
    return EndpointModel(address, options, price_of(address, prices, flat))
