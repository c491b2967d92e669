"""`shelfstream evaluate`: how good a model is, beside what simple methods reach on the same data."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.figures import print_result

app = typer.Typer(no_args_is_help=True, help="Figures of the models on data kept out of training, with baselines.")

KAFKA_HOUSEHOLDS = 40
Artifact = Annotated[Path | None, typer.Option(help="Folder of the artifact; default: the shipped one.")]
Baselines = Annotated[bool, typer.Option("--baselines/--no-baselines", help="Measure the baselines too.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Progress = Annotated[bool, typer.Option("--progress/--no-progress", help="Show progress bars.")]


@app.command()
def products(
    data: Annotated[Path, typer.Option("--data", help="Folder with the product data sets, as their README has them.")],
    artifact: Artifact = None,
    tower: Annotated[
        Path | None, typer.Option(help="Folder of the title model's encoder tower; default: the shipped one.")
    ] = None,
    fast_only: Annotated[bool, typer.Option("--fast-only", help="The title model's fast tier only, no tower.")] = False,
    part: Annotated[
        list[str] | None,
        typer.Option(help="Only this model, may be given again: titles, goods, spans, price, taxonomy; default: all."),
    ] = None,
    baselines: Baselines = True,
    card: Annotated[
        Path | None, typer.Option(help="Write the model card of the fast tier with its plots into this folder.")
    ] = None,
    gap: Annotated[
        float,
        typer.Option(min=0, max=1, help="Accuracy by which a slice may lie below the whole, beyond its interval."),
    ] = 0.05,
    fail_on_gap: Annotated[bool, typer.Option("--fail-on-gap", help="Exit 1 when a slice lies further below.")] = False,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Accuracy and calibration of all product models; slices of titles that fall behind are named.

    A model whose data are not in the folder is left out, which is said.

    Example: shelfstream evaluate products --data data --json

    Example: shelfstream evaluate products --data data --card card --fail-on-gap --gap 0.1
    """
    from models.evaluate.card import write_card
    from models.evaluate.judged import Judged
    from models.evaluate.parts import PARTS, TITLES, evaluate, of_titles, shipped_tower
    from models.evaluate.slices import gap_line
    from models.registry import load, shipped

    wrong = set(part or ()) - set(PARTS)
    if wrong:
        raise typer.BadParameter(f"there is no product model {min(wrong)}; choose of {', '.join(PARTS)}")
    if card is not None and part and TITLES not in part:
        raise typer.BadParameter("the model card is of the title model; ask for --part titles too")
    tower = None if fast_only or card is not None else tower or shipped_tower(artifact)
    judged: list[Judged] = []
    result = evaluate(
        *(data, artifact),
        tower=tower,
        parts=part or (),
        baselines=baselines,
        progress=progress,
        gap=gap,
        keep=judged.append,
    )
    print_result(result, as_json)
    for name, reason in result["skipped"].items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    if (card is not None or fail_on_gap) and not judged:
        print("the title model was not measured, so there is no card and no gap to judge", file=sys.stderr)
        raise typer.Exit(1)
    if card is not None:
        files = write_card(card, load(artifact or shipped("products")), of_titles(result), judged, gap)
        print(f"model card: {', '.join(map(str, files))}", file=sys.stderr)
    for each in result["gaps"]:
        print(f"gap: {gap_line(each)}", file=sys.stderr)
    if fail_on_gap and result["gaps"]:
        raise typer.Exit(1)


@app.command()
def behaviour(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder with the data sets; without it the grocery part only.")
    ] = None,
    artifact: Artifact = None,
    part: Annotated[
        list[str] | None,
        typer.Option(help="Only this part, may be given again: grocery, gifts, store; default: all there is data for."),
    ] = None,
    baselines: Baselines = True,
    households: Annotated[
        int | None, typer.Option(min=1, help="Only so many of the households that are kept out; default: all.")
    ] = None,
    gap: Annotated[
        float,
        typer.Option(min=0, max=1, help="Recall by which a slice may lie below the whole, beyond its interval."),
    ] = 0.05,
    fail_on_gap: Annotated[bool, typer.Option("--fail-on-gap", help="Exit 1 when a slice lies further below.")] = False,
    through_kafka: Annotated[
        bool,
        typer.Option(
            "--through-kafka",
            help="Send the events through a real Kafka and worker, and compare with the offline figures; "
            f"{KAFKA_HOUSEHOLDS} households unless said otherwise.",
        ),
    ] = False,
    tolerance: Annotated[
        float, typer.Option(min=0, help="With --through-kafka: what a confidence or figure may differ by.")
    ] = 1e-4,
    bootstrap_servers: Annotated[
        str | None,
        typer.Option(
            envvar="KAFKA_BOOTSTRAP_SERVERS",
            help="With --through-kafka: use this Kafka, with topics that are removed at the end.",
        ),
    ] = None,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Recall and ranking of next categories, products and items, quality of the chances of a purchase.

    New, light, medium and heavy users and visits after a pause are slices of their own; those that fall behind are
    named. Exit code 1 with --through-kafka: the stream's figures or confidences differ from the offline ones.

    Example: shelfstream evaluate behaviour --json

    Example: shelfstream evaluate behaviour --data data --part gifts --part store

    Example: shelfstream evaluate behaviour --through-kafka --households 40
    """
    if through_kafka:
        _parity(artifact, households or KAFKA_HOUSEHOLDS, bootstrap_servers, tolerance, as_json, progress)
        return
    from models.evaluate.behaviour_parts import PARTS, evaluate
    from models.evaluate.slices import gap_line

    wrong = set(part or ()) - set(PARTS)
    if wrong:
        raise typer.BadParameter(f"there is no part {min(wrong)}; choose of {', '.join(PARTS)}")
    if data is None and set(part or ()) - {PARTS[0]}:
        raise typer.BadParameter("gifts and store need the folder of the data sets; give it with --data")
    result = evaluate(
        data, artifact, parts=part or (), baselines=baselines, households=households, progress=progress, gap=gap
    )
    print_result(result, as_json)
    for each in result["gaps"]:
        print(f"gap: {gap_line(each)}", file=sys.stderr)
    if fail_on_gap and result["gaps"]:
        raise typer.Exit(1)


def _parity(
    artifact: Path | None, households: int, servers: str | None, tolerance: float, as_json: bool, progress: bool
) -> None:
    from streams.parity.run import ParityOptions, measure_parity

    result = measure_parity(ParityOptions(artifact, households, servers, tolerance, progress))
    print_result(result, as_json)
    for name, value in result["parity"].items():
        print(f"{name}: {value:.3g}", file=sys.stderr)
    if not result["ok"]:
        print(f"offline and online differ by more than {tolerance:g}", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def demand(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of the data sets: the gift shop is measured; default: groceries."),
    ] = None,
    artifact: Artifact = None,
    baselines: Baselines = True,
    as_json: Json = False,
) -> None:
    """Forecasts of daily units 1 to 7 days ahead on the last 28 days, beside seasonal naive and smoothing.

    Example: shelfstream evaluate demand --json

    Example: shelfstream evaluate demand --data data --json
    """
    from models.evaluate.demand import evaluate

    print_result(evaluate(data, artifact, baselines=baselines), as_json)


@app.command()
def risk(
    artifact: Artifact = None,
    behaviour: Annotated[
        Path | None,
        typer.Option(help="Folder of the behaviour artifact that it goes with; default: shipped."),
    ] = None,
    households: Annotated[
        int | None, typer.Option(min=1, help="Only so many of the households that are kept out; default: all.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Times that other accounts are taken over, of each kind.")] = 2,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """How well purchases of who took an account over are told from those of the household, by kind of takeover.

    Example: shelfstream evaluate risk --json
    """
    from models.evaluate.risk import evaluate

    result = evaluate(artifact, behaviour=behaviour, households=households, repeats=repeats, progress=progress)
    print_result(result, as_json)


@app.command()
def visit(
    artifact: Artifact = None,
    households: Annotated[
        int | None, typer.Option(min=1, help="Only so many of the households that are kept out; default: all.")
    ] = None,
    baselines: Baselines = True,
    as_json: Json = False,
) -> None:
    """How well the days until a household's next basket are told: pinball loss, coverage, error.

    Example: shelfstream evaluate visit --json
    """
    from models.evaluate.visit import evaluate

    print_result(evaluate(artifact, households=households, baselines=baselines), as_json)


@app.command()
def taste(
    data: Annotated[Path, typer.Option("--data", help="Folder with the data set `gifts`, as its README has it.")],
    artifact: Artifact = None,
    baselines: Baselines = True,
    as_json: Json = False,
) -> None:
    """How well the next colour, brand and price band are told: log loss, Brier score, calibration, the first value.

    Example: shelfstream evaluate taste --data data --json
    """
    from models.evaluate.taste import evaluate

    print_result(evaluate(data, artifact, baselines=baselines), as_json)


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


@app.command()
def explanation(
    data: Annotated[Path, typer.Option("--data", help="Folder with the product data sets, as their README has them.")],
    artifact: Artifact = None,
    titles: Annotated[int, typer.Option(min=1, help="Titles of each catalogue.")] = 400,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Whether the words that an explanation names are those that the answers rest on.

    Example: shelfstream evaluate explanation --data data --titles 200
    """
    from models.evaluate.explanation import evaluate

    print_result(evaluate(data, artifact, titles=titles, progress=progress), as_json)


@app.command("user-explanation")
def user_explanation(
    artifact: Artifact = None,
    households: Annotated[int, typer.Option(min=1, help="Of those that are kept out, one moment each.")] = 200,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Whether the events that the explanation of a user's prediction names are those that it rests on.

    Example: shelfstream evaluate user-explanation --households 100
    """
    from models.evaluate.user_explanation import evaluate

    print_result(evaluate(artifact, households=households, progress=progress), as_json)
