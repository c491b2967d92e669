"""Products: an upsert becomes predicted categories and attributes, and the features the behaviour side reads.

A product whose content the same models have seen before is answered from its features, without inference. A record
whose offset is not past the one in the features was answered before a restart, and is skipped.
"""

from collections.abc import Mapping, Sequence

import msgspec

from models.predict import ProductPredictor
from schemas.events import ProductUpsert
from schemas.predictions import FAST
from schemas.state import ProductFeatures
from streams.batcher.window import Window
from streams.clock import Clock
from streams.logic.answer import Answer, ReadRows
from streams.logic.decode import Decoded, WindowDecoder
from streams.logic.inputs import NO_PICTURE, Content
from streams.logic.messages import write_deletion, write_product
from streams.logic.refine import Refinements
from streams.logic.request import Request, waiting_key
from streams.logic.tier import fast_tier

_features = msgspec.msgpack.Decoder(ProductFeatures)


class ProductLogic:
    """Answers product-upsert. `inferred` counts products that went through the model.

    With `later`, products whose category is less likely than `sure_above` are for the encoder, at once or later.
    """

    name = "products"

    def __init__(
        self,
        model: ProductPredictor,
        clock: Clock,
        *,
        later: Refinements | None = None,
        content: Content | None = None,
        sure_above: float = 0.0,
        explain_words: int = 0,
    ) -> None:
        self.model_name, self.model_version = model.info.name, model.info.version
        self.inferred = 0
        self.later = later
        self._fast = fast_tier(model, sure_above, explain_words)
        self._content = content or Content([(model.info.name, model.info.version)], model.reads)
        self._decoder = WindowDecoder(ProductUpsert, lambda product: product.product_id, clock)

    def answer(self, window: Window, read: ReadRows) -> Answer:
        """See `Logic.answer`."""
        answer = Answer()
        decoded = self._decoder.decode(window, answer)
        known = self._read(decoded, read)
        fresh = [item for item in decoded if not self._redelivered(item, known, answer)]
        contents = [b"" if item.event is None else self._content.of(item.event) for item in fresh]
        answers = {features.content: features for features in known.values()}
        inferred = self._infer(fresh, contents, answers)
        answers.update(inferred)
        if self.later is not None:
            better = self._better(self.later, fresh, contents, answers)
            answer.refined["at_once"] += len(better)
            answers.update(better)
            inferred.update(better)
        for item, content in zip(fresh, contents, strict=True):
            self._emit(item, answers.get(content), content in inferred, answer)
        answer.cut += self._fast.take_cut()
        return answer

    def _read(self, decoded: Sequence[Decoded[ProductUpsert]], read: ReadRows) -> dict[bytes, ProductFeatures]:
        keys: dict[int, dict[bytes, None]] = {}
        for item in decoded:
            keys.setdefault(item.tp.partition, {})[item.key] = None
        known = {}
        for partition, wanted in keys.items():
            for key, row in zip(wanted, read(partition, list(wanted)), strict=True):
                if row is not None:
                    known[key] = _features.decode(row)
        return known

    @staticmethod
    def _redelivered(item: Decoded[ProductUpsert], known: dict[bytes, ProductFeatures], answer: Answer) -> bool:
        features = known.get(item.key)
        if features is None or features.partition != item.tp.partition or item.record.offset > features.offset:
            return False
        answer.results["redelivered"] += 1
        return True

    def _infer(
        self,
        fresh: Sequence[Decoded[ProductUpsert]],
        contents: Sequence[bytes],
        answers: Mapping[bytes, ProductFeatures],
    ) -> dict[bytes, ProductFeatures]:
        """One model call for all contents of the window that no known product has."""
        wanted: dict[bytes, ProductUpsert] = {}
        for item, content in zip(fresh, contents, strict=True):
            if item.event is not None and content not in answers:
                wanted.setdefault(content, item.event)
        if not wanted:
            return {}
        products = list(wanted.values())
        self.inferred += len(products)
        found = self._fast.answer(list(wanted), products, [NO_PICTURE] * len(products))
        return dict(zip(wanted, found, strict=True))

    def _better(
        self,
        later: Refinements,
        fresh: Sequence[Decoded[ProductUpsert]],
        contents: Sequence[bytes],
        answers: Mapping[bytes, ProductFeatures],
    ) -> dict[bytes, ProductFeatures]:
        """The encoder's answers to contents that the fast tier is not sure of, as far as it can give them now."""
        wanted: dict[bytes, ProductUpsert] = {}
        for item, content in zip(fresh, contents, strict=True):
            if item.event is not None and _is_for_the_encoder(answers[content]):
                wanted.setdefault(content, item.event)
        return later.at_once(list(wanted), list(wanted.values())) if wanted else {}

    def _emit(
        self, item: Decoded[ProductUpsert], features: ProductFeatures | None, inferred: bool, answer: Answer
    ) -> None:
        part = answer.partitions[item.tp]
        if item.event is None or features is None:
            self._ask(item, None, answer)
            write_deletion(part, item.key)
            answer.results["deleted"] += 1
            return
        self._ask(item, features, answer)
        ref = self._fast.ref if self.later is None or features.revision == FAST else self.later.tier.ref
        write_product(part, item.tp, item.record, item.event, features, ref)
        answer.results["predicted" if inferred else "unchanged"] += 1

    def _ask(self, item: Decoded[ProductUpsert], features: ProductFeatures | None, answer: Answer) -> None:
        """Have the product wait for the encoder, if it is to; what waited until now has been overtaken.

        Before the product's own row is written: if only one of the two came into the changelog, the record would be
        answered again, not left as it is.
        """
        if self.later is None:
            return
        key, room = item.key, self.later.room
        if key in room or answer.requests.get(key) is not None:
            answer.ask(key, None)
            answer.partitions[item.tp].rows[waiting_key(key)] = None
            answer.refined["superseded"] += 1
        if features is None or not _is_for_the_encoder(features):
            return
        request = Request(item.tp, item.record.offset, item.record.timestamp, key, item.record.value or b"")
        if not room.has_room(answer.asked + 1, answer.asked_bytes + request.size):
            answer.refined["no_room"] += 1
            return
        answer.ask(key, request)
        answer.partitions[item.tp].rows[waiting_key(key)] = request.row()
        answer.refined["put_off"] += 1


def _is_for_the_encoder(features: ProductFeatures) -> bool:
    return features.unsure and features.revision == FAST
