"""Reads a connection's answers into memory of just their size, for who fetches megabytes at a time.

aiokafka reads from asyncio's stream, which copies each piece of an answer several times as it grows: 4 µs for a row of
2 KB, more than it takes to parse and write it. Requests, timeouts and encryption stay aiokafka's.
"""

import asyncio
import struct
import time
from typing import Any

from streams.transport.client import KafkaClient
from streams.transport.wire import FetchResponse

_INT = struct.Struct(">i")


async def read_in_frames(client: KafkaClient, node: int) -> None:
    """Have the connection to that broker read so from now on; again after it was made anew. Errors: KafkaError."""
    connection = await client._get_conn(node)
    if connection is None or connection._writer is None or connection._requests:
        return  # an answer may have come in part: the next call will find it whole
    transport = connection._writer.transport
    before = transport.get_protocol()
    if not isinstance(before, _Frames):
        transport.set_protocol(_Frames(connection, before))


class _Frames(asyncio.BufferedProtocol):
    """A frame is four bytes of size, then the answer. What is not about reading goes to the protocol `before`."""

    def __init__(self, connection: Any, before: Any) -> None:
        self._connection = connection
        self._before = before
        self._size = bytearray(_INT.size)
        self._wanted, self._have = self._size, 0

    def get_buffer(self, sizehint: int) -> memoryview:
        """What is left of the size or of the answer."""
        return memoryview(self._wanted)[self._have :]

    def buffer_updated(self, nbytes: int) -> None:
        """Once an answer is whole, hand it on."""
        self._have += nbytes
        if self._have < len(self._wanted):
            return
        whole, self._have = self._wanted, 0
        if whole is self._size:
            self._wanted = bytearray(_INT.unpack(whole)[0])
        else:
            self._wanted = self._size
            self._answer(memoryview(whole))

    def eof_received(self) -> bool | None:
        """The broker hung up."""
        closed: bool | None = self._before.eof_received()
        return closed

    def connection_lost(self, exc: Exception | None) -> None:
        """aiokafka closes the connection, and whoever waits for an answer hears of it."""
        self._before.connection_lost(exc)

    def pause_writing(self) -> None:
        """Requests go out slower than they are made."""
        self._before.pause_writing()

    def resume_writing(self) -> None:
        """They have gone out."""
        self._before.resume_writing()

    def _answer(self, frame: memoryview) -> None:
        connection = self._connection
        correlation_id, request, waiting = connection._requests[0]
        if request.RESPONSE_TYPE is not FetchResponse or _INT.unpack_from(frame)[0] != correlation_id:
            connection._handle_frame(bytes(frame))
            return
        if not waiting.done():
            waiting.set_result(FetchResponse.decode(frame[_INT.size :]))
        connection._last_action = time.monotonic()
        connection._requests.popleft()
