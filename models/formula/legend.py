"""What a reader of a formula's result needs beside the numbers: labels, and the priors."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.definition import GraphDefinition

#: By dimension of a quantity, the labels of its entries.
Labels = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class UsedPrior:
    """A prior as it was used."""

    #: The site of the graph.
    parameter: str
    #: Of a vector's entry, its label.
    term: str | None
    distribution: str
    args: Mapping[str, float]
    #: Whether the definition left it to us.
    default: bool


@dataclass(frozen=True)
class Legend:
    """Labels and priors of a formula that has met its data."""

    labels: Mapping[str, Labels]
    priors: tuple[UsedPrior, ...]
    #: The graph that the formula stands for over these data.
    graph: GraphDefinition
