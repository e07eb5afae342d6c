"""The only room with logits: load a model, score, generate, read hidden states, and the flat forward for training."""

from rung.engine.attention import install
from rung.engine.constrain import Constraint
from rung.engine.endpoint import EndpointModel, EndpointOptions
from rung.engine.fake import FakeModel, fake_model
from rung.engine.flat import forward_flat
from rung.engine.flops import Meter
from rung.engine.generate import Generation
from rung.engine.language_model import LanguageModel, weights_of
from rung.engine.layout import Past
from rung.engine.load import hash_folder, load_model, without_bars
from rung.engine.model import Model
from rung.engine.score import ChoiceScores

__all__ = [
    "ChoiceScores",
    "Constraint",
    "EndpointModel",
    "EndpointOptions",
    "FakeModel",
    "Generation",
    "LanguageModel",
    "Meter",
    "Model",
    "Past",
    "fake_model",
    "forward_flat",
    "hash_folder",
    "install",
    "load_model",
    "weights_of",
    "without_bars",
]
