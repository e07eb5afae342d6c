"""``rung ui``: a local web application to bring data, climb, look, try, compare and rate.

app.py         the application out of its pages; settings.py: what it was started with
guard.py       who may ask: host, origin, session, size; form.py: what a form must carry; fields.py: labels, and messages that name them
view.py        templates and languages
runs.py        the runs folder, read; uploads.py: files brought by a person; process.py: climbs as processes of their own
home.py · data.py · climb.py · run.py · examples.py · playground.py · compare.py · rate.py     one page each
trial.py · ratings.py     what two of them count and keep, without HTTP

The pages only look in: a climb is the command ``rung climb`` in a process of its own, so that closing a page, reloading it
or ending ``rung ui`` loses nothing.
"""

from rung.pages.app import create_app
from rung.pages.settings import Settings

__all__ = ["Settings", "create_app"]
