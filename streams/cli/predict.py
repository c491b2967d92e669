"""`shelfstream predict`: the stream's own logic over a file, without Kafka."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import msgspec
import typer

if TYPE_CHECKING:
    from streams.offline.table import MemoryRows

app = typer.Typer(no_args_is_help=True, help="Answer a file of products or events in bulk, without Kafka.")

Input = Annotated[Path, typer.Option("--input", help="JSON lines, one message each; - reads standard input.")]
Output = Annotated[Path, typer.Option("--output", help="JSON lines, the answers; - writes standard output.")]
Artifact = Annotated[Path | None, typer.Option(help="Folder of the model's artifact; default: the shipped one.")]
Encoder = Annotated[
    Path | None, typer.Option(help="Folder of a slower model, or `shipped`: all models; default: products.encoder.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
STANDARD = Path("-")


class Emit(StrEnum):
    """How many answers a user gets."""

    last = "last"
    every = "every"


@app.command()
def products(
    input: Input = STANDARD, output: Output = STANDARD, artifact: Artifact = None, encoder: Encoder = None,
    device: Device = "auto",
    explain_words: Annotated[
        int | None,
        typer.Option(min=0, max=16, help="Words whose weight goes with each answer; default: products.explain_words."),
    ] = None,
) -> None:  # fmt: skip
    """Attributes and categories, one line per input line, in order. Only `title` must be there.

    Example: shelfstream predict products --input titles.jsonl --output predictions.jsonl
    """
    from models.predict import load_tiers
    from streams.clock import now_ms
    from streams.collector import calm_collector
    from streams.config import load_settings
    from streams.images.pictures import make_pictures
    from streams.logic.cascade import make_product_logic
    from streams.offline.products import predict_products

    settings = load_settings(None, {"products.explain_words": explain_words})
    model, refiner = load_tiers(artifact, encoder or settings.products.encoder, _device(device))
    pictures = make_pictures(settings.images) if refiner is not None and "image" in refiner.reads else None
    logic = make_product_logic(model, refiner, settings.products, now_ms, pictures=pictures, hurry=False)
    calm_collector()
    with reading(input) as lines, _writing(output) as out:
        try:
            _finish(_write(predict_products(model, lines, now_ms, logic=logic), out))
        finally:
            if pictures is not None:
                pictures.close()


@app.command()
def users(
    input: Input = STANDARD,
    output: Output = STANDARD,
    top: Annotated[int, typer.Option(min=1, max=100, help="Categories and products in an answer.")] = 10,
    emit: Annotated[Emit, typer.Option(help="last: one line per user. every: one line per event.")] = Emit.last,
    products: Annotated[
        Path | None, typer.Option(help="JSON lines of products: their predicted categories serve events without one.")
    ] = None,
    artifact: Artifact = None,
    session: Annotated[
        Path | None,
        typer.Option(help="Folder of the model of sessions, `shipped` or `none`; default: models.session."),
    ] = None,
    device: Device = "auto",
) -> None:
    """What users will want next, from their events. Events of a user stand in the order in which they happened.

    Example: shelfstream predict users --input events.jsonl --output next.jsonl --emit every --top 20
    """
    from models.predict import load_behaviour
    from streams.clock import now_ms
    from streams.collector import calm_collector
    from streams.config import load_settings
    from streams.offline.users import predict_users

    place = _device(device)
    features, attributes = known_products(products, place)
    model = load_behaviour(artifact, place, session=session or load_settings().models.session)
    calm_collector()
    with reading(input) as lines, _writing(output) as out:
        found = predict_users(model, lines, now_ms, top=top, emit=emit.value, features=features, attributes=attributes)
        _finish(_write(found, out))


def known_products(products: Path | None, device: str) -> "tuple[MemoryRows, tuple[tuple[str, str], ...]]":
    """What the shipped products model says of a file of products, as the behaviour side reads it, and all attributes
    that products can have; nothing without a file."""
    from models.predict import load_products
    from streams.clock import now_ms
    from streams.offline.products import predict_products
    from streams.offline.table import MemoryRows

    features = MemoryRows()
    if products is None:
        return features, ()
    catalogue = load_products(None, device)
    with reading(products) as lines:
        for _ in predict_products(catalogue, lines, now_ms, features=features):
            pass
    return features, catalogue.attributes


def _device(wanted: str) -> str:
    import os

    from streams.config import load_settings
    from streams.device import choose_device

    settings = load_settings(None, {"device": wanted})
    return choose_device(settings.device, os.cpu_count() or 1)


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """A file, or standard input for `-`, for the length of a block."""
    if path == STANDARD:
        yield sys.stdin.buffer
    elif not path.is_file():
        raise typer.BadParameter(f"there is no file {path}")
    else:
        with path.open("rb") as file:
            yield file


@contextmanager
def _writing(path: Path) -> Iterator[BinaryIO]:
    if path == STANDARD:
        yield sys.stdout.buffer
    else:
        with path.open("wb") as file:
            yield file


def _write(answers: Iterable[dict[str, Any]], out: BinaryIO) -> tuple[int, int]:
    encode = msgspec.json.Encoder().encode
    count = refused = 0
    for answer in answers:
        out.write(encode(answer) + b"\n")
        count += 1
        refused += "error" in answer
    return count, refused


def _finish(counts: tuple[int, int]) -> None:
    count, refused = counts
    if refused:
        print(f"{refused} of {count} lines could not be answered; each says why", file=sys.stderr)
        raise typer.Exit(1)
