"""Quantities in product texts: `10 inch`, `1,5 L`, `500 grams`, `500克` as a number and a unit.

Two uses: one spelling of each unit in the normal text (the number as it was sold: `5.5 inch`), and amounts in base
units as columns (g, ml, mm, GB). Reads texts as `normalise` gives them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from models.data.preparation.decimals import NUMBER, decimal
from models.data.preparation.normal import normalise


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: how it is written, what it measures, how many base units it is, and how else it is spelled."""

    name: str
    kind: str
    base: float
    spellings: tuple[str, ...] = ()


BASE_UNITS = {"mass": "g", "volume": "ml", "length": "mm", "storage": "gb"}
INCH_MM, POUND_G, US_GALLON_ML = 25.4, 453.59237, 3785.411784  # exact by definition (NIST Handbook 44, appendix C)
UNITS = (
    Unit("mg", "mass", 1e-3, ("milligram", "milligrams", "毫克")),
    Unit("g", "mass", 1.0, ("gm", "gms", "gr", "gram", "grams", "gramme", "grammes", "克")),
    Unit("kg", "mass", 1e3, ("kgs", "kilo", "kilos", "kilogram", "kilograms", "千克", "公斤")),
    Unit("斤", "mass", 500.0, ("市斤",)),
    Unit("oz", "mass", POUND_G / 16, ("ounce", "ounces", "盎司")),
    Unit("lb", "mass", POUND_G, ("lbs", "pound", "pounds", "磅")),
    Unit("fl oz", "volume", US_GALLON_ML / 128, ("fl. oz", "floz", "fluid ounce", "fluid ounces", "液体盎司")),
    Unit("ml", "volume", 1.0, ("millilitre", "millilitres", "milliliter", "milliliters", "毫升")),
    Unit("cl", "volume", 10.0, ("centilitre", "centilitres", "centiliter", "centiliters")),
    Unit("l", "volume", 1e3, ("ltr", "ltrs", "lt", "litre", "litres", "liter", "liters", "升", "公升")),
    Unit("gal", "volume", US_GALLON_ML, ("gallon", "gallons", "加仑")),
    Unit("mm", "length", 1.0, ("millimetre", "millimetres", "millimeter", "millimeters", "毫米")),
    Unit("cm", "length", 10.0, ("cms", "centimetre", "centimetres", "centimeter", "centimeters", "厘米", "公分")),
    Unit("m", "length", 1e3, ("mtr", "mtrs", "metre", "metres", "meter", "meters", "米")),
    Unit("inch", "length", INCH_MM, ("inches", '"', "''", "′′", "”", "英寸", "吋")),
    Unit("ft", "length", 12 * INCH_MM, ("foot", "feet", "英尺")),
    Unit("mb", "storage", 1e-3, ("megabyte", "megabytes")),
    Unit("gb", "storage", 1.0, ("gigabyte", "gigabytes")),
    Unit("tb", "storage", 1e3, ("terabyte", "terabytes")),
    Unit("mah", "charge", 1.0, ("毫安", "毫安时")),
    Unit("w", "power", 1.0, ("watt", "watts", "瓦")),
    Unit("kw", "power", 1e3, ("kilowatt", "kilowatts", "千瓦")),
    Unit("v", "voltage", 1.0, ("volt", "volts", "伏")),
    Unit("hz", "frequency", 1.0, ("hertz", "赫兹")),
    Unit("ghz", "frequency", 1e9, ("gigahertz",)),
    Unit("mp", "resolution", 1.0, ("megapixel", "megapixels")),
)
_BY_SPELLING = {spelling: unit for unit in UNITS for spelling in (unit.name, *unit.spellings)}
_ANY = "|".join(re.escape(each) for each in sorted(_BY_SPELLING, key=len, reverse=True))
# Not inside a word or another number; an x before it is that of `10x20 cm`. `in` is left alone: `3 in 1`.
_QUANTITY = re.compile(rf"(?<![a-wyz0-9.,])(?P<number>{NUMBER})[ -]?(?P<unit>{_ANY})(?![a-z0-9])")
_GENERATIONS = frozenset(("2g", "3g", "4g", "5g", "6g"))  # of mobile networks
MOST_DIGITS = 12  # a longer number is a code, not an amount


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount and where it stands in the text."""

    value: float  # in `unit`, as written
    unit: Unit
    start: int
    end: int

    @property
    def base(self) -> float:
        """The amount in the base unit of its kind."""
        return self.value * self.unit.base


def quantities(text: str) -> list[Quantity]:
    """All amounts of a normal text, from left to right. Networks (`5g`) and long codes are none."""
    return [
        Quantity(decimal(found["number"]), _BY_SPELLING[found["unit"]], *found.span())
        for found in _QUANTITY.finditer(text)
        if found[0] not in _GENERATIONS and len(found["number"]) <= MOST_DIGITS
    ]


def with_one_spelling(text: str) -> str:
    """`1,5 litres` -> `1.5 l`; the normal text, each unit in one spelling, the number as it was sold. Idempotent."""
    parts, at = [], 0
    for found in quantities(text):
        number = np.format_float_positional(found.value, trim="-")  # never 1e-05
        parts += [text[at : found.start], f"{number} {found.unit.name}"]
        at = found.end
    return normalise("".join([*parts, text[at:]]))


def amounts(text: str) -> dict[str, float]:
    """Kind -> the first amount of that kind in a normal text, in its base unit; only the kinds of BASE_UNITS."""
    first: dict[str, float] = {}
    for found in quantities(text):
        if found.unit.kind in BASE_UNITS:
            first.setdefault(found.unit.kind, found.base)
    return first
