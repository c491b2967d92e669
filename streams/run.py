"""Runs a built worker until a signal or an error ends it, and says why with its exit code."""

import asyncio
import logging
import sys

import faust
import uvloop

from streams.app import Worker
from streams.collector import calm_collector
from streams.config import Settings
from streams.errors import StreamError
from streams.metrics.server import WebServer
from streams.metrics.watchdog import Watchdog

log = logging.getLogger(__name__)
SWITCH_S = 0.0005  # the event loop waits for the model's thread no longer than this; Python's own is ten times that


def run_worker(worker: Worker, settings: Settings) -> int:
    """Serve metrics, start the app, and return the exit code once it has ended.

    0 after SIGTERM or SIGINT; 1 after an error, 3 after too many dead letters. The caller exits with it.
    """
    web = WebServer(settings.web.host, settings.web.port, worker.health)
    watchdog = Watchdog(worker.health, settings.web.stall_exit_s)
    web.start()
    watchdog.start()
    calm_collector()
    sys.setswitchinterval(SWITCH_S)
    try:
        return _run(worker)
    finally:
        worker.close()
        web.close()  # the watchdog watches on: a model that never comes back would keep the process for ever


def _run(worker: Worker) -> int:
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    service = faust.Worker(worker.app, loop=loop, override_logging=False, redirect_stdouts=False, quiet=True)
    try:
        service.execute_from_commandline()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException as error:  # noqa: BLE001  # becomes the exit code
        worker.app.failure = worker.app.failure or error
        code = 1
    failure = worker.app.failure
    if isinstance(failure, StreamError):
        print(f"the worker stopped: {failure}", file=sys.stderr)
        return failure.exit_code
    if failure is not None:
        log.error("the worker stopped", exc_info=failure)
        return 1
    return code
