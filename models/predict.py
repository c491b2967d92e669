"""The door between models and streams: load a predictor, give it columns, get arrays back."""

from models.behaviour import BehaviourPredictor, EventLists, load_behaviour
from models.behaviour.recent import APPLIED, DUPLICATE, EARLY, LATE, NO_EVENT, event_hash
from models.behaviour.risk import country_number
from models.behaviour.taste import BANDS as PRICE_BANDS
from models.columns import BehaviourBatch, EventColumns, Extracted, ModelInfo, ProductBatch, ProductColumns
from models.demand.columns import HISTORY as SALES_HISTORY
from models.demand.columns import DemandBatch, DemandColumns
from models.demand.hints import elasticities, stock_outs
from models.demand.predictor import DemandPredictor, load_demand
from models.demand.row import ROW_DTYPE as SALES_ROW
from models.demand.row import columns_of as sales_columns
from models.demand.row import count_sale
from models.demand.row import of_day as sales_of_day
from models.demand.row import read_row as read_sales_row
from models.demand.smoothing import exponential_smoothing
from models.explain.occlusion import with_explanations
from models.fusion.columns import GoodsBatch, GoodsColumns
from models.fusion.predictor import GoodsPredictor, load_goods
from models.image.decode import decode as decode_image
from models.image.errors import ImageError
from models.image.guard import GuardedDecoder
from models.session.log import key as session_key
from models.taxonomy.predictor import TaxonomyAnswers, TaxonomyPredictor, load_taxonomy
from models.text.predictor import ProductPredictor, load_products
from models.tiers import SURE_ABOVE, PredictorRefiner, Refiner, load_tiers, sure, tier_attributes

__all__ = [
    "APPLIED",
    "DUPLICATE",
    "EARLY",
    "LATE",
    "NO_EVENT",
    "PRICE_BANDS",
    "SALES_HISTORY",
    "SALES_ROW",
    "SURE_ABOVE",
    "BehaviourBatch",
    "BehaviourPredictor",
    "DemandBatch",
    "DemandColumns",
    "DemandPredictor",
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
    "count_sale",
    "country_number",
    "decode_image",
    "elasticities",
    "event_hash",
    "exponential_smoothing",
    "load_behaviour",
    "load_demand",
    "load_goods",
    "load_products",
    "load_taxonomy",
    "load_tiers",
    "read_sales_row",
    "sales_columns",
    "sales_of_day",
    "session_key",
    "stock_outs",
    "sure",
    "tier_attributes",
    "with_explanations",
]
