"""`shelfstream evaluate behaviour --through-kafka` from start to end: Kafka and worker up, events through, compare."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from models.data import journey
from models.data.splits import TEST
from models.evaluate.behaviour import TOP, figures_of, first_households, stream
from models.evaluate.parity import TOLERANCE, compare, side_by_side
from models.predict import load_behaviour
from schemas.predictions import UserPrediction
from streams.config import Settings, load_settings
from streams.demo.cluster import open_kafka, run_topics
from streams.demo.signals import Signals
from streams.demo.worker import run_worker
from streams.parity.exchange import Exchange
from streams.parity.purchases import answers, messages


@dataclass(frozen=True, slots=True)
class ParityOptions:
    """`servers` names a Kafka that runs already, in which the run's topics are removed at the end."""

    artifact: Path | None = None
    households: int | None = None
    servers: str | None = None
    tolerance: float = TOLERANCE
    progress: bool = True


def measure_parity(options: ParityOptions) -> dict[str, Any]:
    """The figures through the stream with the offline ones beside them, and how far the answers are apart.

    `ok`: no confidence and no figure differs by more than the tolerance. Whatever happens, nothing that was started is
    left running. Errors: StreamError and BrokerError when something cannot start or fails on the way; ArtifactError.
    """
    given = load_settings()
    artifact = options.artifact or given.models.behaviour
    predictor = load_behaviour(artifact)
    events = journey.events(journey.lines())
    end_ms = int(events.times_ms.max())
    asked = first_households(events.of_buckets(TEST), options.households)
    offline = stream(predictor, asked, label="offline", progress=options.progress)
    found, kafka = _through_kafka(messages(asked), options, artifact, given)
    online = answers(predictor, found, len(asked))

    difference = compare(offline, online)
    figures, apart = side_by_side(*(figures_of(predictor, asked, each, end_ms) for each in (offline, online)))
    return {
        "artifact": {"name": predictor.info.name, "version": predictor.info.version},
        "kafka": kafka,
        "events": len(asked),
        "tolerance": options.tolerance,
        "parity": difference.as_dict() | {"largest difference of a figure": apart},
        "ok": difference.within(options.tolerance) and apart <= options.tolerance,
        "figures": figures,
    }


def _through_kafka(
    sent: list[tuple[bytes, bytes]], options: ParityOptions, artifact: Path | None, given: Settings
) -> tuple[dict[str, UserPrediction], str]:
    run = f"parity-{uuid.uuid4().hex[:8]}"
    with Signals() as signals, tempfile.TemporaryDirectory(prefix="shelfstream-parity-") as name:
        folder = Path(name)
        with contextlib.ExitStack() as stack:
            cluster = stack.enter_context(open_kafka(options.servers, folder / "kafka", show_progress=options.progress))
            settings = load_settings(None, {"kafka.bootstrap_servers": cluster.servers, "topics.prefix": f"{run}-"})
            stack.enter_context(run_topics(cluster.servers, settings, remove=options.servers is not None))
            variables = _variables(run, cluster.servers, folder / "state", artifact, given)
            worker = stack.enter_context(run_worker(variables, folder / "worker.log"))
            stack.callback(signals.hold)  # on the way down: a second Ctrl-C must not leave half of it behind
            worker.wait_ready()
            exchange = Exchange(cluster.servers, settings.topics.prefix, settings.topics.partitions, worker.check)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
                return loop.run(exchange.run(sent, progress=options.progress)), cluster.label


def _variables(run: str, servers: str, state: Path, artifact: Path | None, given: Settings) -> dict[str, str]:
    """The worker's settings that are the run's own; the others, such as delivery and batch, are the user's."""
    return {
        "NAME": run,
        "AGENTS": '["behaviour"]',
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "TOPICS_PREFIX": f"{run}-",
        "TOPICS_PARTITIONS": str(given.topics.partitions),
        "STATE_DIR": str(state),
        "MODELS_BEHAVIOUR": "" if artifact is None else str(artifact.resolve()),
        "MODELS_TOP": str(TOP),
        "BEHAVIOUR_EMIT": "every",  # each event is asked for, with its whole list
        "BEHAVIOUR_MIN_CONFIDENCE": "0",
    }
