"""The door between models and streams: load a predictor, give it columns, get arrays back."""

from models.behaviour import BehaviourPredictor, EventLists, load_behaviour
from models.columns import BehaviourBatch, EventColumns, Extracted, ModelInfo, ProductBatch, ProductColumns
from models.explain.occlusion import with_explanations
from models.fusion.columns import GoodsBatch, GoodsColumns
from models.fusion.predictor import GoodsPredictor, load_goods
from models.image.decode import decode as decode_image
from models.image.errors import ImageError
from models.image.guard import GuardedDecoder
from models.taxonomy.predictor import TaxonomyAnswers, TaxonomyPredictor, load_taxonomy
from models.text.predictor import ProductPredictor, load_products
from models.tiers import SURE_ABOVE, PredictorRefiner, Refiner, load_tiers, sure

__all__ = [
    "SURE_ABOVE",
    "BehaviourBatch",
    "BehaviourPredictor",
    "EventColumns",
    "EventLists",
    "Extracted",
    "GoodsBatch",
    "GoodsColumns",
    "GoodsPredictor",
    "GuardedDecoder",
    "ImageError",
    "ModelInfo",
    "PredictorRefiner",
    "ProductBatch",
    "ProductColumns",
    "ProductPredictor",
    "Refiner",
    "TaxonomyAnswers",
    "TaxonomyPredictor",
    "decode_image",
    "load_behaviour",
    "load_goods",
    "load_products",
    "load_taxonomy",
    "load_tiers",
    "sure",
    "with_explanations",
]
