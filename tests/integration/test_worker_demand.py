"""The demand agent on a real Kafka: purchases of some weeks in, forecasts out, each as the model gives it offline.

Purchases are keyed by user, so every product's lie in both partitions. The worker is killed in mid-stream on the way.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.demand.columns import HISTORY, DemandColumns
from models.demand.predictor import load_demand
from models.train.demand import fit_artifact
from schemas.codec import encode
from schemas.demand import DemandForecast
from schemas.events import UserBehaviour
from schemas.topics import DEMAND_FORECASTS, DEMAND_UNITS, USER_BEHAVIOUR
from tests.integration.conftest import StartWorker
from tests.integration.worker_process import Place, Record, wait_until
from tests.unit.models.demand_worlds import SMALL, shop

pytestmark = pytest.mark.integration

DAY_MS = 86_400_000
FIRST_DAY = 20_000
DAYS = 30
PRODUCTS, CATEGORIES = 5, 2
CLOSERS = 12  # products whose one sale closes the last day, in whichever partition it lies


@pytest.fixture(scope="module")
def demand_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demand")
    fit_artifact([shop()], path, SMALL, seed=3, progress=False)
    return path


class Sold:
    """Purchases by day, as records in the order of their times, and what was sold of each key on each day."""

    def __init__(self, partitions: int) -> None:
        random = np.random.default_rng(9)
        self.units: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(DAYS, np.float32))
        self.records: list[Record] = []
        self._partitions = partitions
        for day in range(DAYS):
            for hour in range(24):
                for number in random.integers(0, PRODUCTS, 2):
                    amount = int(random.integers(1, 9))
                    self._buy(f"p-{number}", f"C{number % CATEGORIES}", day, hour, amount)

    def _buy(self, product: str, category: str, day: int, hour: int, amount: int) -> None:
        self.units[f"product/{product}"][day] += amount
        self.units[f"category/{category}"][day] += amount
        user = len(self.records) % 7
        self.records.append(
            purchase(user % self._partitions, user, len(self.records), day, hour, product, category, amount)
        )


def purchase(
    partition: int, user: int, number: int, day: int, hour: int, product: str, category: str | None, amount: int
) -> Record:
    event = UserBehaviour(
        event_id=f"e-{number}", user_id=f"user-{user}", type="purchase", product_id=product, category=category,
        occurred_at=(FIRST_DAY + day) * DAY_MS + hour * 3_600_000, quantity=amount, price=2.0,
    )  # fmt: skip
    return Record(partition, event.user_id.encode(), encode(event))


def closers() -> list[Record]:
    """Sales of the day after the last one, one for each of many products."""
    return [purchase(0, 0, 1_000_000 + i, DAYS, 12, f"closer-{i}", None, 1) for i in range(CLOSERS)]


def sources(place: Place) -> set[tuple[int, int, str]]:
    """Which sales have come to demand-units."""
    decode = msgspec.msgpack.Decoder().decode
    found = [decode(record.value or b"") for record in place.read(DEMAND_UNITS.name)]
    return {(one["source"]["partition"], one["source"]["offset"], one["kind"]) for one in found}


def last_forecasts(place: Place) -> dict[str, DemandForecast]:
    """The last forecast of each key."""
    found = {}
    for record in place.read(DEMAND_FORECASTS.name):
        assert record.value is not None
        forecast = msgspec.msgpack.decode(record.value, type=DemandForecast)
        assert record.key == f"{forecast.kind}/{forecast.name}".encode()
        found[f"{forecast.kind}/{forecast.name}"] = forecast
    return found


def assert_as_offline(found: dict[str, DemandForecast], sold: Sold, artifact: Path) -> None:
    """Every key's forecast of the last day is what the model says of the days that were sent."""
    keys = sorted(sold.units)
    assert sorted(found) == keys
    series = np.zeros((len(keys), HISTORY), np.float32)
    series[:, -DAYS:] = [sold.units[key] for key in keys]
    ages = np.array([DAYS - int((sold.units[key] > 0).argmax()) for key in keys])
    batch = load_demand(artifact).run(DemandColumns(series, 2 * series, ages))
    for i, key in enumerate(keys):
        told = found[key]
        assert told.as_of == (FIRST_DAY + DAYS) * DAY_MS
        assert (told.units, told.revenue) == (series[i, -1], 2 * series[i, -1])
        assert told.seasonal_naive == series[i, -7:].tolist()
        for h, day in enumerate(told.days):
            assert [day.p10, day.p50, day.p90] == pytest.approx(batch.quantiles[i, h].tolist(), abs=2e-3, rel=1e-4)
            assert [day.low, day.high] == pytest.approx([batch.low[i, h], batch.high[i, h]], abs=2e-3, rel=1e-4)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_forecasts_are_those_of_the_model_though_the_worker_is_killed_in_mid_stream(
    place: Place, start_worker: StartWorker, demand_artifact: Path, delivery: str
) -> None:
    settings = {
        "agents": '["demand"]', "models_demand": str(demand_artifact), "delivery": delivery,
        "batch_max_events": "64", "kafka_transaction_timeout_s": "2",
    }  # fmt: skip
    sold = Sold(place.partitions)
    half = len(sold.records) // 2

    place.send(USER_BEHAVIOUR.name, sold.records[:half])
    worker = start_worker(**settings)
    wait_until(lambda: len(sources(place)) >= half // 2, "the first sales", 120, place.logs)
    worker.kill()
    place.send(USER_BEHAVIOUR.name, sold.records[half:])
    start_worker(**settings)
    wait_until(lambda: len(sources(place)) >= 2 * len(sold.records), "all sales", 120, place.logs)
    place.send(USER_BEHAVIOUR.name, closers())

    def closed() -> bool:
        found: Sequence[DemandForecast] = list(last_forecasts(place).values())
        return len(found) >= len(sold.units) and all(one.as_of >= (FIRST_DAY + DAYS) * DAY_MS for one in found)

    wait_until(closed, "the last day's forecasts", 120, place.logs)
    assert_as_offline(last_forecasts(place), sold, demand_artifact)
