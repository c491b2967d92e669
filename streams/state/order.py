"""Which row of a key counts where a changelog has an older one behind a newer one.

A worker that lost its partitions without knowing (it was stopped for longer than a session) may still write the rows of
its last window, behind those of the next owner. Where a table's rows say which source offset they reach, the one that
reaches further is kept. Rows that their owner writes rise from window to window, so only a row below the highest before
it needs a look at what is known of its key; a deleted row says nothing, and what comes last counts.
"""

from collections.abc import Callable, Sequence

from streams.record import Record

Row = bytes | None
SourceOffsets = Callable[[Sequence[Row]], list[int]]  # of each row the offset that it reaches, -1 where it says none
UNKNOWN = 2**63 - 1  # the highest of a copy that does not tell: every row is looked at


def newest(
    records: Sequence[Record],
    highest: int,
    source_offsets: SourceOffsets,
    read_stored: Callable[[Sequence[bytes]], Sequence[Row]],
) -> tuple[Sequence[Record], int]:
    """The records of a run that count, and the highest source offset up to its end.

    `highest` is that of everything before the run; `read_stored` gives the rows as they were before it.
    """
    offsets = source_offsets([record.value for record in records])
    known = offsets if min(offsets, default=-1) >= 0 else [offset for offset in offsets if offset >= 0]
    if not known:
        return records, highest
    if known[0] >= highest and known == sorted(known):
        return records, known[-1]
    late: dict[bytes, None] = {}
    for record, offset in zip(records, offsets, strict=True):
        if 0 <= offset < highest and record.key is not None:
            late[record.key] = None
        highest = max(highest, offset)
    reached = dict(zip(late, source_offsets(read_stored(list(late))), strict=True))
    kept: list[Record] = []
    for record, offset in zip(records, offsets, strict=True):
        if record.key in reached:
            if 0 <= offset < reached[record.key]:
                continue
            reached[record.key] = offset
        kept.append(record)
    return kept, highest
