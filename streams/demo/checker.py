"""Compares what comes back with what is true."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from aiokafka import ConsumerRecord
from numpy.typing import NDArray

from models.data import grocery
from schemas.codec import Codec
from schemas.letters import DeadLetter
from schemas.predictions import ProductAttributes, ProductCategories, UserPrediction
from schemas.topics import PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES, USER_PREDICTIONS
from streams.demo.alarms import Alarms
from streams.demo.catalogue import Product
from streams.demo.latency import Latencies, RecentLatencies
from streams.demo.ledger import Ledger
from streams.demo.purchases import NONE, Year, line_of
from streams.demo.score import Scores
from streams.demo.showcase import Showcase

TOP = 10
SHOWN = 3  # of the categories that a prediction names
KEPT_ROWS = 8  # for the screen
A = TypeVar("A", ProductCategories, ProductAttributes)
ROWS_A_READ = 2  # of one fetch of a partition: more could not be read anyway
NOT_SENT = -1  # the number of an answer to something that is not ours; the ledger counts it as strange


@dataclass(frozen=True, slots=True)
class ProductRow:
    """One product, for the screen."""

    title: str
    predicted: str
    confidence: float
    truth: str
    right: bool
    unseen: bool


@dataclass(frozen=True, slots=True)
class UserRow:
    """One household, for the screen; `rank` is the place of what it wanted in the prediction, 0 if not there.

    Categories, and the same of products.
    """

    user: str
    bought: str
    predicted: list[str]
    wanted: str
    rank: int
    predicted_products: list[str]
    wanted_product: str
    product_rank: int
    unseen: bool


class Checker:
    """Counts, times and judges answers. `households_unseen`: the behaviour model was not fitted on the test split;
    `takeovers_unseen`: nor was the risk model.
    """

    def __init__(
        self, year: Year, products: Ledger, purchases: Ledger, *, households_unseen: bool, takeovers_unseen: bool
    ) -> None:
        self.products = products
        self.purchases = purchases
        self.scores = Scores()
        self.alarms = Alarms(unseen=takeovers_unseen)
        self.letters = 0
        self.first_letter = ""
        self.latency = {"products": Latencies(), "behaviour": Latencies()}
        self.recent = {"products": RecentLatencies(), "behaviour": RecentLatencies()}
        self.product_rows: deque[ProductRow] = deque(maxlen=KEPT_ROWS)
        self.user_rows: deque[UserRow] = deque(maxlen=KEPT_ROWS)
        self.showcase = Showcase()
        self.refined = 0  # products that the slower models answered after the fast one
        self.models: dict[str, dict[str, str]] = {}
        self._year = year
        self._unseen = year.in_test & households_unseen
        self._baseline_hit, self._baseline_product_hit = np.zeros((2, len(year)), bool)
        self._catalogue: list[Product] = []
        self._number_of: dict[str, int] = {}
        self._categories = Codec(ProductCategories)
        self._attributes = Codec(ProductAttributes)
        self._predictions = Codec(UserPrediction)
        self._dead = Codec(DeadLetter)

    def expect_products(self, products: Sequence[Product]) -> None:
        """These products will be sent next, in this order."""
        for product in products:
            self._number_of[product.product_id] = len(self._catalogue)
            self._catalogue.append(product)

    def expect_hits(self, lines: NDArray[np.int64], hits: NDArray[np.bool_]) -> None:
        """What the baseline got right, of lines that will be sent."""
        self._baseline_hit[lines] = hits

    def expect_product_hits(self, lines: NDArray[np.int64]) -> None:
        """Lines that will be sent, of which the baseline has the next product right."""
        self._baseline_product_hit[lines] = True

    def read_categories(self, records: Sequence[ConsumerRecord], now_s: float) -> None:
        """Predicted categories of products, in the order of one partition."""
        decoded = [self._categories.decode(record.value) for record in records]
        for answer in decoded:
            self.showcase.categories(answer)
        answers = self._first(PRODUCT_CATEGORIES.name, decoded)
        self.refined += len(decoded) - len(answers)
        if not answers:
            return
        numbers = [self._number_of.get(answer.product_id, NOT_SENT) for answer in answers]
        fresh, took_ms = self.products.receive(PRODUCT_CATEGORIES.name, numbers, now_s)
        self._time("products", took_ms, now_s)
        for answer in answers:
            if answer.tier == "fast":
                self.models["products"] = {"name": answer.model.name, "version": answer.model.version}
        answer_of = dict(zip(numbers, answers, strict=True))
        for number in fresh:
            product, answer = self._catalogue[number], answer_of[number]
            path = tuple(answer.categories[0].path) if answer.categories else ()
            if product.unseen:
                self.scores.products[f"{product.domain} category"].add(path == product.path)
        judged = [number for number in fresh if any(self._catalogue[number].path)]
        for number in judged[-ROWS_A_READ:]:
            self.product_rows.append(_product_row(self._catalogue[number], answer_of[number]))

    def read_attributes(self, records: Sequence[ConsumerRecord], now_s: float) -> None:
        """Predicted attributes of products; a supermarket product has a department."""
        decoded = [self._attributes.decode(record.value) for record in records]
        for answer in decoded:
            self.showcase.attributes(answer)
        answers = self._first(PRODUCT_ATTRIBUTES.name, decoded)
        if not answers:
            return
        numbers = [self._number_of.get(answer.product_id, NOT_SENT) for answer in answers]
        fresh, _ = self.products.receive(PRODUCT_ATTRIBUTES.name, numbers, now_s)
        answer_of = dict(zip(numbers, answers, strict=True))
        for number in fresh:
            product = self._catalogue[number]
            if product.unseen and product.domain == grocery.DOMAIN:
                found = {attribute.name: attribute.value for attribute in answer_of[number].attributes}
                self.scores.products["grocery department"].add(found.get("department") == product.path[0])

    def read_predictions(self, records: Sequence[ConsumerRecord], now_s: float) -> None:
        """What households will want next."""
        answers = [self._predictions.decode(record.value) for record in records]
        numbers = [line_of(answer.event_id) for answer in answers]
        fresh, took_ms = self.purchases.receive(USER_PREDICTIONS.name, numbers, now_s)
        self._time("behaviour", took_ms, now_s)
        self.models["behaviour"] = {"name": answers[-1].model.name, "version": answers[-1].model.version}
        answer_of = dict(zip(numbers, answers, strict=True))
        wanted = self._year.wanted
        for line in fresh:
            self._count_risk(line, answer_of[line])
            if wanted[line] != NONE and self._unseen[line]:
                hit = self._rank(line, answer_of[line]) > 0
                household = int(self._year.household[line])
                self.scores.add_next(household, model=hit, baseline=bool(self._baseline_hit[line]))
                named = self._product_rank(line, answer_of[line]) > 0
                self.scores.add_next_product(model=named, baseline=bool(self._baseline_product_hit[line]))
        for line in [line for line in fresh if wanted[line] != NONE][-ROWS_A_READ:]:
            self.user_rows.append(self._user_row(line, answer_of[line]))

    def read_letters(self, records: Sequence[ConsumerRecord], now_s: float) -> None:
        """Dead letters: the demo expects none."""
        for record in records:
            letter = self._dead.decode(record.value)
            place = f"{letter.source.topic}[{letter.source.partition}]@{letter.source.offset}"
            self.first_letter = self.first_letter or f"{place}: {letter.reason}: {letter.error}"
        self.letters += len(records)

    def _first(self, output: str, answers: Sequence[A]) -> list[A]:
        """Those that are no refinement of an answer that came before."""
        kept, came = list[A](), set[int]()
        for answer in answers:
            number = self._number_of.get(answer.product_id, NOT_SENT)
            if not (answer.revision and (number in came or self.products.has(output, number))):
                kept.append(answer)
            came.add(number)
        return kept

    def _time(self, agent: str, took_ms: NDArray[np.float64], now_s: float) -> None:
        self.latency[agent].add(took_ms)
        self.recent[agent].add(took_ms, now_s)

    def _count_risk(self, line: int, answer: UserPrediction) -> None:
        household, takeover = int(self._year.household[line]), int(self._year.takeover[line])
        self.alarms.add(household, takeover, answer.user_id, answer.event_id, answer.risk)

    def _rank(self, line: int, answer: UserPrediction) -> int:
        """The place of the wanted category among the first ten, from 1; 0 if it is not there."""
        wanted = self._year.categories[self._year.wanted[line]]
        return _place(wanted, [found.category for found in answer.next_categories[:TOP]])

    def _product_rank(self, line: int, answer: UserPrediction) -> int:
        """As `_rank`, of the wanted product."""
        return _place(str(self._year.wanted_product[line]), [found.product_id for found in answer.next_products[:TOP]])

    def _title(self, product_id: str) -> str:
        """What a product is called, if it was sent already; its id otherwise."""
        number = self._number_of.get(product_id)
        return product_id if number is None else self._catalogue[number].title

    def _user_row(self, line: int, answer: UserPrediction) -> UserRow:
        year = self._year
        return UserRow(
            user=str(year.household[line]),
            bought=year.categories[year.category[line]],
            predicted=[found.category for found in answer.next_categories[:SHOWN]],
            wanted=year.categories[year.wanted[line]],
            rank=self._rank(line, answer),
            predicted_products=[self._title(found.product_id) for found in answer.next_products[:SHOWN]],
            wanted_product=self._title(str(year.wanted_product[line])),
            product_rank=self._product_rank(line, answer),
            unseen=bool(self._unseen[line]),
        )


def _place(wanted: str, named: Sequence[str]) -> int:
    return named.index(wanted) + 1 if wanted in named else 0


def _product_row(product: Product, answer: ProductCategories) -> ProductRow:
    best = answer.categories[0] if answer.categories else None
    return ProductRow(
        title=product.title,
        predicted=best.path[-1] if best else "",
        confidence=best.confidence if best else 0.0,
        truth=product.path[-1],
        right=best is not None and tuple(best.path) == product.path,
        unseen=product.unseen,
    )
