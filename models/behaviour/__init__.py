"""Behaviour: an LSTM over what users buy, with a memory of their habits; state rows in, answers and rows out."""

from models.behaviour.artifact import KIND, load_behaviour, save_behaviour
from models.behaviour.network import BehaviourNetwork, Sizes
from models.behaviour.predictor import BehaviourPredictor
from models.behaviour.row import PREFIX, PREFIX_BYTES
from models.behaviour.shelf import Shelf
from models.behaviour.walk import EventLists

__all__ = [
    "KIND",
    "PREFIX",
    "PREFIX_BYTES",
    "BehaviourNetwork",
    "BehaviourPredictor",
    "EventLists",
    "Shelf",
    "Sizes",
    "load_behaviour",
    "save_behaviour",
]
