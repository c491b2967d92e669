"""Demand: what the first step of counting hands to the second, and the forecasts that come of it.

user-behaviour is keyed by user, so the sales of a product lie in all its partitions. Each purchase is sent on under the
key of its product, and under that of its category, so that the partition which counts a key sees all of it.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.events import Label, Price, TimeMs, Version
from schemas.predictions import ModelRef, Source

Kind = Literal["product", "category"]
Name = Annotated[Label, Meta(min_length=1)]


class DemandUnits(Struct, kw_only=True, omit_defaults=True):
    """A sale of one product, or in one category. Key: kind/name, as `demand_key` makes it.

    `source` is the purchase, by which a second copy of this message is known: of one partition of user-behaviour they
    come here in the order of their offsets, the product's before the category's. `price` is of one unit.
    """

    schema: Version = 1
    kind: Kind
    name: Name
    occurred_at: TimeMs
    units: Annotated[float, Meta(ge=0, le=1e6)]
    price: Price | None = None
    source: Source


class DayForecast(Struct):
    """Units on one day. `p50` is the forecast; 80 % of days lie from `low` to `high`, which is calibrated as it is.

    `p10` and `p90` are quantiles, for stocks: on 90 % of days no more than `p90` is asked for.
    """

    date: str
    p50: float
    low: float
    high: float
    p10: float
    p90: float


class PriceElasticity(Struct):
    """Per cent of units that a price higher by 1 % came with, its 95 % interval, and on how many days that was seen."""

    value: float
    low: float
    high: float
    days: int


class StockOutHint(Struct):
    """So many days without a sale up to the last one, and how likely they are if nothing has changed."""

    days: int
    chance: float


class DemandForecast(Struct, kw_only=True):
    """Demand of the seven days after one that has closed. Key: kind/name; a null value: nothing sold in eight weeks.

    `date` is the closed day and `as_of` its end; `units` and `revenue` are what was counted on it until then.
    `source` is the record that closed it. `seasonal_naive` and `smoothing` are the simple forecasts of the same days.
    `elasticity` and `stock_out` are there only where the sales carry them.
    """

    schema: int = 1
    prediction_id: str
    kind: Kind
    name: str
    as_of: int
    date: str
    units: float
    revenue: float
    source: Source
    model: ModelRef
    days: list[DayForecast]
    seasonal_naive: list[float]
    smoothing: list[float]
    elasticity: PriceElasticity | UnsetType = UNSET
    stock_out: StockOutHint | UnsetType = UNSET


def demand_key(kind: str, name: str) -> str:
    """product and p-1 -> product/p-1."""
    return f"{kind}/{name}"
