"""A model behind an OpenAI-compatible endpoint: vLLM, Ollama, llama.cpp, ``rung serve``, a provider.

address.py     which model, where, and what the ledger knows it by
calls.py       what one call took; where answers are kept
failures.py    what a failed call means: again, later, or never
client.py      calls under way at once, each repeated until it is answered, each answer kept when it arrives
abilities.py   what the endpoint offers, found out once
scoring.py     labels by log-probabilities: echoed, or among the likeliest tokens
writing.py     requests that write
prices.py      what tokens cost (prices.yaml)
model.py       all of it, as the house sees a model
"""

from rung.engine.endpoint.address import Address, EndpointOptions
from rung.engine.endpoint.calls import CallStore, Meter
from rung.engine.endpoint.model import EndpointModel, endpoint_model
from rung.engine.endpoint.prices import Price, price_of

__all__ = ["Address", "CallStore", "EndpointModel", "EndpointOptions", "Meter", "Price", "endpoint_model", "price_of"]
