"""What we keep: the head of a user's state row, and the features of a product.

A user's row is a fixed-size little-endian record. Its head, the same for every model, is

    byte  0      1..3       4..7            8..15
          format reserved   model (crc32)   offset: last source offset that is counted in this row

and what follows belongs to the model (models/behaviour/row.py draws it). The format byte changes when the head does.
"""

from zlib import crc32

from msgspec import Struct

ROW_FORMAT = 1
ROW_HEADER = [("format", "<u1"), ("reserved", "<u1", (3,)), ("model", "<u4"), ("offset", "<i8")]
ROW_HEADER_BYTES = 16


class ProductFeatures(Struct, array_like=True):
    """What the behaviour side and a redelivery need to know of a product; the value of the product-features table.

    `content` is the hash of everything the model reads and of the model itself: equal content needs no new inference.
    `offset` and `partition` name the last upsert that is answered here: producers with different partitioners can send
    one id to two partitions, whose offsets say nothing of each other.
    `category` is the narrowest name of the likeliest category; `attribute_keys` are crc32 of "name=value".
    `categories` and `attributes` hold the encoded lists of the last predictions, so that they can be sent again.
    """

    format: int
    content: bytes
    offset: int
    category: str
    attribute_keys: list[int]
    categories: bytes
    attributes: bytes
    partition: int = -1


def model_key(name: str, version: str) -> int:
    """The 32 bits that stand for a model in a state row."""
    return crc32(f"{name}={version}".encode())


def attribute_key(name: str, value: str) -> int:
    """The 32 bits that stand for an attribute value in state; never 0, which means none."""
    return crc32(f"{name}={value}".encode()) or 1
