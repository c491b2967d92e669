"""An admin client that finds no cluster leaves neither a thread nor a socket."""

import gc
import socket
import threading

import pytest
from kafka.errors import KafkaError

from streams.admin import Admin


@pytest.mark.filterwarnings("error")
def test_one_that_nothing_answers_leaves_neither_thread_nor_socket() -> None:
    threads = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(KafkaError):
            Admin(bootstrap_servers=f"127.0.0.1:{silent.getsockname()[1]}", bootstrap_timeout_ms=200)
        gc.collect()  # pytest turns a socket that is found open here into an error
    assert set(threading.enumerate()) <= threads


def test_a_setting_that_is_unknown_is_named() -> None:
    with pytest.raises(KafkaError, match="no_such"):
        Admin(no_such=1)
