"""What we write: predicted attributes and categories of a product, and what a user will want next.

Every prediction names the record it answers (`source`), the time of that event (`as_of`), the model, and an id that is
the same however often the record is replayed. Confidences are calibrated: of answers with 0.8, four in five are right.
"""

from msgspec import Struct


class Source(Struct, array_like=False):
    """The record that a message was made from."""

    topic: str
    partition: int
    offset: int


class ModelRef(Struct):
    """The model that answered."""

    name: str
    version: str


class Category(Struct):
    """One possible category; `path` runs from the widest to the narrowest name."""

    path: list[str]
    confidence: float


class Attribute(Struct, omit_defaults=True):
    """One predicted attribute; `evidence` is its [start, end) in the title, in code points, if it stands there."""

    name: str
    value: str
    confidence: float
    evidence: tuple[int, int] | None = None


class NextCategory(Struct):
    """A category that the user's next event may have."""

    category: str
    confidence: float


class NextProduct(Struct):
    """A product that the user's next event may have."""

    product_id: str
    confidence: float


class PreferredAttribute(Struct):
    """An attribute of the products a user chooses; `share` is its part of the user's recent, decayed choices."""

    name: str
    value: str
    share: float


class ProductCategories(Struct, kw_only=True):
    """Categories of a product, the likeliest first. Key: product_id; a null value says that the product is gone."""

    schema: int = 1
    prediction_id: str
    product_id: str
    as_of: int
    source: Source
    model: ModelRef
    categories: list[Category]


class ProductAttributes(Struct, kw_only=True):
    """Attributes of a product, each its likeliest value. Key: product_id; a null value: the product is gone."""

    schema: int = 1
    prediction_id: str
    product_id: str
    as_of: int
    source: Source
    model: ModelRef
    attributes: list[Attribute]


class UserPrediction(Struct, kw_only=True):
    """What a user will want next, as seen after one event. Key: user_id; a null value says that the user was erased.

    `purchase_probability` is the chance that the user starts another purchase within 7 days of `as_of`.
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


def prediction_id(topic: str, partition: int, offset: int) -> str:
    """The id of the prediction that answers the record at this place: equal on every replay."""
    return f"{topic}-{partition}-{offset}"
