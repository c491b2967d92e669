"""The demo from start to end: Kafka, topics and worker up, data through, everything down again, and the report."""

import asyncio
import contextlib
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import uvloop
from rich.console import Console

from models.data.splits import TEST
from models.registry import load, shipped
from schemas.topics import PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES, USER_PREDICTIONS
from streams.config import Settings, load_settings
from streams.demo.catalogue import Catalogue, electronics_sample
from streams.demo.checker import Checker
from streams.demo.cluster import open_kafka, run_topics
from streams.demo.ledger import Ledger
from streams.demo.options import DemoOptions
from streams.demo.purchases import load_year
from streams.demo.report import Report, Timing, make_report
from streams.demo.session import Data, Place, Session
from streams.demo.showcase import showcase
from streams.demo.signals import Signals
from streams.demo.takeovers import take_over
from streams.demo.views import Sampler, open_view, save_screen
from streams.demo.worker import run_worker

T = TypeVar("T")
ASKED_BELOW = "0.45"  # all models are asked of 1 supermarket product in 80: two processors have a shop to serve as well


def run_demo(options: DemoOptions, console: Console) -> Report:
    """Run the demo; progress goes to the console. Whatever happens, nothing that was started is left running.

    Errors: StreamError and BrokerError when something cannot start or fails on the way; KeyboardInterrupt when a signal
    comes before the first event.
    """
    began = time.monotonic()
    with Signals() as signals, contextlib.ExitStack() as stack:

        def enter(part: contextlib.AbstractContextManager[T]) -> T:
            entered = stack.enter_context(part)
            stack.callback(signals.hold)  # on the way down: a second Ctrl-C must not leave half of it behind
            return entered

        def say(what: str) -> None:
            console.print(f"{time.monotonic() - began:5.1f} s  {what}", highlight=False, soft_wrap=True)

        folder = enter(_folder(options.folder))
        given = load_settings()
        products_unseen, households_unseen, risk_unseen = (
            leaves_test_out(getattr(given.models, kind) or shipped(kind), kind)
            for kind in ("products", "behaviour", "risk")
        )
        loading = enter(ThreadPoolExecutor(1)).submit(_load, products_unseen)  # beside the start of Kafka
        say("starting Kafka" if options.bootstrap_servers is None else f"using Kafka at {options.bootstrap_servers}")
        cluster = enter(open_kafka(options.bootstrap_servers, folder / "kafka", show_progress=True))
        run = f"demo-{uuid.uuid4().hex[:8]}"
        variables = _variables(run, cluster.servers, folder / run / "state", given)
        settings = load_settings(None, {"kafka.bootstrap_servers": cluster.servers, "topics.prefix": f"{run}-"})
        enter(run_topics(cluster.servers, settings, remove=options.bootstrap_servers is not None))
        say(f"{cluster.label} is ready at {cluster.servers}; starting the worker")
        (folder / run).mkdir()
        worker = enter(run_worker(variables, folder / run / "worker.log"))
        data = loading.result()
        worker.wait_ready()
        say(f"the worker is ready; {len(data.year):,} purchases and {len(data.catalogue):,} products to choose from")
        start = time.monotonic() - began

        signals.hold()
        checker = Checker(
            data.year,
            Ledger(len(data.catalogue) + len(data.sample), (PRODUCT_CATEGORIES.name, PRODUCT_ATTRIBUTES.name)),
            Ledger(len(data.year), (USER_PREDICTIONS.name,)),
            households_unseen=households_unseen,
            takeovers_unseen=households_unseen and risk_unseen,
        )
        session = Session(
            Place(cluster.servers, settings.topics.prefix, settings.topics.partitions),
            data, checker, options.rate, options.seconds,
            asked=lambda: signals.asked, check=worker.check,
        )  # fmt: skip
        sampler = Sampler(checker, cluster.label, options.seconds)
        with open_view(console, live=console.is_terminal and not options.json) as view, _loop() as loop:
            spent = loop.run(session.run(view, sampler))
        if options.screen:
            save_screen(options.screen, checker, sampler.moment("live", spent.feed))
        timing = Timing(start, spent.feed, spent.drain)
        report = make_report(checker, timing, cluster.label, stopped=signals.asked)
        if report.problems:
            for problem in report.problems:
                say(problem)
            say(f"the end of the worker's log:\n{worker.tail()}")
        say("stopping the worker and Kafka" if options.bootstrap_servers is None else "stopping the worker")
    return report


def leaves_test_out(artifact: Path, kind: str) -> bool:
    """Whether a model was neither fitted nor calibrated on the test split, as its manifest says.

    Errors: ArtifactError when the artifact cannot be read.
    """
    training = load(artifact, kind).manifest.training
    return TEST not in training["fitted_buckets"] and training.get("calibrated_on_bucket") != TEST


def _variables(run: str, servers: str, state: Path, given: Settings) -> dict[str, str]:
    """The worker's settings that are the run's own; the others are the user's."""
    whole = {}
    if given.products.encoder is None:
        whole["PRODUCTS_ENCODER"] = "shipped"
        if given.products.sure_above is None:
            whole["PRODUCTS_SURE_ABOVE"] = ASKED_BELOW
    return {
        **whole,
        "NAME": run,
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "TOPICS_PREFIX": f"{run}-",
        "TOPICS_PARTITIONS": str(given.topics.partitions),
        "STATE_DIR": str(state),
    }


def _load(products_unseen: bool) -> Data:
    return Data(
        take_over(load_year()),
        Catalogue(test_is_unseen=products_unseen),
        [*showcase(), *electronics_sample(test_is_unseen=products_unseen)],
    )


@contextlib.contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    """The named folder, kept; or a temporary one, removed at the end."""
    if named is not None:
        named.mkdir(parents=True, exist_ok=True)
        yield named.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="shelfstream-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _loop() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
