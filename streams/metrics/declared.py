"""Every metric, declared once; code can emit only what stands here, and the docs table is made from it.

Labels are agents, topics, partitions, models and reasons: never a user or a product.
"""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ROWS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)

EVENTS = Counter(
    "shelfstream_events_total",
    "Records that were answered, by agent and result: predicted, unchanged (content seen before), "
    "redelivered (already counted), deleted (null value), dead_letter.",
    ["agent", "result"],
)
EVENT_TYPES = Counter("shelfstream_event_types_total", "Behaviour events that were answered, by type.", ["type"])
DEAD_LETTERS = Counter("shelfstream_dead_letters_total", "Records set aside, by agent and reason.", ["agent", "reason"])
WINDOW_ROWS = Histogram(
    "shelfstream_window_events", "Records in one window; near 1 under load means batching does nothing.", ["agent"],
    buckets=_ROWS,
)  # fmt: skip
INFERENCE_SECONDS = Histogram(
    "shelfstream_inference_seconds",
    "One window: decode, read state, run the model, encode.",
    ["agent"],
    buckets=_SECONDS,
)
END_TO_END_SECONDS = Histogram(
    "shelfstream_end_to_end_seconds",
    "From the timestamp of the source record to the acknowledged prediction, the oldest record of each window.",
    ["agent"],
    buckets=_SECONDS,
)
TRANSACTION_SECONDS = Histogram(
    "shelfstream_transaction_seconds",
    "Exactly once: from the opening of a transaction to its commit.",
    buckets=_SECONDS,
)
STATE_READS = Counter("shelfstream_state_reads_total", "State rows looked up.", ["agent"])
STATE_WRITES = Counter("shelfstream_state_writes_total", "State rows written.", ["agent"])
RECOVERED_ROWS = Counter("shelfstream_recovered_rows_total", "Rows applied from a changelog.", ["table"])
LAG = Gauge("shelfstream_lag_records", "Records in Kafka that are not answered yet.", ["topic", "partition"])
MODEL = Gauge("shelfstream_model_info", "1 for the model in use.", ["agent", "name", "version", "device"])
READY = Gauge("shelfstream_ready", "1 while assigned, recovered and not stalled.")
STALLED = Gauge("shelfstream_stalled", "How many parts stand still: event loop, line to Kafka, agents.")

ALL = (
    EVENTS, EVENT_TYPES, DEAD_LETTERS, WINDOW_ROWS, INFERENCE_SECONDS, END_TO_END_SECONDS, TRANSACTION_SECONDS,
    STATE_READS, STATE_WRITES, RECOVERED_ROWS, LAG, MODEL, READY, STALLED,
)  # fmt: skip
