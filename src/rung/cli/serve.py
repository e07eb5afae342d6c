"""``rung serve``: adaptations behind the OpenAI API."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from rung.cli.listen import taken
from rung.cli.options import Dtype, Json, Lang, app, open_model, say, show_json, speak
from rung.types import AdaptationError, ModelRef, UserError


@app.command()
def serve(
    adaptations: Annotated[list[str] | None, typer.Argument(help="RUN/adaptations/NAME, or ANOTHER_NAME=RUN/adaptations/NAME")] = None,
    model: Annotated[str | None, typer.Option("--model", help="the base; else the one they were made for, or sprout")] = None,
    host: Annotated[str, typer.Option("--host", help="an address of another machine's network needs a key")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free")] = 8000,
    api_key: Annotated[list[str] | None, typer.Option("--api-key", help="who has one of them may ask; also RUNG_API_KEYS=a,b")] = None,
    admin_key: Annotated[
        str | None, typer.Option("--admin-key", envvar="RUNG_ADMIN_KEY", help="to add and remove adaptations; else from this machine")
    ] = None,
    rate: Annotated[int | None, typer.Option("--rate", min=1, help="requests a minute for each key, or address")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="the most that an answer may be asked to have")] = None,
    max_body: Annotated[int, typer.Option("--max-body", min=1024, help="bytes of a request")] = 4 << 20,
    max_open: Annotated[int, typer.Option("--max-open", min=1, help="requests that are not answered yet; more are refused")] = 1024,
    held: Annotated[int, typer.Option("--held-tokens", min=256, help="of memory, for all answers that are being written")] = 1 << 16,
    drain: Annotated[float, typer.Option("--drain", min=1, help="seconds to answer what is open when it is told to end")] = 30.0,
    dtype: Dtype = "float32", lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Serve adaptations behind the OpenAI API, each as a model, all on one base; and the bare base."""
    language = speak(lang)
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError(
            f'serving needs {error.name}: type pip install -e ".[serve]" in the folder of Rung',
            zh=f'服务需要 {error.name}：请在 Rung 的文件夹里运行 pip install -e ".[serve]"',
        ) from error
    from rung.adaptation import load
    from rung.serve import Limits, Server, Service, named_folders
    from rung.serve.limits import is_loopback, keys_of

    keys = keys_of(api_key or [], os.environ.get("RUNG_API_KEYS"))
    if not keys and not is_loopback(host):
        raise UserError(
            f"whoever reaches {host} could use this server: give --api-key (or RUNG_API_KEYS), or leave out --host",
            zh=f"任何能访问 {host} 的人都可使用此服务：请给出 --api-key（或 RUNG_API_KEYS），或去掉 --host",
        )
    folders = named_folders(adaptations or [])
    bases = {made.name for made in (load(folder).model for folder in folders.values()) if made is not None}
    if model is None and len(bases) > 1:
        raise AdaptationError(
            f"the adaptations were made for different bases: {', '.join(sorted(bases))}; serve them one base at a time",
            zh=f"这些适配属于不同的基座：{'、'.join(sorted(bases))}；请按基座分别启动服务",
        )
    name = model or next(iter(bases), "sprout")
    if name.startswith("openai:"):
        raise UserError(
            f"{name} is served already, where it runs; rung serve needs the model's weights: --model FOLDER",
            zh=f"{name} 已在别处提供服务；rung serve 需要模型的权重：--model 文件夹",
        )
    base = open_model(name, dtype)
    limits = Limits(keys, admin_key, max_body, rate, max_tokens, max_open)
    service = Service(base, limits=limits, tokens=held)
    for each, folder in folders.items():
        load(folder, ModelRef(base.name, base.sha256))
        service.add(each, folder)

    door = taken(host, port)

    def ready(bound: int) -> None:
        url = f"http://{f'[{host}]' if ':' in host else host}:{bound}/v1"
        names = [service.name, *folders]
        if as_json:
            show_json({"url": url, "models": names}, indent=None)
        say(language, f"{url} answers as {', '.join(names)}; Ctrl-C ends it, after the requests that are open",
            f"{url} 已就绪，模型：{'、'.join(names)}；Ctrl-C 在答完当前请求后退出")  # fmt: skip

    Server(service, host=host, port=port, drain=drain, ready=ready).run(sockets=[door])
