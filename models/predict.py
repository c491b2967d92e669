"""The door between models and streams: load a predictor, give it columns, get arrays back."""

from models.behaviour import BehaviourPredictor, EventLists, load_behaviour
from models.columns import BehaviourBatch, EventColumns, Extracted, ModelInfo, ProductBatch, ProductColumns
from models.text.predictor import ProductPredictor, load_products
from models.tiers import SURE_ABOVE, PredictorRefiner, Refiner, load_tiers, sure

__all__ = [
    "SURE_ABOVE",
    "BehaviourBatch",
    "BehaviourPredictor",
    "EventColumns",
    "EventLists",
    "Extracted",
    "ModelInfo",
    "PredictorRefiner",
    "ProductBatch",
    "ProductColumns",
    "ProductPredictor",
    "Refiner",
    "load_behaviour",
    "load_products",
    "load_tiers",
    "sure",
]
