"""Measure the behaviour model: `shelfstream evaluate behaviour`.

The households of bucket 0 are fed to the predictor's `run`, the code of the stream, in time order and in windows; each
event's answer is compared with what the household did next. Categories of the running basket are never offered, also
not when the next event begins another basket: a stream cannot know that. The frequency baseline is given in both ways,
"frequency" under the same rule and "frequency, told of new baskets" with that knowledge; the plain LSTM is fitted in
the same run and keeps the same rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.behaviour import BehaviourPredictor, load_behaviour
from models.data import journey
from models.data.journey import Purchases
from models.data.sequences import NONE, Targets, as_events, targets
from models.data.splits import TEST, TRAIN
from models.evaluate.behaviour_slices import slice_figures
from models.evaluate.figure import figure
from models.evaluate.households import Households
from models.evaluate.journey_baselines import baskets_a_day, frequency_ranks, own_rate, product_ranks
from models.evaluate.plain_lstm import plain_ranks
from models.evaluate.slices import GAP, gaps

TOP = 20
WINDOW = 2_048  # events of one call, as in the stream under load
FREQUENCY, TOLD, PLAIN = "frequency", "frequency, told of new baskets", "plain LSTM"
CONSTANT, OWN = "constant rate", "own rate"


@dataclass(frozen=True, slots=True)
class Answers:
    """What the predictor said right after each of n events."""

    categories: NDArray[np.int32]  # (n, TOP)
    confidence: NDArray[np.float32]  # (n, TOP)
    products: NDArray[np.int32]  # (n, TOP)
    product_confidence: NDArray[np.float32]  # (n, TOP)
    week: NDArray[np.float32]  # (n,)

    @classmethod
    def none(cls, n: int) -> Answers:
        """Nothing said yet."""
        ids, shares = np.full((2, n, TOP), -1, np.int32), np.zeros((2, n, TOP), np.float32)
        return cls(ids[0], shares[0], ids[1], shares[1], np.zeros(n, np.float32))


def evaluate(
    artifact: Path | None = None,
    *,
    baselines: bool = True,
    households: int | None = None,
    progress: bool = True,
    gap: float = GAP,
) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on the households of bucket 0, or the first few of them.

    `figures`: one row per set, task and metric with n, value, 95 % interval over households and the baselines' values;
    slices by history and by pause among them. `gaps`: the slices that fall more than `gap` behind the whole.
    Fitting the plain LSTM takes most of the time; without `baselines` it takes seconds. Errors: ArtifactError.
    """
    predictor = load_behaviour(artifact)
    events = journey.events(journey.lines())
    fitted, asked = events.of_buckets(*TRAIN), events.of_buckets(TEST)
    asked = first_households(asked, households)
    end_ms = int(events.times_ms.max())
    popularity = np.bincount(fitted.category, minlength=len(events.categories)).astype(np.float64)

    figures = []
    for name, part in ((journey.NAME, asked), (f"{journey.NAME}, baskets shuffled", asked.shuffled(seed=0))):
        expected = targets(part, end_ms)
        answers = stream(predictor, part, label=name, progress=progress)
        ranks = {}
        if baselines:
            ranks[FREQUENCY] = frequency_ranks(part, expected, popularity, told=False)
            ranks[TOLD] = frequency_ranks(part, expected, popularity, told=True)
            if part is asked:
                ranks[PLAIN] = plain_ranks(events, asked, progress=progress)
        people = Households(part.household)
        figures += _category_figures(name, people, answers, expected, ranks)
        if part is asked:
            figures += _product_figures(
                name, people, answers, part, predictor, product_ranks(part) if baselines else None
            )
            mine = _ranks(answers.categories, expected.category)
            figures += slice_figures(name, people, part, mine, expected, ranks)
            rates = {CONSTANT: _constant_rate(fitted, end_ms), OWN: own_rate(part, baskets_a_day(fitted))}
            figures += _week_figures(name, people, answers, expected, rates if baselines else {})
    return {
        "artifact": {"name": predictor.info.name, "version": predictor.info.version},
        "households": len(np.unique(asked.household)),
        "figures": figures,
        "gaps": gaps([each for each in figures if "slice" in each], gap),
        "baselines": [FREQUENCY, TOLD, PLAIN, CONSTANT, OWN] if baselines else [],
    }


def first_households(asked: Purchases, count: int | None) -> Purchases:
    """The purchases of the first few households, by number; None is all."""
    return asked if count is None else asked.take(np.isin(asked.household, np.unique(asked.household)[:count]))


def figures_of(predictor: BehaviourPredictor, asked: Purchases, answers: Answers, end_ms: int) -> list[dict[str, Any]]:
    """The figures of `evaluate`, without baselines and slices, for answers however they were come by."""
    people, expected = Households(asked.household), targets(asked, end_ms)
    return [
        *_category_figures(journey.NAME, people, answers, expected, {}),
        *_product_figures(journey.NAME, people, answers, asked, predictor, None),
        *_week_figures(journey.NAME, people, answers, expected, {}),
    ]


def stream(predictor: BehaviourPredictor, asked: Purchases, *, label: str, progress: bool) -> Answers:
    """Feed purchases by time, in windows, and collect the answers in the order of `asked`."""
    order = asked.time_order()
    columns = as_events(asked, {int(product): number for number, product in enumerate(predictor.products)})
    _, user = np.unique(asked.household, return_inverse=True)
    rows = predictor.blank(int(user.max()) + 1)
    n = len(asked)
    answers = Answers.none(n)
    with tqdm(total=n, desc=label, unit="event", disable=not progress) as bar:
        for start in range(0, n, WINDOW):
            which = order[start : start + WINDOW]
            present, slots = np.unique(user[which], return_inverse=True)
            window = columns.take(which)
            batch = predictor.run(rows[present], slots, window, top=TOP)
            rows[present] = batch.rows
            answers.categories[which], answers.products[which] = batch.category_ids, batch.product_ids
            answers.confidence[which] = batch.category_confidence
            answers.product_confidence[which] = batch.product_confidence
            answers.week[which] = batch.purchase_probability
            bar.update(len(which))
    return answers


def _category_figures(
    name: str, people: Households, answers: Answers, expected: Targets, ranks: dict[str, NDArray[np.int64]]
) -> list[dict[str, Any]]:
    counted = expected.category != NONE
    mine = _ranks(answers.categories, expected.category)
    figures = [
        figure(name, "next category", f"recall@{k}", people.mean(mine < k, counted),
             {other: people.mean(rank < k, counted)[1] for other, rank in ranks.items()})
        for k in (1, 10, 20)
    ]  # fmt: skip
    gain = {other: _reciprocal(rank) for other, rank in ranks.items()}
    figures.append(
        figure(name, "next category", "MRR@20", people.mean(_reciprocal(mine), counted),
             {other: people.mean(values, counted)[1] for other, values in gain.items()})
    )  # fmt: skip
    figures.append(
        figure(
            name,
            "next category",
            "ECE of the first",
            people.calibration(answers.confidence[:, 0], mine == 0, counted),
            {},
        )
    )
    for part, which in (
        ("first of a basket", counted & expected.new_basket),
        ("within a basket", counted & ~expected.new_basket),
    ):
        figures.append(
            figure(name, f"next category, {part}", "recall@10", people.mean(mine < 10, which),
                 {other: people.mean(rank < 10, which)[1] for other, rank in ranks.items()})
        )  # fmt: skip
    return figures


def _product_figures(
    name: str,
    people: Households,
    answers: Answers,
    asked: Purchases,
    predictor: BehaviourPredictor,
    usual: NDArray[np.int64] | None,
) -> list[dict[str, Any]]:
    numbers = {int(product): number for number, product in enumerate(predictor.products)}
    same = np.concatenate([asked.household[1:] == asked.household[:-1], [False]])
    product = np.array([numbers.get(p, NONE) for p in np.roll(asked.product, -1).tolist()], np.int64)
    mine = _ranks(answers.products, np.where(product == NONE, -2, product))  # a product it does not know is a miss
    own = {} if usual is None else {FREQUENCY: usual}
    return [
        *(
            figure(
                name,
                "next product",
                f"recall@{k}",
                people.mean(mine < k, same),
                {other: people.mean(rank < k, same)[1] for other, rank in own.items()},
            )
            for k in (1, 10, 20)
        ),
        figure(
            name,
            "next product",
            "ECE of the first",
            people.calibration(answers.product_confidence[:, 0], mine == 0, same),
            {},
        ),
    ]


def _week_figures(
    name: str, people: Households, answers: Answers, expected: Targets, rates: dict[str, Any]
) -> list[dict[str, Any]]:
    counted = expected.week != NONE
    truth = expected.week == 1
    others = {other: np.broadcast_to(rate, truth.shape) for other, rate in rates.items()}
    task = "basket within 7 days"
    return [
        figure(name, task, "log loss", people.mean(_log_loss(answers.week, truth), counted),
             {other: people.mean(_log_loss(rate, truth), counted)[1] for other, rate in others.items()}),
        figure(name, task, "Brier score", people.mean((answers.week - truth) ** 2, counted),
             {other: people.mean((rate - truth) ** 2, counted)[1] for other, rate in others.items()}),
        figure(name, task, "ECE", people.calibration(answers.week, truth, counted),
             {other: people.calibration(rate, truth, counted)[1] for other, rate in others.items()}),
    ]  # fmt: skip


def _constant_rate(fitted: Purchases, end_ms: int) -> float:
    week = targets(fitted, end_ms).week
    return float((week[week != NONE] == 1).mean())


def _ranks(answers: NDArray[np.int32], truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n, TOP) answers -> (n,) place of the truth, TOP when it is not among them."""
    hit = answers == truth[:, None]
    return np.where(hit.any(axis=1), hit.argmax(axis=1), TOP)


def _reciprocal(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(ranks < TOP, 1 / (ranks + 1.0), 0)


def _log_loss(chance: NDArray[Any], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    safe = np.clip(np.asarray(chance, np.float64), 1e-6, 1 - 1e-6)
    return -np.where(truth, np.log(safe), np.log1p(-safe))
