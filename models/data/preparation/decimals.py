"""Numbers as shops write them: `1,899.00`, `1.899,00 €`, `1,5`, `Rs. 899`."""

from __future__ import annotations

import re
import unicodedata

from schemas.events import MAX_PRICE

NUMBER = r"[0-9]+(?:[.,][0-9]+)*"
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:[.,][0-9]{3})+")
_PRICE = re.compile(rf"(?P<before>[^0-9+.,-]*\.?)\s*(?P<number>{NUMBER})(?P<after>[^0-9]*)")
_BETWEEN_THOUSANDS = re.compile(r"(?<=[0-9])[ '’](?=[0-9]{3}(?:[^0-9]|$))")
CURRENCIES = {
    "$": "USD",
    "us$": "USD",
    "usd": "USD",
    "€": "EUR",
    "eur": "EUR",
    "£": "GBP",
    "gbp": "GBP",
    "rs": "INR",
    "rs.": "INR",
    "₹": "INR",
    "inr": "INR",
    "元": "CNY",
    "rmb": "CNY",
    "cny": "CNY",
    "人民币": "CNY",
}


def decimal(token: str) -> float:
    """The value of what NUMBER matches.

    With both signs, the last one is the decimal sign. A sign that stands more than once separates thousands; so does a
    single comma before exactly three digits (`1,899`, but not `0,500`). Any other single sign is the decimal one.
    """
    marks = [sign for sign in token if sign in ".,"]
    if len(set(marks)) == 2 and marks.count(marks[-1]) == 1:
        whole, _, rest = token.rpartition(marks[-1])
        return float(f"{re.sub('[.,]', '', whole)}.{rest}")
    if len(marks) > 1 or (marks == [","] and _GROUPED.fullmatch(token)):
        return float(re.sub("[.,]", "", token))
    return float(token.replace(",", "."))


def price(text: str) -> tuple[float, str] | None:
    """`Rs. 1,899` -> (1899.0, "INR"); the currency is "" where no known sign names it. None: this is no price.

    A price has one number, none below 0 or above 1e9, and nothing beside it but a currency or `/-`.
    `¥` names yen and yuan alike, so it is read past and the currency stays unknown.
    """
    flat = unicodedata.normalize("NFKC", text).strip().lower()
    found = _PRICE.fullmatch(_BETWEEN_THOUSANDS.sub("", flat))
    if found is None:
        return None
    signs = [side.strip() for side in (found["before"], found["after"].removesuffix("/-")) if side.strip()]
    if len(signs) > 1 or (signs and signs[0] not in CURRENCIES and signs[0] != "¥"):
        return None
    value = decimal(found["number"])
    return (value, CURRENCIES.get(signs[0], "") if signs else "") if value <= MAX_PRICE else None
