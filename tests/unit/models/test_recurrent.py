"""The comparison of recurrent cells, on a made-up shop."""

from __future__ import annotations

import pytest
import torch

from models.behaviour.cells import TimeAwareLstm
from models.data import journey
from models.evaluate.recurrent import CELLS, FREQUENCY, METRICS, cell_of, evaluate, table
from tests.unit.models.behaviour_shop import SMALL, shop

SIZES = SMALL(12)


@pytest.fixture(scope="module")
def result() -> dict[str, object]:
    torch.set_num_threads(1)
    events = journey.events(shop(households=40, baskets=6))
    return evaluate(households=20, epochs=1, purchases=events, sizes=SIZES, shipped=False, progress=False)


def test_every_cell_and_the_counts_are_asked_of_the_same_events(result: dict[str, object]) -> None:
    figures = result["figures"]
    assert isinstance(figures, list)
    assert [row["model"] for row in figures] == [FREQUENCY, *CELLS]
    for row in figures:
        for metric in METRICS:
            assert 0 <= row[metric]["low"] <= row[metric]["value"] <= row[metric]["high"] <= 1


def test_the_table_has_a_row_for_each(result: dict[str, object]) -> None:
    assert len(table(result).splitlines()) == 2 + 1 + len(CELLS)


def test_the_cells_are_of_the_kinds_they_are_named_for() -> None:
    kinds = {name: type(cell_of(make(SIZES))).__name__ for name, make in CELLS.items()}
    assert kinds["habits and basket alone"] == "NoneType"
    assert kinds["GRU"] == "GRU"
    assert kinds["plain RNN"] == "RNN"
    assert kinds["LSTM"] == "LSTM"
    assert kinds["time-aware LSTM"] == TimeAwareLstm.__name__
