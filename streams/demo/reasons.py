"""Reasons of a risk score in plain words; what their numbers are stands in schemas.predictions.RiskReason."""

from collections.abc import Callable
from math import exp

from schemas.predictions import RiskReason

WORDS: dict[str, Callable[[float, float], str]] = {
    "rate": lambda value, usual: f"{value:.0f} events in this visit (usually {usual:.0f})",
    "category": lambda value, usual: f"categories {exp(value):.1f} × likelier for others (usually {exp(usual):.1f} ×)",
    "price": lambda value, usual: f"prices {value:.1f} × what such goods cost (usually {usual:.1f} ×)",
    "product": lambda value, usual: f"{value:.0%} products never bought before (usually {usual:.0%})",
    "hour": lambda value, usual: f"{value:.0%} of the user's visits at this time of the day",
    "country": lambda value, usual: f"{value:.1%} of the user's events from this country",
}


def in_words(reason: RiskReason) -> str:
    """What the user does unlike before; a reason that is not known here with its bare numbers."""
    words = WORDS.get(reason.name)
    return words(reason.value, reason.usual) if words else f"{reason.name} {reason.value:g} (usually {reason.usual:g})"
