"""Numbers as features: filled, scaled and told apart from unknown ones, as measured on the training rows alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import DataError

FORMAT = 1
REACH = 6.0  # standard deviations at which a value is cut: one wrong price must not drown the others


class Column(msgspec.Struct, frozen=True):
    """How one number becomes a feature: (log of) the value, minus `mean`, over `spread`; `median` where unknown."""

    name: str
    log: bool
    median: float
    mean: float
    spread: float


class Standard(msgspec.Struct, frozen=True):
    """Fitted columns, in the order of the features. Two features a column: the value, and 1 where it was unknown."""

    columns: tuple[Column, ...]
    rows: int  # of training
    format: int = FORMAT

    def apply(self, values: Mapping[str, ArrayLike]) -> NDArray[np.float32]:
        """Columns of (n,) numbers, NaN = unknown -> (n, 2 C): all C values, cut at ±6, then C marks of unknown ones.

        Errors: DataError when a fitted column is not given, or lengths differ.
        """
        arrays = [_numbers(values, column.name) for column in self.columns]
        if len({len(array) for array in arrays}) > 1:
            raise DataError(f"columns of {sorted({len(array) for array in arrays})} rows; they must be equally long")
        scaled, unknown = [], []
        for column, array in zip(self.columns, arrays, strict=True):
            raw = _scale(array, column.log)
            missing = np.isnan(raw)
            scaled.append(np.clip((np.where(missing, column.median, raw) - column.mean) / column.spread, -REACH, REACH))
            unknown.append(missing)
        return np.stack([*scaled, *unknown], axis=1).astype(np.float32)  # (n, 2 C)

    def save(self, file: Path) -> None:
        """As JSON."""
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def fit(values: Mapping[str, ArrayLike], logs: Sequence[str] = ()) -> Standard:
    """Columns of (n,) numbers of the training rows, NaN = unknown; those named in `logs` are taken as log(1 + value).

    A column without two different values gets a spread of 1, so that it is 0 everywhere.
    Errors: DataError when there is no column, a name in `logs` is not there, or a value below 0 is to be a logarithm.
    """
    absent = [name for name in logs if name not in values]
    if absent or not values:
        raise DataError(f"no columns {absent or ''} to standardise; there are {list(values)}")
    columns, rows = [], 0
    for name in values:
        array = _scale(_numbers(values, name), name in logs)
        rows, known = len(array), array[~np.isnan(array)]
        spread = float(known.std()) if len(known) else 0.0
        columns.append(
            Column(
                name=name,
                log=name in logs,
                median=float(np.median(known)) if len(known) else 0.0,
                mean=float(known.mean()) if len(known) else 0.0,
                spread=spread if spread > 0 else 1.0,
            )
        )
    return Standard(tuple(columns), rows)


def load(file: Path) -> Standard:
    """What `save` wrote. Errors: DataError when it is missing, of another kind, or of a later format."""
    try:
        standard = msgspec.json.decode(file.read_bytes(), type=Standard)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(f"{file} is no saved standardisation: {error}; fit it again on the training rows") from error
    if standard.format > FORMAT:
        raise DataError(f"{file} has format {standard.format}, this version reads up to {FORMAT}; update shelfstream")
    return standard


def _numbers(values: Mapping[str, ArrayLike], name: str) -> NDArray[np.float64]:
    if name not in values:
        raise DataError(f"the column {name} was fitted but is not given; there are {list(values)}")
    array = np.asarray(values[name], np.float64)
    return np.where(np.isfinite(array), array, np.nan)


def _scale(array: NDArray[np.float64], log: bool) -> NDArray[np.float64]:
    if not log:
        return array
    if (array < 0).any():
        raise DataError(f"{np.nanmin(array):g} is below 0 and has no logarithm here; leave the column out of logs")
    return np.log1p(array)
