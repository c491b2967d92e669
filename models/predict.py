"""The door between models and streams: load a predictor, give it columns, get arrays back."""

from models.behaviour import BehaviourPredictor, EventLists, load_behaviour
from models.columns import BehaviourBatch, EventColumns, ModelInfo, ProductBatch, ProductColumns
from models.fusion.columns import GoodsBatch, GoodsColumns
from models.fusion.predictor import GoodsPredictor, load_goods
from models.image.decode import decode as decode_image
from models.image.errors import ImageError
from models.text.predictor import ProductPredictor, load_products

__all__ = [
    "BehaviourBatch",
    "BehaviourPredictor",
    "EventColumns",
    "EventLists",
    "GoodsBatch",
    "GoodsColumns",
    "GoodsPredictor",
    "ImageError",
    "ModelInfo",
    "ProductBatch",
    "ProductColumns",
    "ProductPredictor",
    "decode_image",
    "load_behaviour",
    "load_goods",
    "load_products",
]
