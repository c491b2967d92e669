"""Every topic, declared once: the command line creates and verifies them, the docs table is generated from here.

Replication factor is the cluster's business and is always given explicitly by whoever creates the topics.
"""

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from schemas.demand import DemandForecast, DemandUnits
from schemas.events import ProductUpsert, UserBehaviour
from schemas.letters import DeadLetter
from schemas.predictions import ProductAttributes, ProductCategories, UserPrediction
from schemas.state import ProductFeatures

DAY_MS = 86_400_000
DEFAULT_PARTITIONS = 4
INPUT_MAX_BYTES = 16 * 1024 * 1024  # an oversized record must reach the worker to become a dead letter with a reason
OUTPUT_MAX_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic. `value` is the type of its values, None for state rows; `retention_ms` -1 keeps records forever."""

    name: str
    key: str
    value: type[Struct] | None
    meaning: str
    cleanup: Literal["delete", "compact", "compact,delete"]
    retention_ms: int = -1
    min_compaction_lag_ms: int = 0
    max_message_bytes: int = OUTPUT_MAX_BYTES
    partitions: int = DEFAULT_PARTITIONS

    @property
    def config(self) -> dict[str, str]:
        """The topic's settings under Kafka's own names."""
        config = {"cleanup.policy": self.cleanup, "max.message.bytes": str(self.max_message_bytes)}
        if "delete" in self.cleanup:
            config["retention.ms"] = str(self.retention_ms)
        if self.min_compaction_lag_ms:
            config["min.compaction.lag.ms"] = str(self.min_compaction_lag_ms)
        return config


PRODUCT_UPSERT = TopicSpec(
    "product-upsert", "product_id", ProductUpsert, "products as the catalogue writes them", "delete",
    max_message_bytes=INPUT_MAX_BYTES,
)  # fmt: skip  # not compacted: a broker refuses records without key there, and we want to say why
USER_BEHAVIOUR = TopicSpec(
    "user-behaviour", "user_id", UserBehaviour, "what users do in the shop", "delete",
    retention_ms=30 * DAY_MS, max_message_bytes=INPUT_MAX_BYTES,
)  # fmt: skip
PRODUCT_ATTRIBUTES = TopicSpec(
    "product-attributes", "product_id", ProductAttributes, "predicted attributes of each product", "compact"
)
PRODUCT_CATEGORIES = TopicSpec(
    "product-categories", "product_id", ProductCategories, "predicted categories of each product", "compact"
)
USER_PREDICTIONS = TopicSpec(
    "user-predictions", "user_id", UserPrediction, "what each user will want next, one per event", "compact,delete",
    retention_ms=7 * DAY_MS, min_compaction_lag_ms=DAY_MS,
)  # fmt: skip  # compacted after a day, so that the null value of an erased user removes what was predicted
DEAD_LETTERS = TopicSpec(
    "dead-letters", "the record's own key", DeadLetter, "records that could not be answered, and why", "delete",
    retention_ms=30 * DAY_MS,
)  # fmt: skip
PRODUCT_FEATURES = TopicSpec(
    "product-features", "product_id", ProductFeatures, "changelog of the products; every worker reads it", "compact"
)
USER_STATE = TopicSpec("user-state", "user_id", None, "changelog of the users' state rows", "compact")

DEMAND_UNITS = TopicSpec(
    "demand-units", "kind/name", DemandUnits, "sales by product and by category, between the two steps of counting",
    "delete", retention_ms=7 * DAY_MS,
)  # fmt: skip
DEMAND_FORECASTS = TopicSpec(
    "demand-forecasts",
    "kind/name",
    DemandForecast,
    "units of the next seven days, by product and by category",
    "compact",
)
DEMAND_STATE = TopicSpec("demand-state", "kind/name", None, "changelog of the counted sales", "compact")
DEMAND_TOPICS = (DEMAND_UNITS, DEMAND_FORECASTS, DEMAND_STATE)  # only workers of the demand agent need them

TOPICS = (
    PRODUCT_UPSERT, USER_BEHAVIOUR, PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES,
    USER_PREDICTIONS, DEAD_LETTERS, PRODUCT_FEATURES, USER_STATE, *DEMAND_TOPICS,
)  # fmt: skip


def topic(name: str) -> TopicSpec:
    """The topic of that name. Errors: KeyError, whose text lists the names there are."""
    for spec in TOPICS:
        if spec.name == name:
            return spec
    raise KeyError(f"no topic is called {name!r}; there are {', '.join(spec.name for spec in TOPICS)}")
