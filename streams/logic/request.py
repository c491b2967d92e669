"""A record that is to be answered again, and how it is stored until then."""

from dataclasses import dataclass

from faust.types import TP

from schemas.codec import encode
from schemas.state import ROW_FORMAT, WAITING_KEY, ProductFeatures, Waiting

_ENTRY_BYTES = 500  # what a request takes besides its value


@dataclass(frozen=True, slots=True)
class Request:
    """A product-upsert that waits for the encoder; a Record in the sense of `streams.record`."""

    tp: TP
    offset: int
    timestamp: int
    key: bytes
    value: bytes

    @property
    def size(self) -> int:
        """About what it takes, in bytes."""
        return len(self.value) + _ENTRY_BYTES

    def row(self) -> bytes:
        """As it is stored."""
        return encode(
            ProductFeatures(
                format=ROW_FORMAT,
                content=b"",
                offset=self.offset,
                category="",
                attribute_keys=[],
                categories=b"",
                attributes=b"",
                partition=self.tp.partition,
                waiting=Waiting(self.timestamp, self.value),
            )
        )


def waiting_key(product_key: bytes) -> bytes:
    """The key of the row that says that this product waits."""
    return WAITING_KEY + product_key
