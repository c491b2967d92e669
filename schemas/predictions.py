"""What we write: predicted attributes and categories of a product, and what a user will want next.

Every prediction names the record it answers (`source`), the time of that event (`as_of`), the model, and an id that is
the same however often the record is replayed. Confidences are calibrated: of answers with 0.8, four in five are right.

A product may be answered twice: at once by the fast tier (`revision` 0), and by the encoder (`revision` 1) where the
fast tier is not sure of the category. The number says who answered, so that an id has one content however often the
record is replayed: where the encoder was quick enough there is revision 1 alone. Of the answers to one `source` the
highest revision counts; they are written in rising order, so under one key the last one counts, as always.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

FAST, ENCODER = 0, 1  # the revisions there are

Tier = Literal["fast", "encoder"]


class Source(Struct, array_like=False):
    """The record that a message was made from."""

    topic: str
    partition: int
    offset: int


class ModelRef(Struct):
    """The model that answered."""

    name: str
    version: str


class Category(Struct, omit_defaults=True):
    """One possible category; `path` runs from the widest to the narrowest name.

    `taxonomy_id` is the category's id in Shopify's product taxonomy ("aa-1-13-8"), where one is known.
    """

    path: list[str]
    confidence: float
    taxonomy_id: str | None = None


class Attribute(Struct, omit_defaults=True):
    """One predicted attribute; `evidence` is its [start, end) in the title, in code points, if it stands there."""

    name: str
    value: str
    confidence: float
    evidence: tuple[int, int] | None = None


class PriceRange(Struct):
    """What such a product costs, in the currency of its event: 80 % lie between `low` and `high`.

    `far_outside` says that the event's own price is far from it, so that the price or the product may be wrong.
    """

    low: float
    median: float
    high: float
    far_outside: bool = False


class TextWeight(Struct):
    """How much the title's [start, end), in code points, speaks for the answer; below 0 it speaks against it."""

    start: int
    end: int
    weight: float


class ImageWeight(Struct):
    """How much a part of the picture speaks for the answer; its edges as shares of width and height, from top left."""

    left: float
    top: float
    right: float
    bottom: float
    weight: float


class Neighbour(Struct):
    """A product that the model learnt from and that is like this one; `similarity` is 1 for an equal one."""

    title: str
    label: str
    similarity: float


class Explanation(Struct, omit_defaults=True):
    """What the likeliest answer rests on, the weightiest first; `method` names how it was found."""

    method: str
    text: list[TextWeight] = []
    image: list[ImageWeight] = []
    neighbours: list[Neighbour] = []


class NextCategory(Struct):
    """A category that the user's next event may have."""

    category: str
    confidence: float


class NextProduct(Struct):
    """A product that the user's next event may have."""

    product_id: str
    confidence: float


class PreferredAttribute(Struct):
    """An attribute of the products a user chooses; `share` is its part of the user's recent, decayed choices.

    `probability` is the chance that the user's next purchase of something that has the attribute `name` has this
    value; it is left out where the worker has no model of tastes (`models.taste`). The name "price_band" has the values
    low, mid and high, beside what is usual in the category; its share is of the price bands alone.
    """

    name: str
    value: str
    share: float
    probability: float | UnsetType = UNSET


class ProductCategories(Struct, kw_only=True):
    """Categories of a product, the likeliest first. Key: product_id; a null value says that the product is gone.

    `inputs` has what the model reads, by name: "read", "missing", "cut" (only its beginning was), "broken: reason".
    """

    schema: int = 1
    prediction_id: str
    product_id: str
    as_of: int
    source: Source
    model: ModelRef
    categories: list[Category]
    revision: int = FAST
    tier: Tier = "fast"
    inputs: dict[str, str] | UnsetType = UNSET
    explanation: Explanation | UnsetType = UNSET


class ProductAttributes(Struct, kw_only=True):
    """Attributes of a product, each its likeliest value. Key: product_id; a null value: the product is gone.

    `inputs` is as in ProductCategories.
    """

    schema: int = 1
    prediction_id: str
    product_id: str
    as_of: int
    source: Source
    model: ModelRef
    attributes: list[Attribute]
    revision: int = FAST
    tier: Tier = "fast"
    inputs: dict[str, str] | UnsetType = UNSET
    price: PriceRange | UnsetType = UNSET
    explanation: Explanation | UnsetType = UNSET


class RiskReason(Struct):
    """What makes a user's visit unlike the ones before. `weight` is what it adds to the logit of the score.

    name       value                                                                   usual
    ---------  ----------------------------------------------------------------------  -------------------------
    rate       events of the visit so far                                              of the user's visits
    category   mean log of how much likelier the categories are for anybody            of the user's visits
    price      prices as a multiple of what the categories cost                        of the user's visits
    product    share of products that the user has not bought before                   of the user's visits
    hour       share of the user's visits at this time of the day (four hours, UTC)    1/6
    country    share of the user's events that came from this country                  1
    """

    name: str
    value: float
    usual: float
    weight: float


class Risk(Struct, omit_defaults=True):
    """How likely it is that not the user but somebody else did this: 0 to 1, with reasons where it is notable.

    `alarm` says that the score reached the worker's threshold (`behaviour.risk_alarm`).
    """

    score: float
    reasons: list[RiskReason] = []
    alarm: bool = False


class Days(Struct):
    """In how many days something happens: 80 % of the times between `low` and `high`, half of them before `median`."""

    low: float
    median: float
    high: float


class UserPrediction(Struct, kw_only=True):
    """What a user will want next, as seen after one event. Key: user_id; a null value says that the user was erased.

    `purchase_probability` is the chance that the user starts another purchase within 7 days of `as_of`.
    `session_purchase_probability` is the chance that the event's session brings a purchase after it; it is left out
    where the event has no session or the worker no model of sessions (`models.session`).
    `next_visit_days` says when the user's next basket begins, in days from `as_of`; 56 days stand for as many or more.
    It is left out for a user who has bought nothing of a known category yet.
    """

    schema: int = 1
    prediction_id: str
    user_id: str
    event_id: str
    as_of: int
    source: Source
    model: ModelRef
    next_categories: list[NextCategory]
    next_products: list[NextProduct]
    preferred_attributes: list[PreferredAttribute]
    purchase_probability: float
    risk: Risk | UnsetType = UNSET
    session_purchase_probability: float | UnsetType = UNSET
    next_visit_days: Days | UnsetType = UNSET


def prediction_id(topic: str, partition: int, offset: int, revision: int = FAST) -> str:
    """The id of the prediction that answers the record at this place, in this revision: equal on every replay."""
    place = f"{topic}-{partition}-{offset}"
    return f"{place}-r{revision}" if revision else place


def tier_of(revision: int) -> Tier:
    """Who gives the answers of this revision."""
    return "encoder" if revision else "fast"
