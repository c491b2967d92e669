"""`shelfstream evaluate`: how good a model is, beside what simple methods reach on the same data."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.figures import print_result

app = typer.Typer(no_args_is_help=True, help="Figures of the models on data kept out of training, with baselines.")

Artifact = Annotated[Path | None, typer.Option(help="Folder of the artifact; default: the shipped one.")]
Baselines = Annotated[bool, typer.Option("--baselines/--no-baselines", help="Measure the baselines too.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Progress = Annotated[bool, typer.Option("--progress/--no-progress", help="Show progress bars.")]


@app.command()
def products(
    data: Annotated[Path, typer.Option("--data", help="Folder with the product data sets, as their README has them.")],
    artifact: Artifact = None,
    baselines: Baselines = True,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Accuracy and calibration of predicted categories and attributes.

    Example: shelfstream evaluate products --data data --json
    """
    from models.evaluate.products import evaluate

    print_result(evaluate(data, artifact, baselines=baselines, progress=progress), as_json)


@app.command()
def behaviour(
    artifact: Artifact = None,
    baselines: Baselines = True,
    households: Annotated[
        int | None, typer.Option(min=1, help="Only so many of the households that are kept out; default: all.")
    ] = None,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Recall and ranking of next categories and products, quality of the chance of a purchase.

    Example: shelfstream evaluate behaviour --json
    """
    from models.evaluate.behaviour import evaluate

    print_result(evaluate(artifact, baselines=baselines, households=households, progress=progress), as_json)


@app.command()
def taxonomy(
    data: Annotated[Path, typer.Option("--data", help="Folder with the product data sets, as their README has them.")],
    artifact: Artifact = None,
    baselines: Baselines = True,
    as_json: Json = False,
) -> None:
    """Shopify categories of any title on a labelled sample, English and Chinese, and precision of the label mapping.

    Example: shelfstream evaluate taxonomy --data data --json
    """
    from models.evaluate.taxonomy import evaluate

    print_result(evaluate(data, artifact, baselines=baselines), as_json)
