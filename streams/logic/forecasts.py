"""Rows of counted sales to messages: what each key is going to sell on the seven days after one that has closed."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import numpy as np
from msgspec import UNSET

from models.predict import (
    DemandPredictor,
    elasticities,
    exponential_smoothing,
    sales_columns,
    sales_of_day,
    stock_outs,
)  # fmt: skip
from schemas.codec import encode
from schemas.demand import DayForecast, DemandForecast, Kind, PriceElasticity, StockOutHint
from schemas.predictions import ModelRef, Source

EPOCH = date(1970, 1, 1)
DIGITS = 3  # of a unit


def forecasts(
    model: DemandPredictor, keys: Sequence[bytes], rows: np.ndarray, day: int, as_of: int, source: Source
) -> Iterator[bytes]:
    """The encoded forecast of each key, of (n,) rows whose first sale was on `day` or before, in order."""
    columns = sales_columns(rows, day)
    batch = model.run(columns)
    history = columns.units.shape[1]
    smoothed = exponential_smoothing(columns.units.astype(np.float64), history, [history])[:, 0]
    units, revenue = sales_of_day(rows, day)
    answers = np.concatenate([batch.quantiles, batch.low[:, :, None], batch.high[:, :, None]], axis=2).tolist()
    slopes, gaps = elasticities(columns), stock_outs(columns)
    naive = columns.units[:, -batch.low.shape[1] :].tolist()
    dates = [(EPOCH + timedelta(days=day + ahead)).isoformat() for ahead in range(batch.low.shape[1] + 1)]
    ref = ModelRef(model.info.name, model.info.version)
    for i, key in enumerate(keys):
        kind, _, name = key.decode().partition("/")
        slope, gap = slopes[i], gaps[i]
        yield encode(
            DemandForecast(
                prediction_id=f"{kind}/{name}@{dates[0]}",
                kind=_kind(kind),
                name=name,
                as_of=as_of,
                date=dates[0],
                units=float(units[i]),
                revenue=round(float(revenue[i]), 2),
                source=source,
                model=ref,
                days=[
                    DayForecast(when, *(round(number, DIGITS) for number in (middle, below, above, tenth, ninth)))
                    for when, (tenth, middle, ninth, below, above) in zip(dates[1:], answers[i], strict=True)
                ],
                seasonal_naive=naive[i],
                smoothing=[round(number, DIGITS) for number in smoothed[i].tolist()],
                elasticity=UNSET
                if slope is None
                else PriceElasticity(
                    round(slope.value, DIGITS), round(slope.low, DIGITS), round(slope.high, DIGITS), slope.days
                ),
                stock_out=UNSET if gap is None else StockOutHint(gap.days, gap.chance),
            )
        )


def _kind(text: str) -> Kind:
    return "category" if text == "category" else "product"
