"""What simple methods forecast: the same weekday of last week, and exponential smoothing with and without a season.

seasonal naive               the value of the same weekday, a week before
exponential smoothing        l = l + a (y - l); every day ahead is l (Brown 1956)
Holt-Winters                 additive season of a week, no trend: l = l + a (y - s - l), s = s + g (y - l - s)
                             (Winters 1960; Hyndman et al. 2008, model ETS(A,N,A))

Per series, a and g are those of a grid whose forecasts of 1 to 7 days had the lowest mean absolute error, the measure
that WAPE is of, over all origins of the training days. After that the states go on through the test, day by day. The
outer quantiles are the forecast and the quantiles of the series' own errors in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from models.demand.columns import HORIZON, QUANTILES, WEEK

Series = NDArray[np.float64]
Method = Callable[[Series, int, Sequence[int]], Series]

LEVEL_RATES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
SEASON_RATES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
BURN_IN = 28  # first days of which no forecast is judged: the states begin with their mean


def seasonal_naive(units: Series, training: int, origins: Sequence[int]) -> Series:
    """(n, d) units -> (n, origins, HORIZON): of an origin t, days t to t + 6 are forecast from those before it."""
    return np.stack([units[:, origin - WEEK : origin] for origin in origins], axis=1)


def exponential_smoothing(units: Series, training: int, origins: Sequence[int]) -> Series:
    """As `seasonal_naive`; rates are chosen on the first `training` days."""
    return _smoothed(units, training, origins, [(level, None) for level in LEVEL_RATES])


def holt_winters(units: Series, training: int, origins: Sequence[int]) -> Series:
    """As `exponential_smoothing`, with a season of a week; a rate of 0 keeps the mean of the first four weeks."""
    return _smoothed(units, training, origins, list(product(LEVEL_RATES, SEASON_RATES)))


BASELINES: dict[str, Method] = {
    "seasonal naive": seasonal_naive,
    "exponential smoothing": exponential_smoothing,
    "Holt-Winters": holt_winters,
}


def with_quantiles(method: Method, units: Series, training: int, origins: Sequence[int]) -> Series:
    """(n, origins, HORIZON, 3): quantiles .1, .5, .9; the middle one is the forecast itself, none is below 0."""
    past = range(BURN_IN, training - HORIZON + 1)
    found = method(units, training, [*past, *origins])
    seen, ahead = found[:, : len(past)], found[:, len(past) :]
    errors = np.stack([units[:, origin : origin + HORIZON] for origin in past], axis=1) - seen
    ends = np.quantile(errors.reshape(len(units), -1), (QUANTILES[0], QUANTILES[-1]), axis=1)  # (2, n)
    low, high = (np.maximum(ahead + end[:, None, None], 0) for end in ends)
    return np.stack([np.minimum(low, ahead), ahead, np.maximum(high, ahead)], axis=3)


def _smoothed(
    units: Series, training: int, origins: Sequence[int], rates: Sequence[tuple[float, float | None]]
) -> Series:
    errors = np.stack([_walk(units, rate, training)[0] for rate in rates])  # (rates, n)
    chosen = errors.argmin(axis=0)
    forecasts = np.empty((len(units), len(origins), HORIZON))
    for number in np.unique(chosen):
        mine = chosen == number
        forecasts[mine] = _walk(units[mine], rates[number], training, origins)[1]
    return forecasts


def _walk(
    units: Series, rate: tuple[float, float | None], training: int, origins: Sequence[int] = ()
) -> tuple[Series, Series]:
    """Mean absolute error of each series in training, and its forecasts from the origins; never below 0."""
    alpha, gamma = rate
    start = units[:, :BURN_IN]
    level = start.mean(axis=1)
    season = np.zeros((len(units), WEEK))
    if gamma is not None:
        season += start.reshape(len(units), -1, WEEK).mean(axis=1) - level[:, None]
    wanted = {origin: place for place, origin in enumerate(origins)}
    forecasts = np.empty((len(units), len(wanted), HORIZON))
    error, judged = np.zeros(len(units)), 0
    for day in range(max([training, *wanted]) + 1):
        ahead = np.maximum(level[:, None] + season[:, (day + np.arange(HORIZON)) % WEEK], 0)
        if day in wanted:
            forecasts[:, wanted[day]] = ahead
        if BURN_IN <= day <= training - HORIZON:
            error += np.abs(units[:, day : day + HORIZON] - ahead).mean(axis=1)
            judged += 1
        if day < units.shape[1]:
            value, place, before = units[:, day], day % WEEK, level
            level = level + alpha * (value - season[:, place] - level)
            if gamma is not None:
                season[:, place] += gamma * (value - before - season[:, place])
    return error / max(judged, 1), forecasts
