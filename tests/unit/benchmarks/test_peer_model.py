"""The peers' model in numpy is the reference model, one event at a time and many at once."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.model import MOST_ROWS, Model, rounds
from benchmarks.reference_events import HALVES, Answer, users_and_tokens
from benchmarks.reference_model import check, save_weights

USERS, EVENTS = 40, 900  # more events of a round than one step takes, and users with many events


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path: Path = tmp_path_factory.mktemp("weights") / "weights.npz"
    save_weights(path)
    return Model(path)


def sequences(users: np.ndarray, tokens: np.ndarray) -> dict[str, list[int]]:
    return {str(user): tokens[users == user].tolist() for user in set(users.tolist())}


def by_user(users: np.ndarray, found: list[tuple[list[int], list[float]]]) -> dict[str, list[Answer]]:
    answers: dict[str, list[Answer]] = {}
    for offset, (user, (classes, confidences)) in enumerate(zip(users.tolist(), found, strict=True)):
        answers.setdefault(str(user), []).append(Answer(offset, classes, confidences))
    return answers


@pytest.mark.parametrize("users_of_run", [USERS, 20_000])
def test_many_at_once_answer_as_the_reference_model_one_at_a_time(model: Model, users_of_run: int) -> None:
    users, tokens = users_and_tokens(EVENTS)
    users %= users_of_run
    assert users_of_run == USERS or len(rounds(users)[0]) > MOST_ROWS
    states = np.zeros(users_of_run, HALVES)
    found = model.many(tokens, users, states)
    checked = check(sequences(users, tokens), by_user(users, list(zip(*found, strict=True))))
    assert (checked.answers, checked.wrong) == (EVENTS, 0)


def test_one_at_a_time_keeps_the_state_that_many_at_once_keep(model: Model) -> None:
    users, tokens = users_and_tokens(EVENTS // 3)
    users %= USERS
    states = np.zeros(USERS, HALVES)
    model.many(tokens, users, states)
    kept: dict[int, bytes] = {}
    found = []
    for user, token in zip(users.tolist(), tokens.tolist(), strict=True):
        classes, confidences, kept[user] = model.one(token, kept.get(user))
        found.append((classes, confidences))
    assert check(sequences(users, tokens), by_user(users, found)).wrong == 0
    one = np.frombuffer(b"".join(kept[user] for user in range(USERS)), np.float16).astype(float)
    assert np.abs(one - states.view(np.float16).astype(float)).max() < 2e-3  # two steps of float16


def test_rounds_take_each_event_once_and_each_users_in_order() -> None:
    slots = np.array([3, 1, 3, 3, 1, 0])
    assert [one.tolist() for one in rounds(slots)] == [[5, 1, 0], [4, 2], [3]]
    assert rounds(np.array([], np.int64)) == []
