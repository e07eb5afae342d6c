"""Adaptations behind the OpenAI API, all on one frozen base. A window: nothing else uses this room.

app.py       the routes                       bodies.py    what may be asked, as the API has it
service.py   what is served                   asked.py     a request in our own words, and its events
visit.py     a request while it is answered   answers.py   responses, as the API has them
worker.py    the engine's thread              deltas.py    which part of a growing text can be told
limits.py    keys, rates, sizes               errors.py    refusals, as the API has them
"""

from rung.serve.app import create_app
from rung.serve.limits import Limits
from rung.serve.run import Server
from rung.serve.service import Service, named_folders

__all__ = ["Limits", "Server", "Service", "create_app", "named_folders"]
