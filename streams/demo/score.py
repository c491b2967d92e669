"""Running figures of quality, on what the models were not fitted on, each with its number of cases."""

from dataclasses import dataclass, field
from typing import Any

CATEGORY_BASELINE, PRODUCT_BASELINE = "own, then all counts", "own counts"


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
    product_model: Accuracy = field(default_factory=Accuracy)
    product_baseline: Accuracy = field(default_factory=Accuracy)
    households: set[int] = field(default_factory=set)

    def add_next(self, household: int, *, model: bool, baseline: bool) -> None:
        """Count one prediction: whether the category that came next was among its ten, and among the baseline's."""
        self.model.add(model)
        self.baseline.add(baseline)
        self.households.add(household)

    def add_next_product(self, *, model: bool, baseline: bool) -> None:
        """Count the same prediction's products: whether the one that came next was among ten of each."""
        self.product_model.add(model)
        self.product_baseline.add(baseline)

    def rows(self) -> list[dict[str, Any]]:
        """Each figure as {task, metric, n, value, …}."""
        rows: list[dict[str, Any]] = [
            {"task": task, "metric": "accuracy", "unit": "products", "n": found.n, "value": _rounded(found.value)}
            for task, found in self.products.items()
        ]
        rows += [
            {
                "task": task,
                "metric": "recall@10",
                "unit": "predictions",
                "n": model.n,
                "value": _rounded(model.value),
                "baseline": _rounded(baseline.value),
                "baseline_name": name,
                "households": len(self.households),
            }
            for task, model, baseline, name in (
                ("next category of the household", self.model, self.baseline, CATEGORY_BASELINE),
                ("next product of the household", self.product_model, self.product_baseline, PRODUCT_BASELINE),
            )
        ]
        return rows


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
