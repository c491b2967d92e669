"""The door between models and streams: load a predictor, give it columns, get arrays back."""

from models.behaviour import BehaviourPredictor, EventLists, load_behaviour
from models.columns import BehaviourBatch, EventColumns, ModelInfo, ProductBatch, ProductColumns
from models.taxonomy.predictor import TaxonomyAnswers, TaxonomyPredictor, load_taxonomy
from models.text.predictor import ProductPredictor, load_products

__all__ = [
    "BehaviourBatch",
    "BehaviourPredictor",
    "EventColumns",
    "EventLists",
    "ModelInfo",
    "ProductBatch",
    "ProductColumns",
    "ProductPredictor",
    "TaxonomyAnswers",
    "TaxonomyPredictor",
    "load_behaviour",
    "load_products",
    "load_taxonomy",
]
