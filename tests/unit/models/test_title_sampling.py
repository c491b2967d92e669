"""Titles with rare labels are visited more often, as often as the rule says, and every catalogue keeps its share."""

import numpy as np
from typer.testing import CliRunner

from models.text.layout import Domain, Head, Layout
from models.train.title_examples import Examples
from models.train.title_sampling import sampler, square_root_chances
from streams.cli.main import app

KIND, COLOUR = Head("fashion", "articleType", ("jeans", "shirt")), Head("fashion", "baseColour", ("Blue", "Red"))
OFFER = Head("electronics", "category", ("TVs",))
LAYOUT = Layout(
    (Domain("fashion", KIND, (("jeans",), ("shirt",)), (COLOUR,)), Domain("electronics", OFFER, (("TVs",),), ()))
)
# Four jeans and one shirt; a blue one, the colour of the others is unknown. Then three offers.
GIVEN = Examples(
    [f"title {i}" for i in range(8)],
    np.array([0] * 5 + [1] * 3),
    np.array([0, 5, 8]),
    {
        KIND.key: np.array([[7, 0]] + [[1, 0]] * 3 + [[0, 2]], dtype=np.float32),
        COLOUR.key: np.array([[1, 0]] + [[0, 0]] * 4, dtype=np.float32),
        OFFER.key: np.ones((3, 1), dtype=np.float32),
    },
)


def test_a_title_is_drawn_by_the_roots_of_its_labels() -> None:
    # The kind asks for jeans by 1/2 and for the shirt by 1, in the mean .6; the colour, of which one title is known,
    # asks for all alike.
    jeans, shirt = (0.5 / 0.6 + 1) / 2, (1 / 0.6 + 1) / 2
    expected = np.array([jeans] * 4 + [shirt] + [1.0] * 3) / 8
    np.testing.assert_allclose(square_root_chances(GIVEN, LAYOUT), expected)


def test_an_epoch_has_as_many_titles_as_there_are_and_rare_ones_come_again() -> None:
    random = np.random.default_rng(0)
    once, root = sampler(GIVEN, LAYOUT, "once"), sampler(GIVEN, LAYOUT, "square-root")
    assert sorted(once(random)) == list(range(8))
    drawn = np.concatenate([root(random) for _ in range(4000)])
    assert len(drawn) == 32_000
    np.testing.assert_allclose(np.bincount(drawn) / len(drawn), square_root_chances(GIVEN, LAYOUT), rtol=0.05)


def test_a_sampling_that_is_none_is_refused() -> None:
    found = CliRunner().invoke(app, ["train", "products", "--data", ".", "--sampling", "cube-root"])
    assert found.exit_code == 2
    assert "once, square-root" in " ".join(found.output.replace("│", "").split())
