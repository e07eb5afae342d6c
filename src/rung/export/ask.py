"""Ask the prompt in this folder of an OpenAI-compatible server. Needs nothing but: pip install "openai>=2"

    python ask.py "some text" --url http://localhost:8000/v1 --model NAME
    python ask.py "some text" --url https://... --model NAME --chat

Without --chat it sends prompt.txt to /completions, which is what was measured: labels are compared by their log-probabilities behind
the prompt (echo and logprobs; vLLM has both), texts are written greedily. With --chat it sends messages.json to /chat/completions,
for servers that have nothing else: a label is then read from what is written, and answers may differ from those measured.
The key is taken from OPENAI_API_KEY, where the server wants one.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def ask(client: Any, model: str, text: str) -> str:
    """The answer to one input, by /completions."""
    how, prompt = read("answer.json"), (HERE / "prompt.txt").read_bytes().decode()
    prompt = prompt.replace(how["slot"], text)
    if how["reasoning"]:
        thought = complete(client, model, prompt, how, how["reasoning"]["max_tokens"], how["reasoning"]["stop"])
        prompt = f"{prompt}{thought.strip()}\n{how['lead']}"
    if how["options"]:
        return best(client, model, prompt, how)
    schema: dict[str, Any] = {"response_format": as_schema(how)} if how["schema"] else {}
    return cleaned(complete(client, model, prompt, how, how["max_tokens"], how["stop"], **schema), how)


def best(client: Any, model: str, prompt: str, how: dict[str, Any]) -> str:
    """The label whose text has the highest log-probability behind the prompt, counted from where the options part from it."""
    texts = [prompt, *(prompt + option for option in how["options"])]
    found = client.completions.create(
        model=model, prompt=texts, max_tokens=1, temperature=0, echo=True, logprobs=1,
        extra_body=beside(how),
    )  # fmt: skip
    choices = sorted(found.choices, key=lambda choice: choice.index)
    own, *rows = [choice.logprobs.tokens[:-1] for choice in choices]  # the last token was written, not read
    logs = [choice.logprobs.token_logprobs[:-1] for choice in choices[1:]]
    cut = min(common([own, row]) for row in rows)
    cut = min([cut, *(len(row) - 1 for row in rows)])
    scores = [sum(log[cut:]) / (len(log) - cut if how["per_token"] else 1) for log in logs]
    scores = [score + offset for score, offset in zip(scores, how["offsets"] or [0.0] * len(scores), strict=True)]
    return str(how["labels"][scores.index(max(scores))])


def complete(
    client: Any, model: str, prompt: str, how: dict[str, Any], tokens: int, stop: list[str], **more: Any
) -> str:
    """What the model writes behind the prompt."""
    found = client.completions.create(
        model=model, prompt=prompt, max_tokens=tokens, temperature=how["temperature"], top_p=how["top_p"], seed=how["seed"],
        stop=stop or None, extra_body=beside(how) | more,
    )  # fmt: skip
    return str(found.choices[0].text)


def chat(client: Any, model: str, text: str) -> str:
    """The answer to one input, by /chat/completions."""
    how, messages = read("answer.json"), read("messages.json")
    messages[-1]["content"] = messages[-1]["content"].replace(how["slot"], text)
    found = client.chat.completions.create(
        model=model, messages=messages, max_tokens=how["max_tokens"], temperature=how["temperature"], top_p=how["top_p"],
        **({"response_format": as_schema(how)} if how["schema"] else {}),
    )  # fmt: skip
    written = cleaned(found.choices[0].message.content or "", how)
    for label in how["labels"]:
        if written.casefold().strip(" .。\"'“”") == label.casefold():
            return str(label)
    return written


def beside(how: dict[str, Any]) -> dict[str, Any]:
    """A text from a chat template begins with its own token for that: the server must not put another."""
    return {} if how["special_tokens"] else {"add_special_tokens": False}


def as_schema(how: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": how["schema"], "strict": True}}


def cleaned(written: str, how: dict[str, Any]) -> str:
    """Without spaces around it, and without a lead that the model has said again."""
    return written.strip().removeprefix(how["lead"].strip() or " ").strip()


def common(rows: list[list[str]]) -> int:
    """How many tokens the rows share from the start."""
    return next((i for i, tokens in enumerate(zip(*rows, strict=False)) if len(set(tokens)) > 1), min(map(len, rows)))


def read(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    from openai import OpenAI

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--url", default="http://localhost:8000/v1")
    parser.add_argument("--model", required=True)
    parser.add_argument("--chat", action="store_true", help="by chat messages")
    given = parser.parse_args()
    server = OpenAI(base_url=given.url, api_key=os.environ.get("OPENAI_API_KEY", "none"))
    for one in given.texts:
        print((chat if given.chat else ask)(server, given.model, one))
