"""All product models measured in one go: what is there is measured, what is not is named."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.data import catalogues
from models.errors import DataError
from models.evaluate import parts
from models.evaluate.parts import evaluate, of_titles
from streams.cli import main
from tests.unit.models.explaining import groceries, small_products


@pytest.fixture
def titles_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of which only the titles can be read."""
    monkeypatch.setattr(catalogues, "load", lambda _: [groceries()])
    monkeypatch.setattr(parts.products, "load_products", lambda *_, **__: small_products())
    monkeypatch.setattr(parts, "PARTS", ("titles", "spans", "price"))
    return tmp_path


def test_models_without_data_are_left_out_by_name(titles_only: Path) -> None:
    result = evaluate(titles_only, baselines=False, progress=False)
    assert set(result["skipped"]) == {"spans", "price"}
    assert str(titles_only) in result["skipped"]["spans"]
    assert {row["model"] for row in of_titles(result)["figures"]} == {"titles"}
    assert set(result["artifacts"]) == {"titles"}


def test_a_model_that_is_asked_for_must_have_its_data(titles_only: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        evaluate(titles_only, parts=["spans"], progress=False)


def test_a_wrong_name_lists_the_models() -> None:
    result = CliRunner().invoke(main.app, ["evaluate", "products", "--data", ".", "--part", "pictures"])
    assert result.exit_code == 2
    assert "goods" in result.output
