"""The samples behind schemas/golden, and the command that adds new ones: `python -m tests.contract.golden_samples`.

It only adds. Bytes that were once on somebody's wire stay as they are; a changed type gets new samples.
"""

import hashlib
from pathlib import Path

import msgspec

from schemas import codec
from schemas.demand import DayForecast, DemandForecast, DemandUnits, PriceElasticity, StockOutHint
from schemas.events import ProductUpsert, UserBehaviour
from schemas.letters import DeadLetter
from schemas.predictions import (
    Attribute,
    Category,
    Days,
    Explanation,
    ImageWeight,
    ModelRef,
    Neighbour,
    NextCategory,
    NextProduct,
    PreferredAttribute,
    PriceRange,
    ProductAttributes,
    ProductCategories,
    Risk,
    RiskReason,
    Source,
    TextWeight,
    UserPrediction,
    prediction_id,
)
from schemas.state import ProductFeatures, Waiting, attribute_key

FOLDER = Path(__file__).parents[2] / "schemas" / "golden"
SUMS = FOLDER / "SHA256SUMS"

SOURCE = Source("user-behaviour", 3, 123_456_789_012)
MODEL = ModelRef("behaviour", "2026.11.1")

V1: dict[str, msgspec.Struct] = {
    "ProductUpsert.smallest": ProductUpsert(product_id="p-1", title="Milk", updated_at=0),
    "ProductUpsert.whole": ProductUpsert(
        product_id="SKU/åß-42",
        title="Men's Navy Blue Striped Casual Shirt – 100% coton, 日本語 🙂",
        updated_at=1_763_800_000_123,
        description="A shirt.\nWashable at 40 °C.",
        brand="Acme & Fils",
        category_hint="Apparel > Topwear",
        attributes={"gender": "Men", "season": "Fall"},
        price=1299.99,
        currency="EUR",
        language="en-GB",
        image=b"\xff\xd8\xff\xe0\x00\x10JFIF",
        image_uri="https://images.example/shirt.jpg",
    ),
    "UserBehaviour.smallest": UserBehaviour(event_id="e", user_id="u", type="view", occurred_at=4_102_444_800_000),
    "UserBehaviour.country": UserBehaviour(
        event_id="e-9", user_id="u", type="purchase", occurred_at=1_763_800_000_123, price=12.5, country="BR"
    ),
    "UserBehaviour.purchase": UserBehaviour(
        event_id="31198570044-995242",
        user_id="household-1228",
        type="purchase",
        occurred_at=1_483_272_000_250,
        session_id="31198570044",
        product_id="995242",
        category="FLUID MILK PRODUCTS",
        price=1.0,
        quantity=2.5,
    ),
    "UserBehaviour.search": UserBehaviour(
        event_id="s-9", user_id="ユーザー", type="search", occurred_at=1_763_800_000_000, query="Käse \U0001f9c0"
    ),
    "ProductCategories.two": ProductCategories(
        prediction_id=prediction_id("product-upsert", 0, 7),
        product_id="p-1",
        as_of=1_763_800_000_123,
        source=Source("product-upsert", 0, 7),
        model=ModelRef("products", "2026.11.1"),
        categories=[Category(["Apparel", "Topwear", "Tshirts"], 0.97), Category(["GROCERY", "CHEESE"], 0.01)],
    ),
    "ProductAttributes.evidence": ProductAttributes(
        prediction_id=prediction_id("product-upsert", 0, 7),
        product_id="p-1",
        as_of=1_763_800_000_123,
        source=Source("product-upsert", 0, 7),
        model=ModelRef("products", "2026.11.1"),
        attributes=[Attribute("baseColour", "Navy Blue", 0.93, (6, 15)), Attribute("season", "Summer", 0.5)],
    ),
    "ProductCategories.revised": ProductCategories(
        prediction_id=prediction_id("product-upsert", 0, 7, 1),
        product_id="p-1",
        as_of=1_763_800_000_123,
        source=Source("product-upsert", 0, 7),
        model=ModelRef("encoder", "2026.11.2"),
        categories=[Category(["Apparel", "Topwear", "Tshirts"], 0.99, "aa-1-13-8")],
        revision=1,
        tier="encoder",
        inputs={"title": "read", "description": "cut", "image": "broken: truncated"},
        explanation=Explanation(
            "integrated gradients",
            [TextWeight(20, 26, 0.61), TextWeight(0, 5, -0.02)],
            [ImageWeight(0.25, 0.0, 0.5, 0.25, 0.2)],
            [Neighbour("Blue polo shirt", "Tshirts", 0.93)],
        ),
    ),
    "ProductAttributes.revised": ProductAttributes(
        prediction_id=prediction_id("product-upsert", 0, 7, 1),
        product_id="p-1",
        as_of=1_763_800_000_123,
        source=Source("product-upsert", 0, 7),
        model=ModelRef("encoder", "2026.11.2"),
        attributes=[Attribute("baseColour", "Navy Blue", 0.99, (6, 15))],
        revision=1,
        tier="encoder",
        inputs={"title": "read", "price": "missing"},
        price=PriceRange(12.5, 19.0, 49.0, far_outside=True),
        explanation=Explanation("integrated gradients"),
    ),
    "UserPrediction.whole": UserPrediction(
        prediction_id=prediction_id("user-behaviour", 3, 123_456_789_012),
        user_id="household-1228",
        event_id="31198570044-995242",
        as_of=1_483_272_000_250,
        source=SOURCE,
        model=MODEL,
        next_categories=[NextCategory("CHEESE", 0.08), NextCategory("SOFT DRINKS", 0.05)],
        next_products=[NextProduct("1082185", 0.02)],
        preferred_attributes=[PreferredAttribute("department", "GROCERY", 0.61)],
        purchase_probability=0.31,
    ),
    "UserPrediction.nothing_known": UserPrediction(
        prediction_id="user-behaviour-0-0",
        user_id="u",
        event_id="e",
        as_of=0,
        source=Source("user-behaviour", 0, 0),
        model=MODEL,
        next_categories=[],
        next_products=[],
        preferred_attributes=[],
        purchase_probability=0.0,
    ),
    "DemandUnits.product": DemandUnits(
        kind="product",
        name="SKU/åß-42",
        occurred_at=1_763_800_000_123,
        units=2.5,
        price=1299.99,
        source=SOURCE,
    ),
    "DemandUnits.category": DemandUnits(
        kind="category", name="FLUID MILK PRODUCTS", occurred_at=0, units=1.0, source=SOURCE
    ),
    "DemandForecast.whole": DemandForecast(
        prediction_id="product/SKU/åß-42@2025-11-21",
        kind="product",
        name="SKU/åß-42",
        as_of=1_763_769_600_000,
        date="2025-11-21",
        units=12.5,
        revenue=16249.88,
        source=Source("demand-units", 1, 99),
        model=ModelRef("demand-quantiles", "1-0123abcd"),
        days=[DayForecast("2025-11-22", 11.5, 3.0, 25.25, 2.0, 30.125)],
        seasonal_naive=[10.0],
        smoothing=[11.75],
        elasticity=PriceElasticity(-1.5, -2.25, -0.75, 40),
        stock_out=StockOutHint(6, 0.0004),
    ),
    "DemandForecast.category": DemandForecast(
        prediction_id="category/FLUID MILK PRODUCTS@2025-11-21",
        kind="category",
        name="FLUID MILK PRODUCTS",
        as_of=1_763_769_600_000,
        date="2025-11-21",
        units=0.0,
        revenue=0.0,
        source=Source("demand-units", 0, 0),
        model=ModelRef("demand-quantiles", "1-0123abcd"),
        days=[],
        seasonal_naive=[],
        smoothing=[],
    ),
    "UserPrediction.alarm": UserPrediction(
        prediction_id=prediction_id("user-behaviour", 3, 123_456_789_012),
        user_id="household-1228",
        event_id="31198570044-995242",
        as_of=1_483_272_000_250,
        source=SOURCE,
        model=MODEL,
        next_categories=[NextCategory("CHEESE", 0.08)],
        next_products=[],
        preferred_attributes=[],
        purchase_probability=0.31,
        risk=Risk(0.97, [RiskReason("country", 0.01, 1.0, 3.2), RiskReason("price", 4.1, 1.2, 1.5)], alarm=True),
    ),
    "UserPrediction.session": UserPrediction(
        prediction_id=prediction_id("user-behaviour", 3, 123_456_789_012),
        user_id="u",
        event_id="e-9",
        as_of=1_763_800_000_123,
        source=SOURCE,
        model=MODEL,
        next_categories=[],
        next_products=[],
        preferred_attributes=[],
        purchase_probability=0.31,
        session_purchase_probability=0.042,
    ),
    "UserPrediction.visit": UserPrediction(
        prediction_id=prediction_id("user-behaviour", 3, 123_456_789_012),
        user_id="u",
        event_id="e-9",
        as_of=1_763_800_000_123,
        source=SOURCE,
        model=MODEL,
        next_categories=[],
        next_products=[],
        preferred_attributes=[],
        purchase_probability=0.31,
        next_visit_days=Days(0.521, 3.25, 56.0),
    ),
    "UserPrediction.taste": UserPrediction(
        prediction_id=prediction_id("user-behaviour", 3, 123_456_789_012),
        user_id="u",
        event_id="e-9",
        as_of=1_763_800_000_123,
        source=SOURCE,
        model=MODEL,
        next_categories=[],
        next_products=[],
        preferred_attributes=[
            PreferredAttribute("baseColour", "Navy Blue", 0.61, 0.284),
            PreferredAttribute("price_band", "mid", 0.47, 0.441),
        ],
        purchase_probability=0.31,
    ),
    "DeadLetter.invalid": DeadLetter(
        source=SOURCE,
        reason="invalid",
        error="UserBehaviour: Invalid enum value 'steal' - at `$.type`",
        failed_at=1_763_800_000_456,
        timestamp=1_763_800_000_123,
        attempts=2,
        key=b"household-1228",
        key_size=14,
        value=b"\xc1\x00\xff",
        value_size=3,
    ),
    "DeadLetter.no_key": DeadLetter(source=SOURCE, reason="bad_key", error="no key", failed_at=1, timestamp=-1),
    "DeadLetter.crashed_worker": DeadLetter(
        source=SOURCE, reason="crashed_worker", error="it died", failed_at=1, timestamp=-1, attempts=3
    ),
    "ProductFeatures.shirt": ProductFeatures(
        format=1,
        content=bytes(range(16)),
        offset=7,
        category="Tshirts",
        attribute_keys=[attribute_key("baseColour", "Navy Blue"), attribute_key("season", "Summer")],
        categories=codec.encode([Category(["Apparel", "Topwear", "Tshirts"], 0.97)]),
        attributes=codec.encode([Attribute("baseColour", "Navy Blue", 0.93)]),
    ),
    "ProductFeatures.revised": ProductFeatures(
        format=1,
        content=bytes(range(16)),
        offset=7,
        category="Tshirts",
        attribute_keys=[attribute_key("baseColour", "Navy Blue")],
        categories=codec.encode([Category(["Apparel", "Topwear", "Tshirts"], 0.99, "aa-1-13-8")]),
        attributes=codec.encode([Attribute("baseColour", "Navy Blue", 0.99, (6, 15))]),
        partition=2,
        revision=1,
        unsure=True,
        inputs=codec.encode({"title": "read"}),
        price=codec.encode(PriceRange(12.5, 19.0, 49.0)),
        explanation=codec.encode(Explanation("integrated gradients")),
    ),
    "ProductFeatures.waiting": ProductFeatures(
        format=1,
        content=b"",
        offset=7,
        category="",
        attribute_keys=[],
        categories=b"",
        attributes=b"",
        partition=2,
        waiting=Waiting(1_763_800_000_123, b'{"product_id":"p-1","title":"Milk","updated_at":0}'),
    ),
}

EXTRA_V1: dict[str, bytes] = {
    "UserBehaviour.purchase.rfc3339.json": (
        b' {"schema":1,"event_id":"31198570044-995242","user_id":"household-1228","type":"purchase",'
        b'"occurred_at":"2017-01-01T13:00:00.250+01:00","session_id":"31198570044","product_id":"995242",'
        b'"category":"FLUID MILK PRODUCTS","price":1,"quantity":2.5,"store":{"id":[1,2,3]}}\n'
    ),
    # format 1, reserved, model 0x89abcdef, offset 123,456,789,012, then the first bytes of what belongs to the model
    "row_header.bin": bytes.fromhex("01000000 efcdab89 141a99be1c000000 ffff"),
}


def add_missing() -> list[str]:
    """Write the samples that have no file yet and list them in SHA256SUMS; existing files are left as they are."""
    wanted = {f"v1/{name}.msgpack": codec.encode(message) for name, message in V1.items()}
    wanted |= {f"v1/{name}.json": codec.to_json(message) for name, message in V1.items()}
    wanted |= {f"v1/{name}": content for name, content in EXTRA_V1.items()}
    added = [name for name in sorted(wanted) if not (FOLDER / name).exists()]
    for name in added:
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[name])
        with SUMS.open("a") as sums:
            sums.write(f"{hashlib.sha256(wanted[name]).hexdigest()}  {name}\n")
    return added


if __name__ == "__main__":
    print("\n".join(add_missing()) or "nothing to add")
