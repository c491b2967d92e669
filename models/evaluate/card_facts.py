"""What a model card says that no measurement can: what the model is for, what not, where its data come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set comes from and under which licence its publisher gives it."""

    name: str
    licence: str


SOURCES = {
    "fashion": Source('Kaggle "Fashion Product Images" (Myntra)', "MIT as stated there, not verified"),
    "electronics": Source("PriceRunner product offers (UCI 837)", "CC BY 4.0"),
    "grocery": Source("completejourney, 84.51°: products of a supermarket", "MIT"),
    "marketplace": Source("Flipkart products (Kaggle)", "CC BY-SA 4.0 as stated there, not verified"),
}
UNKNOWN = Source("not stated", "not stated")
USES = (
    "Proposing categories and attributes of products from their titles, as a stream or in bulk, to people who keep a "
    "catalogue. Answers above the confidence given under coverage may be let through unread where an error is cheap.",
)
NOT_FOR = (
    "Anything about people: attributes such as gender describe what a shop sells a product as, not who buys it.",
    "Goods of kinds outside the catalogues below: the model knows no other categories and answers with one of these.",
    "Safety, customs or legal classification, and claims about ingredients or allergens.",
)
