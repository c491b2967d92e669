"""What we keep: the head of a user's state row, and the features of a product.

A user's row is a fixed-size little-endian record. Its head, the same for every model, is

    byte  0      1..3       4..7            8..15
          format reserved   model (crc32)   offset: last source offset that is counted in this row

and what follows belongs to the model (models/behaviour/row.py draws it). The format byte changes when the head does.
"""

from collections.abc import Sequence
from struct import Struct as Layout
from zlib import crc32

from msgspec import Struct

ROW_FORMAT = 1
ROW_HEADER = [("format", "<u1"), ("reserved", "<u1", (3,)), ("model", "<u4"), ("offset", "<i8")]
ROW_HEADER_BYTES = 16
_OFFSET = Layout("<q")


WAITING_KEY = b"\xffwaiting:"  # before a product_id; 0xff is in no UTF-8 text, so this is no product's own key


class Waiting(Struct, array_like=True):
    """A product-upsert as it came, kept until the encoder has answered it; its place is in the features around it."""

    timestamp: int
    value: bytes


class ProductFeatures(Struct, array_like=True):
    """What the behaviour side and a redelivery need to know of a product; the value of the product-features table.

    `content` is the hash of everything the model reads and of the model itself: equal content needs no new inference.
    `offset` and `partition` name the last upsert that is answered here: producers with different partitioners can send
    one id to two partitions, whose offsets say nothing of each other.
    `category` is the narrowest name of the likeliest category; `attribute_keys` are crc32 of "name=value".
    `categories` and `attributes` hold the encoded lists of the last predictions, so that they can be sent again, and so
    do `inputs`, `price` and `explanation`, each empty where there is none.
    `revision` is that of the last prediction. `unsure`: the fast tier would leave this product to the encoder.

    A row under WAITING_KEY and the product's id says that the product waits for the encoder: it holds `waiting`, and
    the upsert's offset and partition. It counts only while the product's own row has the same and revision 0.
    """

    format: int
    content: bytes
    offset: int
    category: str
    attribute_keys: list[int]
    categories: bytes
    attributes: bytes
    partition: int = -1
    revision: int = 0
    unsure: bool = False
    inputs: bytes = b""
    price: bytes = b""
    explanation: bytes = b""
    waiting: Waiting | None = None


def model_key(name: str, version: str) -> int:
    """The 32 bits that stand for a model in a state row."""
    return crc32(f"{name}={version}".encode())


def source_offsets(rows: Sequence[bytes | None]) -> list[int]:
    """The source offset that each user's row reaches; -1 for None and for a row of another format."""
    offset = _OFFSET.unpack_from
    return [offset(row, 8)[0] if row and row[0] == ROW_FORMAT and len(row) >= ROW_HEADER_BYTES else -1 for row in rows]


def attribute_key(name: str, value: str) -> int:
    """The 32 bits that stand for an attribute value in state; never 0, which means none."""
    return crc32(f"{name}={value}".encode()) or 1
