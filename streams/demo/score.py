"""Running figures of quality, on what the models were not fitted on, each with its number of cases."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Accuracy:
    """Right answers of n."""

    right: int = 0
    n: int = 0

    def add(self, right: bool) -> None:
        """Count one answer."""
        self.right += right
        self.n += 1

    @property
    def value(self) -> float | None:
        """The share of right ones; None when there is none."""
        return self.right / self.n if self.n else None


@dataclass(slots=True)
class Scores:
    """Products of the test split by what was asked, and the next category of the test households."""

    products: dict[str, Accuracy] = field(
        default_factory=lambda: {
            "electronics category": Accuracy(),
            "grocery department": Accuracy(),
            "grocery category": Accuracy(),
        }
    )
    model: Accuracy = field(default_factory=Accuracy)
    baseline: Accuracy = field(default_factory=Accuracy)
    households: set[int] = field(default_factory=set)

    def add_next(self, household: int, *, model: bool, baseline: bool) -> None:
        """Count one prediction: whether the category that came next was among its ten, and among the baseline's."""
        self.model.add(model)
        self.baseline.add(baseline)
        self.households.add(household)

    def rows(self) -> list[dict[str, Any]]:
        """Each figure as {task, metric, n, value, …}."""
        rows: list[dict[str, Any]] = [
            {"task": task, "metric": "accuracy", "unit": "products", "n": found.n, "value": _rounded(found.value)}
            for task, found in self.products.items()
        ]
        rows.append(
            {
                "task": "next category of the household",
                "metric": "recall@10",
                "unit": "predictions",
                "n": self.model.n,
                "value": _rounded(self.model.value),
                "baseline": _rounded(self.baseline.value),
                "households": len(self.households),
            }
        )
        return rows


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
