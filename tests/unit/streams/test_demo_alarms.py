"""Alarms in the demo: right ones and false ones are told apart, counted and shown with their reasons."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET
from rich.console import Console

from models.data.takeovers import KINDS
from schemas.codec import encode
from schemas.predictions import ModelRef, Risk, RiskReason, Source, UserPrediction
from schemas.topics import USER_PREDICTIONS
from streams.demo.alarms import Alarms
from streams.demo.checker import Checker
from streams.demo.ledger import Ledger
from streams.demo.purchases import NONE
from streams.demo.reasons import WORDS, in_words
from streams.demo.report import Timing, make_report
from streams.demo.screen import WIDTH, Moment, render
from streams.demo.summary import summarize
from streams.demo.views import LineView
from tests.unit.streams.making_years import make_year

DEAR = RiskReason("price", 4.2, 1.1, 1.6)
ABROAD = RiskReason("country", 0.004, 1.0, 3.1)
MANY = RiskReason("rate", 12.0, 3.4, 0.5)
MOMENT = Moment("live", "Kafka", 3.0, 30.0, {}, [], [])
OPEN, QUIET = KINDS.index("open"), KINDS.index("quiet")


class Record:
    """What the reader hands on, as far as the checker looks at it."""

    def __init__(self, value: bytes) -> None:
        self.value = value


def alarm(score: float, *reasons: RiskReason) -> Risk:
    return Risk(score, list(reasons), alarm=True)


def seen(checker: Checker, risks: dict[int, Risk]) -> Checker:
    """Answers to twenty purchases; those without a risk of their own have a low one."""
    checker.purchases.send(np.full(20, 1.0))
    records: list[Any] = [
        Record(
            encode(
                UserPrediction(
                    prediction_id="p",
                    as_of=1,
                    source=Source("t", 0, line),
                    model=ModelRef("m", "1"),
                    user_id=f"household-{line}",
                    event_id=f"purchase-{line}",
                    next_categories=[],
                    next_products=[],
                    preferred_attributes=[],
                    purchase_probability=0.5,
                    risk=risks.get(line, Risk(0.01)),
                )
            )
        )
        for line in range(20)
    ]
    checker.read_predictions(records, 1.1)
    return checker


@pytest.fixture
def checker() -> Checker:
    """Lines 3 to 6 are an open takeover, 10 and 11 a quiet one."""
    year = make_year(1)
    year.takeover[3:7], year.takeover[10:12] = OPEN, QUIET
    year.household[3:7], year.household[10:12] = 1, 2
    return Checker(
        replace(year, wanted=np.full(len(year), NONE, np.int32)),
        Ledger(1, ("a",)),
        Ledger(len(year), (USER_PREDICTIONS.name,)),
        households_unseen=True,
        takeovers_unseen=True,
    )


def shown(what: Any) -> str:
    console = Console(file=io.StringIO(), width=WIDTH, record=True)
    console.print(what)
    return console.export_text()


def test_a_takeover_is_caught_by_one_alarm_and_an_alarm_on_anything_else_is_false(checker: Checker) -> None:
    seen(checker, {4: alarm(0.7), 5: alarm(0.8, DEAR), 17: alarm(0.9)})
    facts = checker.alarms.facts()
    none = {"begun": 0, "with_alarm": 0, "events": 0, "events_with_alarm": 0}
    assert facts["takeovers"] == {
        "begun": 2, "with_alarm": 1, "events": 6, "events_with_alarm": 2,
        "kinds": {
            **dict.fromkeys(KINDS, none),
            "open": {"begun": 1, "with_alarm": 1, "events": 4, "events_with_alarm": 2},
            "quiet": {"begun": 1, "with_alarm": 0, "events": 2, "events_with_alarm": 0},
        },
    }  # fmt: skip
    assert facts["ordinary"] == {"events": 14, "false_alarms": 1, "false_alarms_in_1000": 71.4286}


def test_a_high_score_below_the_threshold_is_no_alarm(checker: Checker) -> None:
    facts = seen(checker, {4: Risk(0.99, [DEAR]), 17: Risk(0.99)}).alarms.facts()
    assert (facts["takeovers"]["with_alarm"], facts["ordinary"]["false_alarms"]) == (0, 0)
    assert facts["newest_alarm"] is None


def test_an_answer_that_came_twice_is_counted_once(checker: Checker) -> None:
    seen(checker, {4: alarm(0.7)})
    checker.purchases.sent = 0
    facts = seen(checker, {4: alarm(0.7)}).alarms.facts()
    assert (facts["takeovers"]["events"], facts["takeovers"]["events_with_alarm"]) == (6, 1)


def test_the_newest_alarm_has_its_two_weightiest_reasons_in_words(checker: Checker) -> None:
    newest = seen(checker, {4: alarm(0.7), 5: alarm(0.8, ABROAD, DEAR, MANY)}).alarms.facts()["newest_alarm"]
    assert newest == {
        "user_id": "household-5",
        "event_id": "purchase-5",
        "score": 0.8,
        "takeover": "open",
        "reasons": ["0.4% of the user's events from this country", "prices 4.2 × what such goods cost (usually 1.1 ×)"],
    }


def test_the_facts_are_part_of_the_report(checker: Checker) -> None:
    report = make_report(seen(checker, {4: alarm(0.7)}), Timing(1.0, 2.0, 0.5), "kafka", stopped=False)
    assert report.facts["risk"] == checker.alarms.facts()
    assert report.facts["risk"]["unseen"] is True


def test_an_answer_without_a_risk_is_counted_and_no_alarm() -> None:
    alarms = Alarms(unseen=False)
    assert alarms.facts()["ordinary"]["false_alarms_in_1000"] is None
    alarms.add(1, NONE, "u", "e", UNSET)
    assert alarms.facts()["ordinary"] == {"events": 1, "false_alarms": 0, "false_alarms_in_1000": 0.0}
    assert alarms.facts()["unseen"] is False


def test_the_screen_shows_the_counts_and_the_newest_alarm(checker: Checker) -> None:
    assert "no alarm so far" in shown(render(checker, MOMENT))
    text = shown(render(seen(checker, {4: alarm(0.7), 5: alarm(0.81, ABROAD, DEAR)}), MOMENT))
    assert (
        "1 of 2 takeovers raised an alarm: open 1 of 1, hidden 0 of 0, day 0 of 0, price 0 of 0, quiet 0 of 1" in text
    )
    assert "alarms on 2 of their 6 events; 0 false alarms on 14 other events, 0.00 in 1,000" in text
    assert "newest alarm: household-5, score 0.81 (takeover, open)" in text
    assert "0.4% of the user's events from this country; prices 4.2 × what such goods cost (usually 1.1 ×)" in text


def test_the_screen_says_when_the_newest_alarm_is_false(checker: Checker) -> None:
    text = shown(render(seen(checker, {17: alarm(0.9, MANY)}), MOMENT))
    assert "newest alarm: household-17, score 0.90 (false)" in text
    assert "12 events in this visit (usually 3)" in text


def test_lines_and_summary_tell_of_alarms(checker: Checker) -> None:
    seen(checker, {5: alarm(0.81, DEAR), 17: alarm(0.7, MANY)})
    console = Console(file=io.StringIO(), width=WIDTH, record=True)
    LineView(console).show(checker, MOMENT)
    assert "alarms on 1 of 2 takeovers and 1 others" in console.export_text()
    text = shown(summarize(make_report(checker, Timing(1.0, 2.0, 0.5), "kafka", stopped=False)))
    rows = [line.split() for line in text.splitlines()]
    assert ["open", "1", "1", "4", "1"] in rows
    assert ["all", "kinds", "2", "1", "6", "1"] in rows
    assert "14   1 (71.43 in 1,000)" in text
    assert "newest alarm: household-17, 0.70 (false): 12 events in this visit (usually 3)" in text


def test_a_summary_without_an_alarm_names_none(checker: Checker) -> None:
    text = shown(summarize(make_report(checker, Timing(1.0, 2.0, 0.5), "kafka", stopped=False)))
    assert "newest alarm" not in text
    assert ["open", "0", "0", "0", "0"] in [line.split() for line in text.splitlines()]


def test_every_reason_that_the_contract_names_has_words() -> None:
    named = [line.split()[0] for line in (RiskReason.__doc__ or "").splitlines() if line.count("  ") > 3]
    assert set(WORDS) == set(named) - {"name", "---------"}
    assert in_words(RiskReason("category", 1.0, -0.5, 1.0)) == "categories 2.7 × likelier for others (usually 0.6 ×)"
    assert in_words(RiskReason("product", 0.92, 0.5, 1.0)) == "92% products never bought before (usually 50%)"
    assert in_words(RiskReason("hour", 0.02, 0.17, 1.0)) == "2% of the user's visits at this time of the day"
    assert in_words(RiskReason("gait", 2.0, 1.0, 1.0)) == "gait 2 (usually 1)"
