"""Adaptations behind the OpenAI API, all on one frozen base. A window: nothing else uses this room.

app.py      the routes                                bodies.py   what may be asked, as the API has it
asking.py   from bodies to what is asked              asked.py    a request in our own words, and its events
service.py  what is served, and who is let in         visit.py    a request while it is answered
worker.py   the engine's thread                       telling.py  answers in the API's words (answers.py, tokens.py)
stream.py   server-sent events; clients that leave    deltas.py   which part of a growing text can be told
extras.py   echoes and embeddings                     limits.py   keys, rates, sizes
errors.py   refusals, as the API has them             metrics.py  figures for Prometheus; run.py: the server itself
"""

from rung.serve.app import create_app
from rung.serve.limits import Limits
from rung.serve.run import Server
from rung.serve.service import Service, named_folders

__all__ = ["Limits", "Server", "Service", "create_app", "named_folders"]
