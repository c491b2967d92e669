"""Columns in and out of the models: the types that cross the door between models and streams.

All arrays of one struct have the same first length; that is checked where they are used, not here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.predictions import Explanation, RiskReason


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Name and version of the artifact that gave an answer; both go into every prediction."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class ProductColumns:
    """n products, column by column. A column that is None is absent for all of them."""

    titles: list[str]
    brands: list[str | None] | None = None
    descriptions: list[str | None] | None = None
    hints: list[str | None] | None = None  # the catalogue's own category, free text
    images: list[NDArray[np.uint8] | None] | None = None  # each as models.image.decode gives it; broken ones are None
    prices: list[float | None] | None = None  # in the currency of the event
    currencies: list[str | None] | None = None  # ISO 4217


@dataclass(frozen=True, slots=True)
class Extracted:
    """A value that a title holds, as it stands there: [start, end) in code points."""

    name: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class ProductBatch:
    """Answers for n products, in the order given.

    Shapes: K alternatives for the category, falling in confidence along axis 1; A attributes, as many as the domain
    with the most has. An id of -1 means no answer there, and its confidence is 0.
    """

    category_ids: NDArray[np.int32]  # (n, K) into ProductPredictor.categories
    category_confidence: NDArray[np.float32]  # (n, K) calibrated
    attribute_ids: NDArray[np.int32]  # (n, A) into ProductPredictor.attributes
    attribute_confidence: NDArray[np.float32]  # (n, A) calibrated
    # What a model may know besides; None where it does not.
    taxonomy_ids: list[list[str | None]] | None = None  # (n, K) in Shopify's product taxonomy
    extracted: list[list[Extracted]] | None = None  # (n,) values of any attribute; the closed set's have precedence
    prices: NDArray[np.float32] | None = None  # (n, 3) low, median and high: quantiles .1, .5, .9; NaN: not known
    far_outside: NDArray[np.bool_] | None = None  # (n,) whether the product's own price is far from that range
    explanations: list[Explanation | None] | None = None  # (n,)


@dataclass(frozen=True, slots=True)
class EventColumns:
    """n behaviour events in the order in which they are to be applied (per user: offset order)."""

    types: NDArray[np.uint8]  # (n,) index into schemas.events.EVENT_TYPES
    categories: NDArray[np.int32]  # (n,) into BehaviourPredictor.categories, -1 unknown
    products: NDArray[np.int32]  # (n,) into BehaviourPredictor.products, -1 unknown
    attributes: NDArray[np.uint32]  # (n, A) crc32 of "name=value" of the product's predicted attributes, 0 = none
    sessions: NDArray[np.uint64]  # (n,) hash of session_id (the basket), 0 = no session
    times_ms: NDArray[np.int64]  # (n,) milliseconds since the epoch
    prices: NDArray[np.float64] | None = None  # (n,) of one piece, 0 = not told; None: of no event
    quantities: NDArray[np.float64] | None = None  # (n,) pieces, 0 = not told; None: of no event

    def take(self, which: slice | NDArray[np.generic]) -> EventColumns:
        """The events that a slice, a mask or an index array names."""
        return EventColumns(**{name: column[which] for name, column in self.told()})

    def told(self) -> list[tuple[str, NDArray[Any]]]:
        """The columns that are there, by name."""
        columns = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return [(name, column) for name, column in columns if column is not None]


@dataclass(frozen=True, slots=True)
class Risks:
    """How likely each of m events is not of the user: reasons by event, for those where it matters."""

    scores: NDArray[np.float64]  # (m,) to six digits; NaN: not told
    reasons: dict[int, list[RiskReason]]
    alarm: float  # the score from which the model calls it an alarm


@dataclass(frozen=True, slots=True)
class BehaviourBatch:
    """States of u users after all events, and answers for the m events that were to be answered, in event order.

    Alternatives fall in confidence along axis 1; -1 (or key 0) with confidence 0 pads a row that has fewer.
    """

    rows: np.ndarray  # (u,) BehaviourPredictor.row_dtype
    category_ids: NDArray[np.int32]  # (m, top) into BehaviourPredictor.categories; never one of the running basket
    category_confidence: NDArray[np.float32]  # (m, top)
    product_ids: NDArray[np.int32]  # (m, top) into BehaviourPredictor.products
    product_confidence: NDArray[np.float32]  # (m, top)
    # (m, 3) crc32 of "name=value": what the user prefers; (m, 4) with a model of tastes: the heaviest price band too
    attribute_keys: NDArray[np.uint32]
    attribute_share: NDArray[np.float32]  # (m, 3 or 4) share of the user's decayed weight
    purchase_probability: NDArray[np.float32]  # (m,) another purchase basket starts within 7 days of the event
    risks: Risks | None = None  # (m,); None: the model has none
    # (m,) low, middle and high days until the next basket; an entry that is None: not told
    next_visit: list[tuple[float, float, float] | None] | None = None
    attribute_probability: NDArray[np.float64] | None = None  # (m, 4) of the next purchase having it; NaN: not told
    session_purchase: NDArray[np.float64] | None = None  # (m,) the session still brings a purchase; NaN: not told
