"""Products that the fast tier has answered and that wait for the encoder.

What waits is in the table too, one row a product (schemas.state, WAITING_KEY), written with the answer of the fast
tier and deleted with that of the encoder, so it outlives the worker and goes with the partition. Of a product only the
newest event waits. What waits is answered in the order of arrival, so in that of the offsets of each partition.
"""

from collections.abc import Iterable
from itertools import islice

import msgspec
from faust.types import TP

from schemas.state import WAITING_KEY, ProductFeatures
from streams.batcher.window import Window
from streams.logic.request import Request

_features = msgspec.msgpack.Decoder(ProductFeatures)


class WaitingRoom:
    """The products that wait, by key. `most` and `most_bytes` bound what is let in; what was stored always comes in."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._requests: dict[bytes, Request] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._requests)

    def __contains__(self, key: bytes) -> bool:
        return key in self._requests

    def has_room(self, count: int, size: int) -> bool:
        """Whether so many more, of that size together, may come in."""
        return len(self._requests) + count <= self._most and self._bytes + size <= self._most_bytes

    def put(self, request: Request) -> None:
        """Let it in, behind all others; an older one of the same product goes."""
        self.remove(request.key)
        self._requests[request.key] = request
        self._bytes += request.size

    def remove(self, key: bytes) -> None:
        """The product waits no longer, if it did."""
        request = self._requests.pop(key, None)
        if request is not None:
            self._bytes -= request.size

    def first(self, count: int) -> list[Request]:
        """Those that have waited longest."""
        return list(islice(self._requests.values(), count))

    def take(self, requests: Iterable[Request]) -> Window:
        """These, which wait no longer, as a window."""
        window = Window()
        for request in requests:
            self.remove(request.key)
            window.add(request.tp, [request])
        return window

    def load(self, rows: Iterable[tuple[bytes, bytes]], tps: Iterable[TP]) -> None:
        """Who waits in these partitions, from the stored rows of WAITING_KEY, and nobody else."""
        by_number = {tp.partition: tp for tp in tps}
        found = []
        for key, row in rows:
            features = _features.decode(row)
            tp, waiting = by_number.get(features.partition), features.waiting
            if tp is not None and waiting is not None:
                product_key = key.removeprefix(WAITING_KEY)
                found.append(Request(tp, features.offset, waiting.timestamp, product_key, waiting.value))
        self._requests.clear()
        self._bytes = 0
        for request in sorted(found, key=lambda request: (request.tp, request.offset)):
            self.put(request)
