"""The line between workers and a broker, which a test can slow down, cut, or leave half open."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from enum import Enum
from typing import Any, TypeVar

from streams.broker.properties import HOST

T = TypeVar("T")
CHUNK = 64 * 1024


class State(Enum):
    """What becomes of bytes."""

    OPEN = "open"
    CUT = "cut"  # connections are reset, new ones closed at once
    HALF_OPEN = "half open"  # connections stay, new ones are taken, and whatever is sent is swallowed


class Proxies:
    """A TCP proxy for each port asked for, all on one event loop in a thread of their own.

    A connection that was half open once stays so: what was swallowed cannot come any more, as behind a gateway that has
    forgotten it.
    """

    def __init__(self) -> None:
        self.state = State.OPEN
        self.delay_s = 0.0  # added to each chunk, in both directions
        self._ports: dict[int, int] = {}
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()

    def port_for(self, target: int) -> int:
        """The port that leads to the target's; the same each time it is asked."""
        if target not in self._ports:
            self._ports[target] = self._run(self._listen(target))
        return self._ports[target]

    def open(self) -> None:
        """Pass on again what comes on new connections."""
        self.state, self.delay_s = State.OPEN, 0.0

    def slow(self, delay_s: float) -> None:
        """Everything takes so much longer."""
        self.delay_s = delay_s

    def cut(self) -> None:
        """Reset all connections, and let none through."""
        self.state = State.CUT
        self._run(self._reset())

    def half_open(self) -> None:
        """Take everything, pass on nothing."""
        self.state = State.HALF_OPEN

    def close(self) -> None:
        """End it."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self, target: int) -> int:
        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._meet(target, reader, writer)

        server = await asyncio.start_server(meet, HOST, 0)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _meet(self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self.state is State.CUT:
                return
            if self.state is State.HALF_OPEN:
                await _swallow(reader)
                return
            there, back = await asyncio.open_connection(HOST, target)
            self._writers.add(back)
            try:
                await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
            finally:
                self._hang_up(back)
        except OSError:
            pass  # one side is gone; the other is told so by what follows
        finally:
            self._hang_up(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Errors: ConnectionError when the reader's side is closed, so that the other direction ends too."""
        while chunk := await reader.read(CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self.state is State.HALF_OPEN:
                await _swallow(reader)
            writer.write(chunk)
            await writer.drain()
        raise ConnectionResetError

    def _hang_up(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.transport.abort()

    async def _reset(self) -> None:
        for writer in list(self._writers):
            self._hang_up(writer)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        await self._reset()
        me = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() if task is not me]
        for task in left:
            task.cancel()
        for task in left:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _swallow(reader: asyncio.StreamReader) -> None:
    """Until the other side gives up. Errors: ConnectionResetError then."""
    while await reader.read(CHUNK):
        pass
    raise ConnectionResetError
