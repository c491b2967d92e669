"""A second worker comes and goes under load: nothing is lost or doubled, and both know every product."""

import pytest

from models.predict import tier_attributes
from schemas.topics import PRODUCT_FEATURES, PRODUCT_UPSERT, USER_PREDICTIONS
from tests.integration.conftest import StartWorker
from tests.integration.shoppers import Shoppers, assert_all_answered
from tests.integration.worker_process import Place, Record, Worker, wait_until
from tests.unit.streams.making import TP, product

pytestmark = pytest.mark.integration

TITLES = ("Nike Men Blue Running Shoes", "Puma Women Red Tshirt", "Shredded cheddar cheese", "Canon digital camera")


def metric(worker: Worker, start: str) -> float:
    """Sum of the samples whose line starts like this."""
    lines = worker.get("/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(start))


def learned(*workers: Worker) -> float:
    """Product features that these workers took from the changelog, those of one another."""
    return sum(metric(worker, 'shelfstream_recovered_rows_total{table="product-features"}') for worker in workers)


def answered(worker: Worker) -> float:
    """Behaviour events that this worker predicted."""
    return metric(worker, 'shelfstream_events_total{agent="behaviour",result="predicted"}')


def send_products(place: Place, prefix: str) -> list[str]:
    """Two products in each partition; gives their ids once their features are in the changelog."""
    before = place.count(PRODUCT_FEATURES.name)
    ids = [f"{prefix}-{i}" for i in range(4)]
    made = [product(TP("", i % 2), 0, name, title) for i, (name, title) in enumerate(zip(ids, TITLES, strict=True))]
    place.send(PRODUCT_UPSERT.name, [Record(one.partition, one.key, one.value) for one in made])
    wait_until(lambda: place.count(PRODUCT_FEATURES.name) >= before + 4, "product features", why=place.logs)
    return ids


def test_nothing_is_lost_or_doubled_when_a_worker_joins_and_leaves_and_both_know_every_product(
    place: Place, start_worker: StartWorker
) -> None:
    shoppers = Shoppers(place)
    first = start_worker("first", batch_max_events="32").wait_ready()
    early = send_products(place, "early")
    shoppers.send(400, category=None, product_id=early[0])

    second = start_worker("second", batch_max_events="32")
    while not answered(second):  # load while it joins, and until it has its share
        shoppers.send(10, category=None, product_id=early[shoppers.count // 10 % 4])
        wait_until(lambda: place.count(USER_PREDICTIONS.name) >= shoppers.count, "answers", why=place.logs)

    known = learned(first, second)
    late = send_products(place, "late")
    wait_until(lambda: learned(first, second) >= known + 4, "each other's products", why=place.logs)
    here, there = answered(first), answered(second)
    shoppers.send(400, category=None, product_id=late[1])
    wait_until(lambda: answered(first) > here and answered(second) > there, "both at work", why=place.logs)

    second.terminate()
    shoppers.send(400, category=None, product_id=late[2])
    assert second.wait(10) == 0
    shoppers.send(100, category=None, product_id=late[3])
    found = place.predictions(shoppers.count)

    features = {record.key or b"": record.value or b"" for record in place.read(PRODUCT_FEATURES.name)}
    assert_all_answered(found, shoppers.expected(features, tier_attributes()), once=True)
    assert any(prediction.preferred_attributes for prediction in found)
