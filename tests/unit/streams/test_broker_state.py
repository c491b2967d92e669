"""The lock says whether a broker runs; broker.json alone says nothing."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streams import broker
from streams.broker import properties
from streams.broker.broker import choose_port
from streams.broker.errors import BrokerRefused
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
from streams.broker.storage import with_new_ids


def own_state(**changes: object) -> BrokerState:
    started = process_started(os.getpid())
    assert started is not None
    fields = {"pid": os.getpid(), "started": started, "port": 9} | changes
    return BrokerState(**fields)  # type: ignore[arg-type]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_state(tmp_path, own_state())
    assert read_state(tmp_path) == own_state()
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "unknown": 2}'])
def test_a_file_that_is_not_whole_is_no_state(tmp_path: Path, content: str) -> None:
    (tmp_path / STATE_FILE).write_text(content)
    assert read_state(tmp_path) is None


def test_a_state_file_without_the_lock_held_is_left_over_from_a_crash(tmp_path: Path) -> None:
    write_state(tmp_path, own_state())
    assert broker.find(tmp_path) is None
    assert broker.find(tmp_path, even_if_silent=True) is None


def test_a_held_lock_with_a_state_is_a_broker_that_does_not_answer_yet(tmp_path: Path) -> None:
    lock = try_lock(tmp_path)
    assert lock is not None
    (port,) = properties.free_ports(1)
    write_state(tmp_path, own_state(port=port))
    assert broker.find(tmp_path) is None
    found = broker.find(tmp_path, even_if_silent=True)
    assert found is not None
    assert found.bootstrap_servers == f"127.0.0.1:{port}"
    assert not found.started_here
    os.close(lock)


def test_a_broker_whose_owner_is_gone_is_ending_before_anybody_told_it() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    state = own_state(owner=child.pid, owner_started=process_started(child.pid))
    assert not state.is_ending
    assert not state.detached
    child.communicate(b"\n")
    assert state.is_ending
    assert own_state().detached
    assert not own_state().is_ending
    assert own_state(stopping=True).is_ending


def test_one_holder_at_a_time_and_looking_does_not_hold(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    lock = try_lock(tmp_path)
    assert lock is not None
    assert try_lock(tmp_path) is None
    assert is_locked(tmp_path)
    os.close(lock)
    assert not is_locked(tmp_path)


def test_a_lock_outlives_its_taker_as_long_as_a_child_has_it(tmp_path: Path) -> None:
    lock = try_lock(tmp_path)
    assert lock is not None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,))
    os.close(lock)
    assert is_locked(tmp_path)
    child.communicate(b"\n")
    assert not is_locked(tmp_path)


def test_a_process_that_got_the_pid_of_a_dead_broker_is_never_signalled() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stale = own_state(pid=child.pid, started="another time")
    assert not send_signal(stale, signal.SIGKILL)
    assert child.poll() is None
    child.communicate(b"\n")
    assert child.returncode == 0
    assert not send_signal(stale, signal.SIGKILL)


def test_free_ports_differ_and_can_be_listened_on() -> None:
    ports = properties.free_ports(20)
    assert len(set(ports)) == 20
    assert all(properties.port_is_free(port) for port in ports[:3])


def test_a_port_in_use_is_refused_by_its_number(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((properties.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not properties.port_is_free(port)
        with pytest.raises(BrokerRefused, match=f"port {port} is in use"):
            choose_port(tmp_path, port, None)


def test_a_folder_keeps_its_port_then_the_usual_one_is_taken_then_any(tmp_path: Path) -> None:
    last, usual, controller = properties.free_ports(3)
    assert choose_port(tmp_path, None, usual) == usual
    (tmp_path / "server.properties").write_text(properties.server_properties(tmp_path, last, controller))
    assert choose_port(tmp_path, None, usual) == last
    with socket.socket() as first, socket.socket() as second:
        for taken, port in ((first, last), (second, usual)):
            taken.bind((properties.HOST, port))
            taken.listen()
        assert choose_port(tmp_path, None, usual) not in (last, usual)


def test_every_folder_gets_ids_of_its_own() -> None:
    meta = "#\ncluster.id=old\ndirectory.id=old\nnode.id=1\nversion=1\n"
    first, second = with_new_ids(meta), with_new_ids(meta)
    assert first != second
    assert "old" not in first
    assert [line for line in first.splitlines() if not line.startswith(("cluster.id=", "directory.id="))] == [
        "#",
        "node.id=1",
        "version=1",
    ]


def test_the_broker_takes_records_of_16_mib_and_makes_no_topic_by_itself() -> None:
    text = properties.server_properties(Path("/data"), 1000, 1001)
    settings = dict(line.split("=", 1) for line in text.splitlines())
    assert int(settings["message.max.bytes"]) > 16 * 1024 * 1024
    assert int(settings["replica.fetch.max.bytes"]) >= int(settings["message.max.bytes"])
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["group.initial.rebalance.delay.ms"] == "0"
    assert properties.broker_port(text) == 1000
