"""`shelfstream data`: from files and topics to a clean, split table of products, with a report and a card."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from streams.cli.cluster import ConfigOption, PrefixOption, ServersOption, servers_of, settings_for

app = typer.Typer(no_args_is_help=True, help="Prepare product data: collect, clean, split, report and describe it.")

Input = Annotated[Path, typer.Option("--input", help="A table that data collect or data clean wrote.")]
Output = Annotated[Path, typer.Option("--output", help="The table to write: .parquet or .jsonl.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]
Levels = Annotated[
    int | None, typer.Option(min=1, help="Levels of the category path that count as the class; default: all.")
]
Near = Annotated[float, typer.Option(help="Titles at least this alike are nearly the same: Jaccard, above 0 to 1.")]
NEAR = 0.85  # as models.data.preparation.clean has it; a test compares them


class Repeats(StrEnum):
    """Which repeated rows leave."""

    keep = "keep"
    rows = "rows"
    titles = "titles"
    near = "near"


class FarOff(StrEnum):
    """What happens to outliers."""

    flag = "flag"
    drop = "drop"


@app.command()
def collect(
    output: Output,
    input: Annotated[
        list[Path] | None,
        typer.Option("--input", help="CSV, TSV, JSON lines (each also .gz) or Parquet; may be given often."),
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Read a topic of products instead, such as product-upsert, to its present end.")
    ] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="OURS=THEIRS: which column fills ours, e.g. title=name.")
    ] = None,
    constants: Annotated[
        list[str] | None, typer.Option("--set", help="OURS=VALUE: one value for all rows, e.g. currency=INR.")
    ] = None,
    missing: Annotated[
        list[str] | None, typer.Option(help="A word that means unknown, e.g. n/a; without any, only empty cells do.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of CSV files.")] = "utf-8-sig",
    limit: Annotated[int | None, typer.Option(min=1, help="Of a topic: end after so many records.")] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Of a topic: records before this time, 2026-11-01T08:00:00Z or milliseconds."),
    ] = None,
    as_json: Json = False,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    topic_prefix: PrefixOption = None,
) -> None:
    """Bring products from files or a topic into one typed table; what does not fit goes to OUTPUT.rejected.jsonl.

    Example: shelfstream data collect --input shop.csv --map title=name --output products.parquet
    """
    from models.data.preparation import table
    from models.data.preparation.collect import collect as collect_files
    from models.data.preparation.collect import gather

    table.ending_of(output)
    names, values, unknown = _pairs(mapping, "--map"), _pairs(constants, "--set"), missing or ()
    if (topic is None) == (not input):
        raise typer.BadParameter("give either --input FILE, once or more, or --topic NAME")
    if topic is None:
        if limit is not None or until is not None:
            raise typer.BadParameter("--limit and --until bound a topic; files are read whole")
        found = collect_files(input or (), names, values, missing_words=unknown, encoding=encoding)
    else:
        settings = settings_for(config, bootstrap_servers, topic_prefix)
        rows = _topic_rows(servers_of(settings), topic, settings.topics.prefix, limit, _time_ms(until))
        found = gather(rows, names, values, missing_words=unknown)
    table.write(found.frame, output)
    _write_lines(_beside(output, "rejected.jsonl"), found.rejected)
    _print(found.counts, as_json)
    if found.not_taken and not as_json:
        print(f"not taken: {', '.join(found.not_taken)}", file=sys.stderr)


@app.command()
def clean(
    input: Input,
    output: Output,
    require: Annotated[list[str] | None, typer.Option(help="A column that every row must have, besides title.")] = None,
    fill: Annotated[list[str] | None, typer.Option(help="COLUMN=TEXT: put where a text is unknown.")] = None,
    duplicates: Annotated[
        Repeats,
        typer.Option(help="rows: equal rows leave. titles: equal titles. near: equal rows and nearly equal titles."),
    ] = Repeats.rows,
    outliers: Annotated[
        FarOff, typer.Option(help="Prices far off. drop: those that quartiles and deviations agree on leave.")
    ] = FarOff.flag,
    near: Near = NEAR,
    as_json: Json = False,
) -> None:
    """Mend texts and units, flag outliers, find duplicates; OUTPUT.dropped.jsonl says why a row left.

    Example: shelfstream data clean --input products.parquet --output clean.parquet
    """
    from models.data.preparation import table
    from models.data.preparation.clean import Duplicates, Options, Outliers
    from models.data.preparation.clean import clean as clean_table
    from models.data.preparation.collect import read

    table.ending_of(output)
    options = Options(
        require=tuple(require or ()),
        fill=tuple(_pairs(fill, "--fill").items()),
        duplicates=Duplicates(duplicates.value),
        outliers=Outliers(outliers.value),
        near=near,
    )
    done = clean_table(read(input), options)
    table.write(done.frame, output)
    _write_lines(_beside(output, "dropped.jsonl"), done.dropped)
    _beside(output, "counts.json").write_bytes(_pretty(done.counts))
    _print(done.counts, as_json)


@app.command()
def split(
    input: Input,
    output: Output,
    shares: Annotated[
        list[str] | None, typer.Option("--share", help="PART=SHARE; default: train=8, validate=1, test=1.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="Rows equal in this column stay together; default: group, duplicate_group and title."),
    ] = None,
    by: Annotated[str, typer.Option(help="The column whose classes are spread evenly.")] = "category",
    levels: Levels = None,
    seed: Annotated[int, typer.Option(help="Decides ties.")] = 7,
    published: Annotated[
        bool,
        typer.Option("--published", help="By the hash buckets of the published figures: group, else title."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the column split: no group in two parts, the share of each class as even as groups allow.

    Example: shelfstream data split --input clean.parquet --output split.parquet --share train=8 --share test=2
    """
    from models.data.preparation import table
    from models.data.preparation.collect import read
    from models.data.preparation.parts import split_by_protocol, split_by_share

    table.ending_of(output)
    frame = read(input)
    if published:
        done = split_by_protocol(frame, group or ())
    else:
        wanted = {part: _share(part, text) for part, text in _pairs(shares, "--share").items()}
        done = split_by_share(frame, wanted or None, group or (), by, levels, seed)
    table.write(done, output)
    _carry_counts(input, output)
    _print({str(part): int(n) for part, n in done["split"].value_counts().items()}, as_json)


@app.command()
def report(
    input: Input,
    output: Annotated[Path, typer.Option("--output", help="The page to write: one HTML file, plots inside.")],
    name: Annotated[str | None, typer.Option(help="What the page calls the data; default: the file's name.")] = None,
    levels: Levels = None,
    near: Near = NEAR,
) -> None:
    """Write a page on classes, lengths, missing values, duplicates, outliers, languages and leaks between splits.

    Example: shelfstream data report --input clean.parquet --output report.html --levels 1
    """
    from models.data.preparation.collect import read
    from models.data.preparation.report import report as page

    html = page(read(input), name or input.stem, _counts(input), levels=levels, near=near)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(html, encoding="utf-8")
    print(f"wrote {output}")


@app.command()
def card(
    input: Input,
    output: Annotated[Path, typer.Option("--output", help="The page to write, .md; the same as .json beside it.")],
    source: Annotated[str, typer.Option(help="Where the data come from, in words.")],
    licence: Annotated[str, typer.Option(help="Under which licence they may be used, in words.")],
    name: Annotated[str | None, typer.Option(help="What the card calls the data; default: the file's name.")] = None,
    note: Annotated[str, typer.Option(help="What else a user must know.")] = "",
    levels: Levels = None,
) -> None:
    """Write the data card: source, licence, rows, columns, labels, fingerprint and what cleaning counted.

    Example: shelfstream data card --input clean.parquet --output card.md --source "our shop" --licence internal
    """
    from models.data.preparation.card import as_markdown
    from models.data.preparation.card import card as make
    from models.data.preparation.collect import read

    if output.suffix != ".md":
        raise typer.BadParameter(f"{output} does not end in .md")
    counts = _counts(input)
    made = make(
        read(input), name=name or input.stem, source=source, licence=licence, note=note, counts=counts, levels=levels
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(as_markdown(made), encoding="utf-8")
    output.with_suffix(".json").write_bytes(_pretty(made))
    print(f"wrote {output} and {output.with_suffix('.json')}")


def _topic_rows(
    servers: str, topic: str, prefix: str, limit: int | None, until_ms: int | None
) -> list[tuple[str, dict[str, Any] | str]]:
    from streams.cli.topic_products import PRODUCT_TOPICS, products, read_to_end

    for spec in PRODUCT_TOPICS:
        if topic.removeprefix(prefix) == spec.name:
            return products(read_to_end(servers, prefix + spec.name, limit=limit, until_ms=until_ms), spec)
    raise typer.BadParameter(f"{topic} holds no products; there are {', '.join(spec.name for spec in PRODUCT_TOPICS)}")


def _pairs(given: Sequence[str] | None, flag: str) -> dict[str, str]:
    pairs = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise typer.BadParameter(f"{flag} {text} is not NAME=VALUE")
        pairs[name] = value
    return pairs


def _share(part: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"--share {part}={text} is not a number") from None


def _time_ms(text: str | None) -> int | None:
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--until {text} is no time; write 2026-11-01T08:00:00Z or milliseconds") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.stem}.{ending}")


def _counts(file: Path) -> dict[str, int] | None:
    """What cleaning counted when it wrote this table, or the one that this was split from."""
    there = _beside(file, "counts.json")
    return msgspec.json.decode(there.read_bytes(), type=dict[str, int]) if there.is_file() else None


def _carry_counts(source: Path, target: Path) -> None:
    counts = _counts(source)
    if counts is not None:
        _beside(target, "counts.json").write_bytes(_pretty(counts))


def _write_lines(file: Path, rows: Iterable[Any]) -> None:
    """One JSON object a row; an empty file says that there was none."""
    with file.open("wb") as out:
        for row in rows:
            out.write(msgspec.json.encode(row) + b"\n")


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _print(counts: Mapping[str, int], as_json: bool) -> None:
    if as_json:
        print(_pretty(counts).decode(), end="")
        return
    for what, n in counts.items():
        print(f"{n:>12,}  {what}")
