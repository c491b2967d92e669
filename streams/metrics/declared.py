"""Every metric, declared once; code can emit only what stands here, and the docs table is made from it.

Labels are agents, topics, partitions, models and reasons: never a user or a product.
"""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ROWS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)

EVENTS = Counter(
    "shelfstream_events_total",
    "Records that were answered, by agent and result: predicted, unchanged (content seen before), "
    "redelivered (already counted), deleted (null value), dead_letter; of demand: counted, late (on a day that was "
    "closed), too_old (for the days that are kept), ignored (no sale), forecast (keys, at the end of a day); behaviour "
    "events also duplicate (an event_id "
    "that the user's row remembers: no second prediction), late or early (predicted, state unchanged), folded (counted "
    "in the prediction for a later event of the window).",
    ["agent", "result"],
)
EVENT_TYPES = Counter("shelfstream_event_types_total", "Behaviour events that were answered, by type.", ["type"])
DEAD_LETTERS = Counter("shelfstream_dead_letters_total", "Records set aside, by agent and reason.", ["agent", "reason"])
REFINEMENTS = Counter(
    "shelfstream_refinements_total",
    "Products that the fast tier was not sure of: at_once (answered by the encoder in the window), put_off (to wait "
    "for it), later (answered by it after that), superseded (by a newer event or a deletion while it waited), no_room "
    "(too many waited: the fast tier's answer stays).",
    ["agent", "result"],
)
WAITING = Gauge("shelfstream_waiting_products", "Products that wait for the encoder.", ["agent"])
TEXTS_CUT = Counter(
    "shelfstream_texts_cut_total", "Texts of which the model was given the beginning only.", ["agent", "text"]
)
PICTURES = Counter(
    "shelfstream_pictures_total", "Pictures made ready for a model: read, or why one could not be.", ["result"]
)
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
EXPIRED_ROWS = Counter(
    "shelfstream_expired_rows_total", "State rows deleted because of their age (behaviour.ttl_days).", ["agent"]
)
RISK_ALARMS = Counter(
    "shelfstream_risk_alarms_total", "Events whose risk score reached the threshold (behaviour.risk_alarm).", ["agent"]
)
STATE_READS = Counter("shelfstream_state_reads_total", "State rows looked up.", ["agent"])
STATE_WRITES = Counter("shelfstream_state_writes_total", "State rows written.", ["agent"])
RECOVERED_ROWS = Counter("shelfstream_recovered_rows_total", "Rows applied from a changelog.", ["table"])
SNAPSHOTS = Counter(
    "shelfstream_snapshots_total", "Snapshots of state, by result: written, failed, used by a recovery.",
    ["table", "result"],
)  # fmt: skip
CHANGELOG_LAG = Gauge(
    "shelfstream_changelog_lag_records",
    "Records of a followed changelog partition that are not applied yet: what a recovery or a standby has before it.",
    ["topic", "partition"],
)
LAG = Gauge("shelfstream_lag_records", "Records in Kafka that are not answered yet.", ["topic", "partition"])
MODEL = Gauge("shelfstream_model_info", "1 for the model in use.", ["agent", "name", "version", "device"])
READY = Gauge("shelfstream_ready", "1 while assigned, recovered and not stalled.")
STALLED = Gauge("shelfstream_stalled", "How many parts stand still: event loop, line to Kafka, agents, partitions.")
STILL_SECONDS = Gauge(
    "shelfstream_partition_still_seconds",
    "How long records of the partition have waited without one being answered, or its leader been silent.",
    ["topic", "partition"],
)

ALL = (
    EVENTS, EVENT_TYPES, DEAD_LETTERS, REFINEMENTS, WAITING, TEXTS_CUT, PICTURES, WINDOW_ROWS, INFERENCE_SECONDS,
    END_TO_END_SECONDS, TRANSACTION_SECONDS, EXPIRED_ROWS, RISK_ALARMS, STATE_READS, STATE_WRITES, RECOVERED_ROWS,
    SNAPSHOTS, CHANGELOG_LAG, LAG, MODEL, READY, STALLED, STILL_SECONDS,
)  # fmt: skip
