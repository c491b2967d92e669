"""Records of CSV, JSON-lines and Parquet files, one mapping a row, with the number of each row.

A row that cannot be read is handed on as the reason why, so that whoever counts rows misses none.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow
import pyarrow.parquet

from models.errors import DataError

Row = dict[str, Any] | str  # the values by column, or why the row cannot be read
LARGEST_CELL = 64 * 1024 * 1024
ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
SURROGATES = ("\udc80", "\udcff")  # what bytes outside the encoding are read as


def records(file: Path, encoding: str = "utf-8-sig") -> Iterator[Row]:
    """Every row of a file: `.csv`, `.tsv`, `.jsonl` (each also `.gz`) or `.parquet`. Row 1 of a CSV follows its header.

    Errors: DataError when the file is missing, of no known kind, or broken as a whole.
    """
    ending = Path(file.name.removesuffix(".gz")).suffix
    if ending not in ENDINGS:
        raise DataError(f"{file} ends in none of {', '.join(ENDINGS)} (or one of them with .gz)")
    if not file.is_file():
        raise DataError(f"there is no file {file}")
    try:
        if ending == ".parquet":
            yield from _parquet(file)
        elif ending == ".jsonl":
            yield from _json_lines(file)
        else:
            with _text(file, encoding) as lines:
                yield from _separated(lines, "\t" if ending == ".tsv" else ",")
    except (OSError, EOFError, pyarrow.ArrowException, LookupError, csv.Error) as error:
        raise DataError(f"{file} cannot be read to its end: {error}") from error


def _parquet(file: Path) -> Iterator[Row]:
    with pyarrow.parquet.ParquetFile(file) as table:
        for batch in table.iter_batches():
            yield from batch.to_pylist()


def _json_lines(file: Path) -> Iterator[Row]:
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                value = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield f"no JSON: {error}"
                continue
            yield value if isinstance(value, dict) else "no JSON object"


def _separated(lines: IO[str], separator: str) -> Iterator[Row]:
    csv.field_size_limit(LARGEST_CELL)
    reader = csv.reader(lines, delimiter=separator)
    header = next(reader, [])
    for cells in reader:
        if not cells:
            continue
        if len(cells) != len(header):
            yield f"another number of cells than the header: {len(cells)}, not {len(header)}"
        elif any(_undecoded(cell) for cell in cells):
            yield "bytes outside the file's encoding"
        else:
            yield dict(zip(header, cells, strict=True))


def _undecoded(cell: str) -> bool:
    return not cell.isascii() and any(SURROGATES[0] <= sign <= SURROGATES[1] for sign in cell)


def _text(file: Path, encoding: str) -> IO[str]:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding=encoding, errors="surrogateescape", newline="")
    return file.open(encoding=encoding, errors="surrogateescape", newline="")
