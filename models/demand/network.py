"""The two networks: a feed-forward one over the history as it is, and an LSTM that reads it day by day.

Both end in the same head, which is asked for one day ahead at a time: what was found of the series, and what `ahead`
says of that day. In units of the series' level it gives

    q50 = softplus(a),      q10 = q50 sigmoid(b),      q90 = q50 + softplus(c)

so that quantiles cannot cross and none is below 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.demand.columns import HISTORY, HORIZON, WEEK
from models.demand.inputs import AHEAD, SUMMARY, WEEKS


class Head(nn.Module):
    """(n, width) of the series and (n, HORIZON, AHEAD) -> (n, HORIZON, 3) quantiles / level."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width + AHEAD, hidden)
        self.out = nn.Linear(hidden, 3)

    def forward(self, series: Tensor, ahead: Tensor) -> Tensor:
        both = torch.cat([series.unsqueeze(1).expand(-1, HORIZON, -1), ahead], dim=2)  # (n, HORIZON, width + AHEAD)
        a, b, c = self.out(functional.silu(self.hidden(both))).unbind(dim=2)  # each (n, HORIZON)
        middle = functional.softplus(a)
        return torch.stack([middle * torch.sigmoid(b), middle, middle + functional.softplus(c)], dim=2)


class DemandDnn(nn.Module):
    """Feed-forward: history and summary at once."""

    def __init__(self, width: int = 64, dropout: float = 0.1) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(HISTORY + SUMMARY, width),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Dropout(dropout),
        )
        self.head = Head(width, width)

    def forward(self, history: Tensor, summary: Tensor, ahead: Tensor) -> Tensor:
        """(n, HISTORY), (n, SUMMARY), (n, HORIZON, AHEAD) -> (n, HORIZON, 3)."""
        quantiles: Tensor = self.head(self.trunk(torch.cat([history, summary], dim=1)), ahead)
        return quantiles


class DemandLstm(nn.Module):
    """An LSTM (Hochreiter and Schmidhuber 1997) over the days; summary joins its last state."""

    def __init__(self, width: int = 48, dropout: float = 0.1) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2 + WEEK, width, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.head = Head(width + SUMMARY, width)

    def forward(self, history: Tensor, summary: Tensor, ahead: Tensor) -> Tensor:
        """(n, HISTORY), (n, SUMMARY), (n, HORIZON, AHEAD) -> (n, HORIZON, 3)."""
        sold = history.unsqueeze(2)  # (n, HISTORY, 1)
        # Which day ahead has the same weekday.
        week = torch.eye(WEEK, dtype=sold.dtype, device=sold.device).repeat(WEEKS, 1)  # (HISTORY, WEEK)
        days = torch.cat([sold, (sold == 0).to(sold.dtype), week.expand(len(sold), -1, -1)], dim=2)
        _, (state, _) = self.lstm(days)  # (1, n, width)
        quantiles: Tensor = self.head(torch.cat([self.drop(state[0]), summary], dim=1), ahead)
        return quantiles


DemandNetwork = DemandDnn | DemandLstm
NETWORKS: dict[str, type[DemandDnn] | type[DemandLstm]] = {"dnn": DemandDnn, "lstm": DemandLstm}


def build(name: str, width: int, dropout: float = 0.1) -> DemandNetwork:
    """A network by its name. Errors: ValueError, which lists the names."""
    if name not in NETWORKS:
        raise ValueError(f"no network is called {name!r}; there are {', '.join(NETWORKS)}")
    return NETWORKS[name](width, dropout)
