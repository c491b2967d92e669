"""shelfstream's engine on the reference job: all of it but the shipped models.

BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... python -m benchmarks.peers.shelfstream_reference

BENCH_PARTITIONS (4) and BENCH_WEB_PORT (none) are for the benchmarks that ask for more than throughput; every other
setting can be given by its variable, as to any worker.
"""

import logging
import os
import sys
from pathlib import Path

from benchmarks.reference_logic import ReferenceLogic
from benchmarks.reference_model import PARTITIONS, Event, changelog
from schemas.topics import TopicSpec
from streams.app import WorkerBuilder
from streams.config import load_settings
from streams.device import choose_device
from streams.run import run_worker


def main() -> int:
    """Build the worker from the environment and run it until SIGTERM; settings as shipped but for those named here."""
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("kafka", "aiokafka", "faust", "mode"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    source, target = os.environ["BENCH_TOPICS"].split(",")
    settings = load_settings(
        overrides={
            "name": source,
            "kafka.bootstrap_servers": os.environ["BENCH_BROKER"],
            "kafka.compression": "none",  # as the stock workers, whose default it is
            "topics.partitions": int(os.environ.get("BENCH_PARTITIONS") or PARTITIONS),
            "state.dir": Path(os.environ["BENCH_FOLDER"]) / "state",
            "web.port": int(os.environ.get("BENCH_WEB_PORT") or 0),
        }
    )
    device = choose_device("cpu", settings.models.threads)
    builder = WorkerBuilder(settings)
    events = TopicSpec(source, "user_id", Event, "events of the reference job", "delete")
    state = TopicSpec(changelog(source), "user_id", None, "state of the reference job", "compact")
    rows = builder.table(events, state, shared=False)
    builder.agent(events, state, rows, ReferenceLogic(Path(os.environ["BENCH_WEIGHTS"]), target, builder.clock), device)
    return run_worker(builder.build(), settings)


if __name__ == "__main__":
    sys.exit(main())
