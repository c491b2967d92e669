"""The second half of the cascade: what the fast tier is not sure of goes to the encoder, at once or later.

At once, in the window of the event, as far as the window's budget reaches; then the product has one answer, the
encoder's. Else the fast tier's answer goes out, and the product waits: the windows after it, or the idle time between
them, answer it again. Half of a window's budget is for those that wait, if there are any.

What keeps a refinement right:

    not lost        the request is a row, written before the product's own row and deleted after it
    not overtaken   the product's row is read again when the encoder is to answer: only while it has the request's own
                    offset and partition, and the fast tier's revision, is the answer written. Rows and outputs of a
                    partition leave in the order in which they were decided
    not repeated    the row that is written with the answer has the encoder's revision, so a request that is still there
                    after a crash is not followed; at least once, an answer may come again with its id and content

A picture is looked at for the encoder only, and never in the window of its event: it may have to be fetched, and to
decode it takes its time. The product waits until its picture is ready or given up.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future

import msgspec
from faust.types import TP

from models.predict import Refiner
from schemas.codec import Codec
from schemas.errors import DecodeError
from schemas.events import ProductUpsert
from schemas.predictions import FAST
from schemas.state import ProductFeatures
from streams.batcher.window import Window
from streams.clock import Clock
from streams.logic.answer import Answer, ReadRows
from streams.logic.budget import Budget
from streams.logic.decode import Decoded, WindowDecoder
from streams.logic.inputs import NO_PICTURE, Content, Picture, Pictures, has_picture
from streams.logic.messages import write_product
from streams.logic.request import Request, waiting_key
from streams.logic.tier import encoder_tier
from streams.logic.waiting import WaitingRoom

log = logging.getLogger(__name__)
AHEAD = 32  # products whose pictures are made ready before their turn; each takes 150 KB then

_features = msgspec.msgpack.Decoder(ProductFeatures)


class Refinements:
    """The encoder and the products that wait for it; a `Logic` over the records that they came with.

    Everything but `open` belongs to the model's thread; that is called while it has nothing to do.
    """

    name = "products-later"

    def __init__(
        self, model: Refiner, content: Content, budget: Budget, room: WaitingRoom, clock: Clock,
        pictures: Pictures | None = None, explain_words: int = 0,
    ) -> None:  # fmt: skip
        self.model_name, self.model_version = model.info.name, model.info.version
        self.tier = encoder_tier(model, explain_words)
        self.room = room
        self._budget = budget
        self._content = content
        self._pictures = pictures if "image" in model.reads else None
        self._ahead: dict[bytes, tuple[int, Future[Picture]]] = {}
        self._decoder = WindowDecoder(ProductUpsert, lambda product: product.product_id, clock)
        self._codec = Codec(ProductUpsert)

    # -- in the window of the event ------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A window begins."""
        self._budget.begin()

    def at_once(self, contents: Sequence[bytes], products: Sequence[ProductUpsert]) -> dict[bytes, ProductFeatures]:
        """The encoder's answers, by content, to as many as the budget allows, of those that need no picture.

        An error of the model is no error here: then all of them wait, and the one at fault is found.
        """
        most = self._budget.left - min(len(self.room), (self._budget.left + 1) // 2)
        able = [i for i, product in enumerate(products) if not self._needs_picture(product)][:most]
        if not able:
            return {}
        chosen = [contents[i] for i in able]
        try:
            found = self._ask(chosen, [products[i] for i in able], [NO_PICTURE] * len(able))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  # a model may raise anything
            log.warning("%s failed at one of %d products (%r); they wait", self.model_name, len(able), error)
            return {}
        return dict(zip(chosen, found, strict=True))

    def note(self, requests: Mapping[bytes, Request | None]) -> None:
        """What a window asks for, now that it is answered; None: the product is not to wait any longer."""
        for key, request in requests.items():
            if request is None:
                self.room.remove(key)
            else:
                self.room.put(request)
        self._look_ahead()

    # -- later ---------------------------------------------------------------------------------------------------------

    def ready(self) -> bool:
        """Whether the one that has waited longest can be answered now."""
        return any(self._is_ready(request) for request in self.room.first(1))

    def take(self) -> Window:
        """Those whose turn it is, as far as the budget reaches. Whoever takes them answers them, or the worker ends."""
        chosen = []
        for request in self.room.first(self._budget.left):
            if not self._is_ready(request):
                break  # in order: the journal of attempts goes by offsets
            chosen.append(request)
        return self.room.take(chosen)

    def answer(self, window: Window, read: ReadRows) -> Answer:
        """See `Logic.answer`: the encoder's answers to those whose newest event this still is."""
        answer = Answer()
        current = [item for item in self._decoder.decode(window, answer) if self._is_current(item, read, answer)]
        products = [item.event for item in current if item.event is not None]
        if not products:
            return answer
        contents = [self._content.of(product) for product in products]
        pictures = [self._picture(item) for item in current]
        found = self._ask(contents, products, pictures)
        for item, product, features in zip(current, products, found, strict=True):
            part = answer.partitions[item.tp]
            write_product(part, item.tp, item.record, product, features, self.tier.ref)
            part.rows[waiting_key(item.key)] = None
            answer.refined["later"] += 1
        return answer

    def settle(self, window: Window, answer: Answer) -> None:
        """None of these wait any more: a record that was set aside keeps the fast tier's answer."""
        for tp, records in window.records.items():
            rows = answer.partitions[tp].rows
            for record in records:
                self._forget(record.key or b"")
                rows.setdefault(waiting_key(record.key or b""), None)
        answer.again += window.size
        self._look_ahead()

    # -- partitions come and go ----------------------------------------------------------------------------------------

    def open(self, rows: Iterable[tuple[bytes, bytes]], tps: Iterable[TP]) -> None:
        """These partitions are ours from now on, and no others; `rows` are all that are stored under WAITING_KEY."""
        self.room.load(rows, tps)
        for key in list(self._ahead):
            self._forget(key)
        self._look_ahead()

    # -- inside --------------------------------------------------------------------------------------------------------

    def _ask(
        self, contents: Sequence[bytes], products: Sequence[ProductUpsert], pictures: Sequence[Picture]
    ) -> list[ProductFeatures]:
        began = time.perf_counter()
        found = self.tier.answer(contents, products, pictures)
        self._budget.spend(len(products), time.perf_counter() - began)
        return found

    def _is_current(self, item: Decoded[ProductUpsert], read: ReadRows, answer: Answer) -> bool:
        (row,) = read(item.tp.partition, [item.key])
        if row is not None:
            features = _features.decode(row)
            place = (features.partition, features.offset, features.revision)
            if place == (item.tp.partition, item.record.offset, FAST):
                return True
        answer.partitions[item.tp].rows[waiting_key(item.key)] = None
        answer.refined["superseded"] += 1
        return False

    def _needs_picture(self, product: ProductUpsert) -> bool:
        return self._pictures is not None and has_picture(product)

    def _look_ahead(self) -> None:
        if self._pictures is None:
            return
        for request in self.room.first(AHEAD):
            there = self._ahead.get(request.key)
            if there is None or there[0] != request.offset:
                self._forget(request.key)
                self._ahead[request.key] = (request.offset, self._prepare(request.value))
        for key in [key for key in self._ahead if key not in self.room]:
            self._forget(key)

    def _forget(self, key: bytes) -> None:
        """The picture is of no use any more; one that nobody has begun with is not fetched."""
        there = self._ahead.pop(key, None)
        if there is not None:
            there[1].cancel()

    def _prepare(self, value: bytes) -> "Future[Picture]":
        assert self._pictures is not None
        try:
            product = self._codec.decode(value)
        except DecodeError:  # never of a row of ours; the record becomes a letter when it is answered
            product = None
        if product is not None and has_picture(product):
            return self._pictures.prepare(product)
        none: Future[Picture] = Future()
        none.set_result(NO_PICTURE)
        return none

    def _is_ready(self, request: Request) -> bool:
        if self._pictures is None:
            return True
        there = self._ahead.get(request.key)
        return there is not None and there[0] == request.offset and there[1].done()

    def _picture(self, item: Decoded[ProductUpsert]) -> Picture:
        there = self._ahead.get(item.key)
        return there[1].result() if there is not None and there[0] == item.record.offset else NO_PICTURE
