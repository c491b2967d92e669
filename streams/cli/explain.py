"""`shelfstream explain`: why a product got its category and attributes, and a user the next category."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from streams.cli.explain_user import user

if TYPE_CHECKING:
    from models.explain.explanation import Explanation, Product

app = typer.Typer(no_args_is_help=True, help="Why a product or a user got its answers.")
app.command()(user)

Artifact = Annotated[Path | None, typer.Option(help="Folder of the model's artifact; default: the shipped one.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]


@app.command()
def product(
    title: Annotated[str | None, typer.Option(help="Title; without it a JSON product is read from input.")] = None,
    brand: Annotated[str | None, typer.Option(help="Brand.")] = None,
    description: Annotated[str | None, typer.Option(help="Description.")] = None,
    price: Annotated[float | None, typer.Option(help="Price.")] = None,
    index: Annotated[
        Path | None, typer.Option(help="Folder that `explain index` wrote: nearest training products are shown.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many nearest training products.")] = 5,
    html: Annotated[Path | None, typer.Option(help="Write a page of its own to this file.")] = None,
    artifact: Artifact = None,
    tower: Annotated[
        Path | None, typer.Option(help="Folder of an encoder tower: explain what both answer together.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The words that carried the category and each attribute of one product.

    Example: shelfstream explain product --title "Puma Men Navy Blue Round Neck T-shirt" --html why.html
    """
    from models.explain.explanation import Product
    from models.explain.neighbours import load_neighbours, vectors
    from models.explain.page import page
    from models.explain.titles import TitleExplainer
    from models.predict import load_products

    given = _read(sys.stdin.buffer.read()) if title is None else Product(title, brand, description, None, price)
    predictor = load_products(artifact, tower=tower)
    found = TitleExplainer(predictor, refined=tower is not None).explain(given)
    if index is not None:
        nearest = load_neighbours(index, predictor).nearest(vectors(predictor, [given.title])[0], count)
        found = dataclasses.replace(found, neighbours=nearest)
    if html is not None:
        html.write_text(page(found), encoding="utf-8", errors="replace")  # a lone surrogate is no text of UTF-8
    if as_json:
        told = json.dumps(dataclasses.asdict(found), indent=2)  # not by msgspec: it refuses lone surrogates
        print(told)
    elif html is None:
        _print(found)


@app.command()
def index(
    data: Annotated[Path, typer.Option("--data", help="Folder with the product data sets, as their README has them.")],
    output: Annotated[Path, typer.Option("--output", help="Folder of the index.")] = Path(".shelfstream/neighbours"),
    artifact: Artifact = None,
    as_json: Json = False,
) -> None:
    """Build the index of training products that `explain product --index` searches.

    Example: shelfstream explain index --data data --output neighbours
    """
    from models.data import catalogues
    from models.explain.neighbours import build
    from models.predict import load_products
    from streams.cli.figures import print_result

    manifest = build(load_products(artifact), catalogues.load(data), output)
    size = sum(file.stat().st_size for file in output.iterdir())
    print_result({"index": str(output), "titles": manifest.training["titles"], "bytes": size}, as_json)


def _read(raw: bytes) -> "Product":
    from models.explain.explanation import Product

    try:
        given = msgspec.json.decode(raw, type=dict[str, Any])
        known = {"title", "brand", "description", "price"}
        fields = {name: value for name, value in given.items() if name in known}
        return msgspec.convert({**fields, "hint": given.get("category_hint")}, Product)
    except msgspec.MsgspecError as error:
        raise typer.BadParameter(
            f"give --title, or one JSON product with a title on standard input: {error}"
        ) from error


def _print(found: "Explanation") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(box=None)
    for column in ("answer", "value", "confidence", "carried by", "spoke against"):
        table.add_column(column, overflow="fold")
    for reason in found.reasons:
        against = sorted((word for word in reason.words if word.weight < 0), key=lambda word: word.weight)[:2]
        cells = [reason.name, " > ".join(reason.value), f"{reason.confidence:.3f}"]
        cells += [", ".join(f"{w.text} {w.weight:+.3f}" for w in words) for words in (reason.leading(), against)]
        table.add_row(*map(Text, cells))
    console.print(table)
    if found.unread:
        console.print(f"not read for these answers: {', '.join(found.unread)}", highlight=False, markup=False)
    for each in found.neighbours:
        line = f"{each.similarity:.3f}  {each.title}  ({' > '.join(each.category)})"
        console.print(line, highlight=False, markup=False)
