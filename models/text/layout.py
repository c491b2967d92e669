"""What a title model answers: domains, the heads of each, their labels, and the path of every category."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Head:
    """One question with a closed set of answers, asked of the titles of one domain."""

    domain: str
    name: str
    labels: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its name among all heads: `fashion_gender` (no dot: torch forbids it in names of modules)."""
        return f"{self.domain}_{self.name}"


@dataclass(frozen=True, slots=True)
class Domain:
    """A kind of catalogue: its category head with a path per label, and its attribute heads."""

    name: str
    category: Head
    paths: tuple[tuple[str, ...], ...]  # one per label of `category`, from the widest to the narrowest
    attributes: tuple[Head, ...]

    @property
    def heads(self) -> tuple[Head, ...]:
        return (self.category, *self.attributes)


@dataclass(frozen=True, slots=True)
class Layout:
    """The domains in the order of the model's domain head."""

    domains: tuple[Domain, ...]

    def heads(self) -> Iterator[Head]:
        """Every head, domain by domain, the category first."""
        for domain in self.domains:
            yield from domain.heads

    def categories(self) -> tuple[tuple[str, ...], ...]:
        """The path of every category, domain by domain: the table that category ids point into."""
        return tuple(path for domain in self.domains for path in domain.paths)

    def attributes(self) -> tuple[tuple[str, str], ...]:
        """(name, value) of every attribute label, domain by domain: the table that attribute ids point into."""
        return tuple(
            (head.name, label) for domain in self.domains for head in domain.attributes for label in head.labels
        )

    def to_table(self) -> list[dict[str, Any]]:
        """As JSON, for the artifact."""
        return [
            {
                "domain": domain.name,
                "category": domain.category.name,
                "paths": [list(path) for path in domain.paths],
                "heads": {head.name: list(head.labels) for head in domain.heads},
            }
            for domain in self.domains
        ]

    @staticmethod
    def from_table(table: list[dict[str, Any]]) -> Layout:
        """The inverse of `to_table`. Errors: KeyError or TypeError when the table is of another kind."""
        domains = []
        for entry in table:
            name = str(entry["domain"])
            heads = {key: Head(name, key, tuple(labels)) for key, labels in entry["heads"].items()}
            category = heads.pop(entry["category"])
            paths = tuple(tuple(path) for path in entry["paths"])
            domains.append(Domain(name, category, paths, tuple(heads.values())))
        return Layout(tuple(domains))
