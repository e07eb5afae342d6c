"""The options of a model behind an endpoint, which several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rung.types import UserError

BaseUrl = Annotated[
    str | None, typer.Option("--base-url", help="of --model openai:NAME, such as http://localhost:8000/v1")
]
ApiKeyEnv = Annotated[
    str | None, typer.Option("--api-key-env", help="the environment variable of its key; else OPENAI_API_KEY")
]
Context = Annotated[
    int | None, typer.Option("--context", min=2, help="tokens that the model holds, where an endpoint does not say")
]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", min=1, max=256, help="requests to an endpoint under way at once; else 8")
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", min=0.01, help="seconds of one attempt at an endpoint; else 60")
]
Attempts = Annotated[
    int | None, typer.Option("--attempts", min=1, max=100, help="attempts at one call to an endpoint; else 8")
]
FirstWait = Annotated[
    float | None,
    typer.Option("--first-wait", min=0.0, help="seconds before the second attempt, doubled each time; else 0.5"),
]
Prices = Annotated[
    Path | None, typer.Option("--prices", help="YAML of prices per million tokens, in place of the package's")
]

NAMES = {
    "base_url": "--base-url", "api_key_env": "--api-key-env", "concurrency": "--concurrency", "timeout": "--timeout",
    "attempts": "--attempts", "first_wait": "--first-wait", "prices": "--prices",
}  # fmt: skip


def endpoint_of(given: dict[str, Any], model: str, option: str = "--model") -> dict[str, Any]:
    """What ``load_model`` takes beyond the name, of a command's arguments; raises UserError where ``model``, which ``option``
    names, is no endpoint's.
    """
    from rung.engine import EndpointOptions

    told = {name: given[name] for name in NAMES if given.get(name) is not None}
    context = {} if given.get("context") is None else {"context": given["context"]}
    if not model.startswith("openai:"):
        if told:
            typed = NAMES[next(iter(told))]
            raise UserError(
                f"{typed} is for a model behind an endpoint, and {model!r} is none: type {option} openai:NAME --base-url URL",
                zh=f"{typed} 用于远程接口的模型，而 {model!r} 不是：请写 {option} openai:名称 --base-url 地址",
            )
        return context
    names = {"api_key_env": "key_env"}
    options = {names.get(name, name): value for name, value in told.items() if name not in ("base_url", "prices")}
    return {
        **context, "base_url": told.get("base_url"), "prices": told.get("prices"), "price": given.get("price") or 0.0,
        "options": EndpointOptions(**options),
    }  # fmt: skip
