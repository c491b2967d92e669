"""An explanation as a page of its own: one file, no scripts, nothing fetched; every text of the product is escaped."""

from __future__ import annotations

from typing import Any

from models.explain.explanation import BRAND, DESCRIPTION, TITLE, Explanation, Reason
from models.explain.templating import environment


def page(explanation: Explanation) -> str:
    """The explanation as an HTML document."""
    pages = environment()
    reasons = [
        {"reason": reason, "value": " › ".join(reason.value), "fields": _fields(explanation, reason)}
        for reason in explanation.reasons
    ]
    return pages.get_template("page.html.j2").render(explanation=explanation, reasons=reasons)


def _fields(explanation: Explanation, reason: Reason) -> list[dict[str, Any]]:
    """The fields that were read, each cut into pieces: words with a weight and what stands between them."""
    product = explanation.product
    strongest = max((abs(word.weight) for word in reason.words), default=0.0) or 1.0
    found = []
    for name, text in ((BRAND, product.brand), (TITLE, product.title), (DESCRIPTION, product.description)):
        words = [word for word in reason.words if word.field == name]
        if not text or (name != TITLE and not words):
            continue
        pieces: list[dict[str, Any]] = []
        end = 0
        for word in words:
            pieces.append({"text": text[end : word.begin], "weight": None, "shade": 0})
            shade = round(100 * abs(word.weight) / strongest)
            pieces.append({"text": text[word.begin : word.end], "weight": word.weight, "shade": shade})
            end = word.end
        pieces.append({"text": text[end:], "weight": None, "shade": 0})
        found.append({"name": name, "pieces": [piece for piece in pieces if piece["text"]]})
    return found
