"""Which of a model's numbers a plot shows: those that are asked for, or the worst R-hat first."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.errors import Complaint, InvalidInputError
from workers.store.draws import ArrowDraws
from workers.store.quantity import Quantity

#: A comma that is not between the indices of an entry.
_COMMA = re.compile(r",(?![^\[\]]*\])")


@dataclass(frozen=True)
class Candidate:
    """One number of the model and what its summary says of it."""

    name: str
    r_hat: float | None
    ess_bulk: float | None
    sd: float | None

    @property
    def constant(self) -> bool:
        """Whether it never moves, such as the upper triangle of a Cholesky factor."""
        return self.sd == 0.0

    @property
    def badness(self) -> float:
        """Sorts: the worst R-hat is the largest; where chains stand still there is none."""
        return math.inf if self.r_hat is None else self.r_hat


def choose(
    found: ArrowDraws, summary: Mapping[str, Any], wanted: str | None, most: int
) -> tuple[list[Candidate], int]:
    """Return what to draw and of how many it is the choice.

    Args:
        found: the job's draws.
        summary: of the result, by quantity; one without an entry has no R-hat.
        wanted: names separated by commas, `theta` or `theta[3]`; None for the worst.
        most: so many at the most.

    Raises:
        InvalidInputError: there is none of some name.
    """
    if wanted is not None:
        named = [c for name in _COMMA.split(wanted) for c in _named(found, summary, name.strip())]
        unique = list({candidate.name: candidate for candidate in named}.values())
        return unique[:most], len(unique)
    every = [c for q in found.blocks.quantities for c in _candidates(q, summary)]
    moving = [candidate for candidate in every if not candidate.constant] or every
    ranked = sorted(moving, key=lambda candidate: -candidate.badness)
    return ranked[:most], len(moving)


def _named(found: ArrowDraws, summary: Mapping[str, Any], name: str) -> Iterator[Candidate]:
    """Return the entries of a quantity, or the one that is named."""
    quantity = found.blocks.find(name.partition("[")[0])
    matching = (
        [c for c in _candidates(quantity, summary) if name in (quantity.name, c.name)]
        if quantity is not None
        else []
    )
    if not matching:
        message = (
            f"unknown: {name[:64]!r}; write names among {_known(found)}, or entries such as "
            "theta[0], separated by commas"
        )
        raise InvalidInputError([Complaint(path="parameters", message=message)])
    return iter(matching)


def _known(found: ArrowDraws) -> str:
    names = found.names()
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def _candidates(quantity: Quantity, summary: Mapping[str, Any]) -> Iterator[Candidate]:
    said = summary.get(quantity.name, {})
    # Of chains that share starts the plain R-hat is pessimistic.
    ratio = "nested_r_hat" if "nested_r_hat" in said else "r_hat"
    r_hat, ess, sd = (_flat(said.get(key), quantity) for key in (ratio, "ess_bulk", "sd"))
    for name, *numbers in zip(quantity.columns(), r_hat, ess, sd, strict=True):
        yield Candidate(name, *numbers)


def _flat(values: Any, quantity: Quantity) -> list[float | None]:
    """Return nested lists of the quantity's shape as one; None where there is no number."""
    if values is None:
        return [None] * quantity.size
    numbers = np.asarray(values, dtype=object).ravel()
    return [None if number is None else float(number) for number in numbers]
