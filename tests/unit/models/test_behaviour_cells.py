"""The time-aware LSTM: an LSTM whose cell loses what is of the moment while days pass."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from models.behaviour.cells import State, TimeAwareLstm, lost

INPUTS, HIDDEN = 5, 4
WIDTHS = torch.tensor([3, 2, 2])  # three users: of three tokens, of three, of one


def cell(seed: int = 0) -> TimeAwareLstm:
    torch.manual_seed(seed)
    return TimeAwareLstm(INPUTS, HIDDEN)


def moved(cell: TimeAwareLstm) -> TimeAwareLstm:
    """With a short-term part."""
    with torch.no_grad():
        for weight in cell.short.parameters():
            weight.normal_()
    return cell


def state(users: int) -> State:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, users, HIDDEN, generator=generator), torch.randn(1, users, HIDDEN, generator=generator)


def tokens() -> Tensor:
    return torch.randn(int(WIDTHS.sum()), INPUTS, generator=torch.Generator().manual_seed(2))


def test_before_training_it_is_an_lstm_whatever_time_passes() -> None:
    ours, theirs = cell(), nn.LSTM(INPUTS, HIDDEN)
    theirs.load_state_dict({name: weight for name, weight in ours.state_dict().items() if "short" not in name})
    after, (h, c) = ours.over(tokens(), torch.full((7,), 30.0), WIDTHS, state(3))
    packed, (their_h, their_c) = theirs(PackedSequence(tokens(), WIDTHS), state(3))
    torch.testing.assert_close(after, packed.data)
    torch.testing.assert_close(h, their_h)
    torch.testing.assert_close(c, their_c)


def test_nothing_fades_within_a_basket() -> None:
    plain, ours = cell(), moved(cell())
    expected, _ = plain.over(tokens(), torch.zeros(7), WIDTHS, state(3))
    found, _ = ours.over(tokens(), torch.zeros(7), WIDTHS, state(3))
    torch.testing.assert_close(found, expected)


def test_a_pause_moves_the_state_of_its_user_only() -> None:
    ours, days = moved(cell()), torch.zeros(7)
    before, _ = ours.over(tokens(), days, WIDTHS, state(3))
    days[1] = 7.0  # the second user's first token
    after, _ = ours.over(tokens(), days, WIDTHS, state(3))
    changed = (before != after).any(dim=1).tolist()
    assert changed == [False, True, False, False, True, False, True]


@given(st.floats(0, 4_000), st.floats(0, 4_000))
def test_more_is_lost_the_more_days_pass_and_never_all(days: float, others: float) -> None:
    less, more = lost(torch.tensor(sorted((days, others)))).tolist()
    assert 0 <= less <= more < 1


def test_after_a_long_time_what_stays_is_the_long_term_part() -> None:
    ours, (h, c) = moved(cell()), state(1)
    short = torch.tanh(ours.short(c[0]))
    kept, _ = ours.over(torch.zeros(1, INPUTS), torch.tensor([1e30]), torch.tensor([1]), (h, c))
    expected, _ = cell().over(torch.zeros(1, INPUTS), torch.zeros(1), torch.tensor([1]), (h, (c[0] - short)[None]))
    torch.testing.assert_close(kept, expected, atol=0.02, rtol=0)


@pytest.mark.parametrize("user", [0, 1, 2])
def test_users_side_by_side_end_as_each_alone(user: int) -> None:
    ours, days = moved(cell()), torch.arange(7.0)
    h, c = state(3)
    _, (h_end, c_end) = ours.over(tokens(), days, WIDTHS, (h, c))
    mine = [[0, 3, 5], [1, 4, 6], [2]][user]
    alone, (h_alone, c_alone) = ours.over(
        tokens()[mine], days[mine], torch.ones(len(mine), dtype=torch.int64), (h[:, [user]], c[:, [user]])
    )
    torch.testing.assert_close(h_end[:, [user]], h_alone)
    torch.testing.assert_close(c_end[:, [user]], c_alone)
    torch.testing.assert_close(alone[-1:], h_alone[0])
