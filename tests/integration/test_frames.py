"""Reading in frames, as changelogs are read: the same records as aiokafka's stream gives, and a cut line is mended."""

import asyncio
import os
from collections.abc import Sequence

import pytest
from faust.types import TP

from schemas.topics import USER_STATE
from streams.record import Record as Found
from streams.transport.client import connect
from streams.transport.fetcher import FetchOptions, RunFetcher
from streams.transport.frames import _Frames
from tests.integration.worker_process import Place, Record

pytestmark = pytest.mark.integration
ROWS = 400
WAIT_S = 60


async def read_all(place: Place, *, in_frames: bool, cut: bool = False) -> dict[int, list[tuple[int, bytes | None]]]:
    """Every record of the user-state topic by partition; `cut` closes the line after the first run."""
    client = await connect([place.kafka], "test-frames")
    tps = [TP(place.topic(USER_STATE.name), number) for number in range(place.partitions)]
    found: dict[int, list[tuple[int, bytes | None]]] = {tp.partition: [] for tp in tps}
    whole = asyncio.Event()
    lines: set[type] = set()
    left = cut

    async def deliver(tp: TP, records: Sequence[Found]) -> None:
        nonlocal left
        found[tp.partition] += [(record.offset, record.value) for record in records]
        for connection in client._conns.values():
            lines.add(type(connection._writer.transport.get_protocol()))
            if left:
                left = False
                connection._writer.transport.abort()
        if sum(map(len, found.values())) == ROWS:
            whole.set()

    options = FetchOptions(wait_ms=50, partition_bytes=2**19, max_bytes=2**20, committed_only=True, in_frames=in_frames)
    fetcher = RunFetcher(client, options, deliver)
    running = asyncio.ensure_future(fetcher.run())
    fetcher.assign(dict.fromkeys(tps, 0))
    try:
        await asyncio.wait_for(whole.wait(), WAIT_S)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await client.close()
    assert left is False
    assert (_Frames in lines) == in_frames
    return found


def test_frames_bring_what_the_stream_brings_also_after_the_line_was_cut(place: Place) -> None:
    rows = [Record(i % place.partitions, b"k%d" % i, os.urandom(20_000)) for i in range(ROWS)]
    place.send(USER_STATE.name, rows)
    plain = asyncio.run(read_all(place, in_frames=False))
    assert [value for _, value in plain[0]] == [row.value for row in rows if row.partition == 0]
    assert asyncio.run(read_all(place, in_frames=True)) == plain
    assert asyncio.run(read_all(place, in_frames=True, cut=True)) == plain
