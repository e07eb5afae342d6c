"""``rung ui``: the pages, on this machine."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from rung.cli.listen import taken
from rung.cli.options import Json, app, say, show_json, speak
from rung.folders import writable
from rung.types import UserError


@app.command()
def ui(
    runs: Annotated[Path, typer.Argument(help="the folder with the run folders")] = Path("runs"),
    model: Annotated[list[str] | None, typer.Option("--model", help="a base model that may be chosen, first the usual one; may be repeated")] = None,
    host: Annotated[str, typer.Option(help="the address to listen on; another than this machine's own demands a token")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free")] = 8321,
    token: Annotated[str | None, typer.Option(help="what a browser must know; else one is made where one is needed")] = None,
    upload: Annotated[int, typer.Option(min=1, help="most MiB that may be brought at once")] = 64,
    lang: Annotated[str | None, typer.Option("--lang", help="zh or en, the pages' too; else RUNG_LANG's or the locale's, and the pages by the browser", metavar="zh|en")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Open the pages: bring a file, climb and watch, look at every answer, try, compare, rate."""
    language = speak(lang)
    try:
        import uvicorn

        from rung.pages import Settings, create_app
        from rung.pages.settings import is_loopback
    except ImportError as error:
        raise UserError(
            f"the pages need the extra 'ui' ({error.name} is missing): pip install -e '.[ui]' in the folder of Rung",
            zh=f"页面需要附加依赖 ui（缺少 {error.name}）：请在 Rung 的文件夹里运行 pip install -e '.[ui]'",
        ) from None
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(24)
    models = tuple(model or ["sprout"])
    settings = Settings(runs, models, language if lang else None, host, port, token, upload * 2**20)
    writable(runs)
    door = taken(host, port)
    door.listen()  # whoever opens the address at once waits, and is not refused
    settings = replace(settings, port=door.getsockname()[1])
    config = uvicorn.Config(create_app(settings), log_level="warning", access_log=False, server_header=False)
    address = f"http://{shown_as(host)}:{settings.port}/" + (f"login?token={quote(token, safe='')}" if token else "")
    if as_json:
        show_json({"address": address, "runs": str(runs)}, indent=None)
    else:
        say(
            language,
            f"pages: {address}   (Ctrl-C ends them; climbs go on)",
            f"页面：{address}   （Ctrl-C 结束页面；攀登会继续）",
        )
    uvicorn.Server(config).run(sockets=[door])


def shown_as(host: str) -> str:
    """The host as it is typed into a browser on this machine; from elsewhere it is this machine's own address."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"
    return f"[{host}]" if ":" in host else host
