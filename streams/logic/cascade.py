"""The products logic with both tiers, put together once from the models and the settings."""

from math import inf
from sys import maxsize

from models.predict import SURE_ABOVE, ProductPredictor, Refiner
from streams.clock import Clock
from streams.config import ProductSettings
from streams.logic.budget import Budget
from streams.logic.inputs import Content, Pictures
from streams.logic.products import ProductLogic
from streams.logic.refine import Refinements
from streams.logic.waiting import WaitingRoom


def make_product_logic(
    fast: ProductPredictor,
    encoder: Refiner | None,
    settings: ProductSettings,
    clock: Clock,
    *,
    pictures: Pictures | None = None,
    hurry: bool = True,
) -> ProductLogic:
    """Without an encoder, the fast tier alone. Not in a `hurry`, what needs no picture is answered in its window."""
    words = settings.explain_words
    told = [("explain_words", str(words))] if words else []  # else what is known would stay without an explanation
    if encoder is None:
        content = Content([(fast.info.name, fast.info.version), *told], fast.reads)
        return ProductLogic(fast, clock, content=content, explain_words=words)
    own = fast.threshold if encoder.info == fast.tower else SURE_ABOVE
    sure_above = own if settings.sure_above is None else settings.sure_above
    infos = (fast.info, encoder.info)
    models = [*((info.name, info.version) for info in infos), ("sure_above", repr(sure_above)), *told]
    content = Content(models, fast.reads | encoder.reads)
    later = Refinements(
        encoder,
        content,
        Budget(settings.encoder_budget_ms / 1000 if hurry else inf, encoder.titles_per_second),
        WaitingRoom(settings.waiting_max, settings.waiting_bytes) if hurry else WaitingRoom(maxsize, maxsize),
        clock,
        pictures,
        words,
    )
    return ProductLogic(fast, clock, later=later, content=content, sure_above=sure_above, explain_words=words)
