"""The door for people: ``rung climb``, ``data``, ``predict``, ``evaluate``, ``judge``, ``report``, ``pretrain``; a file for each group.

Every command answers to ``--json`` and speaks Chinese or English (``--lang``, else the locale). A user's mistake is one
sentence and exit status 2; an interrupted climb exits with 130 and can be gone on with.
"""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from rung.cli.chinese import asked_language, spoken
from rung.cli.options import SPOKEN, app, show_json
from rung.language import own_language
from rung.types import UserError

# Each puts its commands on the application; --help shows them in this order.
for group in ("climb", "data", "synthesize", "answer", "judge", "export", "serve", "pretrain", "ui", "selftest"):
    import_module(f"rung.cli.{group}")


def main() -> None:
    """Run the command; a user's mistake ends it in one sentence."""
    SPOKEN.set(None)
    try:
        command = typer.main.get_command(app)
        with spoken(command, asked_language(sys.argv[1:])):
            command()
    except UserError as error:
        message = error.zh if (SPOKEN.get() or own_language()) == "zh" else str(error)
        if "--json" in sys.argv:
            show_json({"error": message, "kind": type(error).__name__})
        else:
            print(message, file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
