"""What the product model is measured against, fitted in the same run on the same rows.

tf-idf + logistic regression    words and pairs of words (sublinear, seen twice), one regression per task, C = 10
plain n-gram bag                the floor: the same n-grams in a 192-wide bag with one hidden layer for 10 epochs,
                                without dropout or thinning, stored and calibrated like the model
"""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from models.data.titles import LabelledTitles
from models.registry import load
from models.text.network import Size
from models.text.predictor import ProductPredictor
from models.train.title_artifact import fit_artifact
from models.train.title_fit import Recipe

LINEAR = "tf-idf + logistic regression"
PLAIN = "plain n-gram bag"
PLAIN_RECIPE = Recipe(
    size=Size(width=192, hidden=256),
    epochs=10,
    patience=10,
    dropout=0.0,
    thinning=0.0,
    emptied=0.0,
    count_power=1.0,
    at_least=2,
)


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A fitted regression of one task."""

    words: TfidfVectorizer
    regression: LogisticRegression

    def answer(self, titles: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        """(n,) titles -> (n,) labels and their confidences."""
        chances = self.regression.predict_proba(self.words.transform(titles))
        best = chances.argmax(axis=1)
        return [str(label) for label in self.regression.classes_[best]], chances.max(axis=1).astype(np.float32)


def fit_linear(taught: LabelledTitles, task: str, words: TfidfVectorizer) -> LinearModel:
    """Fit one task; equal rows are given once with their number as weight. `words` is fitted already."""
    rows = Counter(zip(taught.titles, taught.labels[task], strict=True))
    pairs = [pair for pair in rows if pair[1]]
    regression = LogisticRegression(C=10.0, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 steps are 3 times what its accuracy needs
        regression.fit(
            words.transform([title for title, _ in pairs]),
            [label for _, label in pairs],
            sample_weight=[rows[pair] for pair in pairs],
        )
    return LinearModel(words, regression)


def fit_words(taught: LabelledTitles) -> TfidfVectorizer:
    """TF-IDF over the training rows of one domain."""
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2).fit(taught.titles)


def fit_plain(sets: Sequence[LabelledTitles], *, seed: int, progress: bool) -> ProductPredictor:
    """The plain bag, fitted and read back through the same files as the model."""
    with tempfile.TemporaryDirectory(prefix="shelfstream-plain-") as folder:
        path = Path(folder)
        fit_artifact(sets, path, [PLAIN_RECIPE], name=PLAIN, seed=seed, progress=progress)
        return ProductPredictor(load(path))
