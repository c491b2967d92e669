"""What we read: product and behaviour events. Limits are part of the contract; a value outside them is a dead letter.

Times are integer milliseconds since 1970-01-01 UTC, as Kafka's own; JSON may use RFC 3339 text with an offset instead.
Unknown fields are ignored and fields are only ever added, so an old producer and a new reader always agree.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

EVENT_TYPES = ("view", "cart", "uncart", "purchase", "search", "wishlist")
EventType = Literal["view", "cart", "uncart", "purchase", "search", "wishlist"]

MAX_ID_CHARS = 256
MAX_TITLE_CHARS = 4_096
MAX_DESCRIPTION_CHARS = 262_144
MAX_IMAGE_BYTES = 256 * 1024
MAX_VALUE_BYTES = 1024 * 1024  # of a whole record value: the default limit of Kafka's own producers and brokers
MAX_TIME_MS = 4_102_444_800_000  # 2100-01-01: a later time is a unit mistake (microseconds), not a date
MAX_PRICE = 1e9

LANGUAGE = r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8})*$(?!\n)"  # (?!\n): in Python a $ also matches before a last line break

Version = Annotated[int, Meta(ge=1, le=65_535)]
Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)]
Label = Annotated[str, Meta(max_length=512)]
TimeMs = Annotated[int, Meta(ge=0, le=MAX_TIME_MS, description="milliseconds since the epoch, UTC")]
Price = Annotated[float, Meta(ge=0, le=MAX_PRICE)]


class ProductUpsert(Struct, kw_only=True, omit_defaults=True):
    """A product was created or changed. Key: product_id. A null value deletes the product and its predictions.

    `image` holds the picture itself (JPEG, PNG; base64 in JSON), `image_uri` says where it lies; either or none.
    """

    schema: Version = 1
    product_id: Id
    title: Annotated[str, Meta(min_length=1, max_length=MAX_TITLE_CHARS)]
    updated_at: TimeMs
    description: Annotated[str, Meta(max_length=MAX_DESCRIPTION_CHARS)] | None = None
    brand: Label | None = None
    category_hint: Label | None = None
    attributes: Annotated[dict[Label, Label], Meta(max_length=256)] | None = None
    price: Price | None = None
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", description="ISO 4217")] | None = None
    language: Annotated[str, Meta(pattern=LANGUAGE, description="BCP 47")] | None = None
    image: Annotated[bytes, Meta(max_length=MAX_IMAGE_BYTES)] | None = None
    image_uri: Annotated[str, Meta(max_length=2_048)] | None = None


class UserBehaviour(Struct, kw_only=True, omit_defaults=True):
    """A user did something. Key: user_id. A null value erases the user: state, changelog and predictions.

    Events of one purchase share their `session_id` (the basket). `category` is the shop's own word and wins over the
    predicted one when the model knows it.
    """

    schema: Version = 1
    event_id: Id
    user_id: Id
    type: EventType
    occurred_at: TimeMs
    session_id: Id | None = None
    product_id: Id | None = None
    query: Annotated[str, Meta(max_length=1_024)] | None = None
    category: Label | None = None
    price: Price | None = None
    quantity: Annotated[float, Meta(ge=0, le=1e6)] | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1 alpha-2")] | None = None
