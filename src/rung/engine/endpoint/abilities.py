"""What an endpoint offers, found out once by asking it for very little.

A server that does not know a field often ignores it without a word, so nothing is believed by its status alone: the answer must
hold what was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any

from rung.engine.endpoint.calls import has_usage
from rung.engine.endpoint.client import Client, Request
from rung.engine.endpoint.failures import Broken, Refused
from rung.engine.endpoint.scoring import echo_tokens, steps_of
from rung.types import EndpointError

PROBE = "The colours of the flag are red, white and"
TWO = [PROBE, PROBE + " blue"]
RARE = ["qua", "zib"]  # nobody writes these unasked
LOOKS = 3  # a server in trouble may leave out what it has; only so many answers without it count as none
MOST = 20  # likeliest tokens that may be asked for; some servers give 5


@dataclass(frozen=True)
class Abilities:
    """See :func:`probe`; kept in the ledger, so that a climb goes on in the way it began."""

    completions: bool = False  # POST /completions
    echo: int | None = None  # the max_tokens with which it echoes a prompt with log-probabilities; None: it does not
    echo_many: bool = False  # several prompts in one request
    likeliest: int = 0  # log-probabilities of so many tokens at each step of a completion
    chat: bool = False  # POST /chat/completions
    chat_likeliest: int = 0
    template: bool = False  # POST /apply-template beside /v1: the chat template in the open (llama.cpp)
    schema: bool = False  # response_format json_schema of a completion
    chat_schema: bool = False
    choice: str = ""  # "structured_outputs" or "guided_choice": one of several texts (vLLM)
    limit: str = "max_tokens"  # how the chat names the most tokens to write
    temperature: bool = True  # whether a chat takes one (reasoning models do not)
    context: int | None = None  # tokens, where it says so
    usage: bool = False  # whether its answers count their tokens

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of_json(cls, text: str) -> Abilities:
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in json.loads(text).items() if key in known})


def probe(client: Client) -> Abilities:
    """A dozen requests of a few tokens. Raises EndpointError where nothing answers or the model is not there."""
    look, name = _Look(client), client.address.name
    known = _listed(client)
    context = _context(known.get(name) or known.get(f"{name}:latest") or {})
    plain = {"model": name, "prompt": PROBE, "max_tokens": 1, "temperature": 0}
    found: dict[str, Any] = {"context": context, "completions": look.sees("/completions", plain, _has_text)}
    if found["completions"]:
        found |= _completions(look, plain)
    found |= _chat(look, name)
    if not found["completions"] and not found["chat"]:
        raise _nothing(client, known, look.last)
    root = client.address.base_url.removesuffix("/v1")
    message = {"messages": [{"role": "user", "content": "hello"}]}
    if found["completions"] and found["chat"]:
        found["template"] = look.sees(f"{root}/apply-template", message, lambda b: isinstance(b.get("prompt"), str))
    return Abilities(**found, usage=look.usage)


class _Look:
    """Looks for one thing in an answer."""

    def __init__(self, client: Client):
        self.client, self.last, self.usage = client, "", False

    def sees(self, path: str, body: dict[str, Any], holds: Callable[[dict[str, Any]], bool]) -> bool:
        """Whether the endpoint does what ``body`` asks; only what is seen several times to be missing is missing."""
        for number in range(LOOKS):
            asked = body if number == 0 else {**body, "user": f"look-{number}"}  # else the known answer is given again
            try:
                (answer,) = self.client.ask([Request(path, asked, self._reader(holds), (24, 8))])
            except Refused as refused:
                self.last = str(refused)
                return False
            if answer.value:
                return True
        return False

    def _reader(self, holds: Callable[[dict[str, Any]], bool]) -> Callable[[dict[str, Any]], bool]:
        def read(body: dict[str, Any]) -> bool:
            self.usage = self.usage or has_usage(body)
            try:
                return holds(body)
            except (Broken, KeyError, IndexError, TypeError, ValueError, AttributeError):
                return False

        return read


def _completions(look: _Look, plain: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for most in (0, 1):
        echo = {**plain, "max_tokens": most, "echo": True, "logprobs": 1}
        if look.sees("/completions", echo, lambda b: _echoes(b, [PROBE])):
            found["echo"] = most
            found["echo_many"] = look.sees("/completions", {**echo, "prompt": TWO}, lambda b: _echoes(b, TWO))
            break
    for most in (MOST, 5):
        if look.sees("/completions", {**plain, "logprobs": most}, lambda b: bool(steps_of(b, chat=False))):
            found["likeliest"] = most
            break
    for way in ("structured_outputs", "guided_choice"):
        asked = {**plain, "max_tokens": 8, way: {"choice": RARE} if way == "structured_outputs" else RARE}
        if look.sees("/completions", asked, lambda b: b["choices"][0]["text"].strip() in RARE):
            found["choice"] = way
            break
    asked = {**plain, "max_tokens": 24, "response_format": label_format(RARE)}
    found["schema"] = look.sees("/completions", asked, lambda b: _is_label(b["choices"][0]["text"]))
    return found


def _chat(look: _Look, name: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Say yes or no."}]
    for limit in ("max_tokens", "max_completion_tokens"):
        for warm in (True, False):
            asked = {"model": name, "messages": messages, limit: 8, **({"temperature": 0} if warm else {})}
            if look.sees("/chat/completions", asked, _has_message):
                break
        else:
            continue
        break
    else:
        return {"chat": False}
    found: dict[str, Any] = {"chat": True, "limit": limit, "temperature": warm}
    for most in (MOST, 5):
        wanted = {**asked, "logprobs": True, "top_logprobs": most}
        if look.sees("/chat/completions", wanted, lambda b: bool(steps_of(b, chat=True))):
            found["chat_likeliest"] = most
            break
    wanted = {**asked, limit: 24, "response_format": label_format(RARE)}
    found["chat_schema"] = look.sees(
        "/chat/completions", wanted, lambda b: _is_label(b["choices"][0]["message"]["content"])
    )
    return found


def label_format(options: list[str]) -> dict[str, Any]:
    """response_format for one of ``options``."""
    return json_format(
        {
            "type": "object",
            "properties": {"label": {"type": "string", "enum": options}},
            "required": ["label"],
            "additionalProperties": False,
        }
    )


def json_format(schema: dict[str, Any]) -> dict[str, Any]:
    """response_format for JSON of this schema; strict where the schema is as strict mode wants it."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": _closed(schema)}}


def _closed(schema: Any) -> bool:
    """Whether every object forbids other keys and requires its own."""
    if isinstance(schema, list):
        return all(map(_closed, schema))
    if not isinstance(schema, dict):
        return True
    own = schema.get("properties")
    closed = own is None or (
        schema.get("additionalProperties") is False and set(schema.get("required", ())) == set(own)
    )
    return closed and all(_closed(part) for part in schema.values())


def _echoes(body: dict[str, Any], texts: list[str]) -> bool:
    return all(len(tokens) > 4 for tokens, _ in echo_tokens(body, texts))


def _has_text(body: dict[str, Any]) -> bool:
    return isinstance(body["choices"][0]["text"], str)


def _has_message(body: dict[str, Any]) -> bool:
    return "content" in body["choices"][0]["message"]


def _is_label(text: str) -> bool:
    return json.loads(text)["label"] in RARE


def _listed(client: Client) -> dict[str, dict[str, Any]]:
    """The endpoint's models by name; none where it has no list."""
    try:
        (answer,) = client.ask([Request("/models", None, lambda body: list(body["data"]))])
    except Refused:
        return {}
    return {row["id"]: row for row in answer.value if isinstance(row, dict) and isinstance(row.get("id"), str)}


def _context(row: dict[str, Any]) -> int | None:
    """What a model's row in the list says of its context: vLLM, providers, llama.cpp."""
    names = ("max_model_len", "context_length", "context_window", "max_context_length")
    meta = row.get("meta")
    told = [row.get(key) for key in names]
    if isinstance(meta, dict):
        told += [meta.get("n_ctx"), meta.get("n_ctx_train")]
    return next((n for n in told if isinstance(n, int) and n > 1), None)


def _nothing(client: Client, known: dict[str, dict[str, Any]], last: str) -> EndpointError:
    """Why nothing can be asked: most often the name is wrong."""
    name, url = client.address.name, client.address.base_url
    if known and name not in known:
        near = get_close_matches(name, known, 1) or sorted(known)[:1]
        some = ", ".join(sorted(known)[:8]) + (" ..." if len(known) > 8 else "")
        return EndpointError(
            f"{url} has no model {name!r}; did you mean {near[0]}? It has {some}",
            zh=f"{url} 没有模型 {name!r}；是否想写 {near[0]}？可用的有：{some}",
        )
    hint, hint_zh = "", ""
    if not url.endswith("/v1"):
        hint, hint_zh = (
            f"; most base URLs end with /v1: --base-url {url}/v1",
            f"；接口地址大多以 /v1 结尾：--base-url {url}/v1",
        )
    return EndpointError(
        f"{url} offers neither /completions nor /chat/completions for {name} ({last}){hint}",
        zh=f"{url} 对 {name} 既不提供 /completions 也不提供 /chat/completions（{last}）{hint_zh}",
    )
