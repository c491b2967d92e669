"""Topics as declared beside topics as they are: pure comparison, nothing is asked or changed here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.topics import TopicSpec


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """What a cluster says about a topic."""

    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting of a topic that is not as declared; `found` is None when the topic is missing."""

    topic: str
    setting: str
    declared: str
    found: str | None


def differences(
    specs: Iterable[TopicSpec], found: Mapping[str, FoundTopic], *, prefix: str, partitions: int
) -> list[Difference]:
    """Everything that differs, in the order of the declarations. `found` has the names as in the cluster."""
    out: list[Difference] = []
    for spec in specs:
        name = prefix + spec.name
        topic = found.get(name)
        if topic is None:
            out.append(Difference(name, "topic", "exists", None))
            continue
        if topic.partitions != partitions:
            out.append(Difference(name, "partitions", str(partitions), str(topic.partitions)))
        for setting, declared in spec.config.items():
            there = topic.config.get(setting, "")
            if not _same(declared, there):
                out.append(Difference(name, setting, declared, there))
    return out


def _same(declared: str, found: str) -> bool:
    """Lists of words, such as "compact,delete", are equal in any order."""
    return {word.strip() for word in declared.split(",")} == {word.strip() for word in found.split(",")}
