"""Which data are by row of the observations, and whether the likelihood is a sum over rows.

Stochastic ascent looks at a few rows at a time, and counts them for all: `count / len(rows)` times
their log likelihood is right on average. That asks for a likelihood whose observations are
independent given the unknowns, each of them explained by its own row of the data. Nothing in a
program's text says so; it is seen by binding the program to some rows, and to some of those, and
comparing what each of them says of a row.

Shape letter: `B` data rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.at_entries import AtEntries
from models.errors import DefinitionError, ModelError
from models.traced import TracedDensity

#: Rows that the program is bound to for the comparison.
COMPARED = 12


@dataclass(frozen=True)
class Rows:
    """What runs over the rows."""

    #: `B`.
    count: int
    #: Names of the tensors whose first dimension runs over the rows.
    names: tuple[str, ...]
    #: Names of the integers that say how many rows there are.
    counts: tuple[str, ...]

    def arguments(self, inputs: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
        """Return the tensors of some rows: the others stay as they are."""
        return {
            name: value.index_select(0, rows) if name in self.names else value
            for name, value in inputs.items()
        }

    def bound(self, density: TracedDensity, rows: Tensor) -> TracedDensity:
        """Return the density of some rows alone, each of them given by its number.

        Raises:
            ModelError: the program cannot take so many rows.
        """
        static, inputs = density.data
        sizes = {n: len(rows) if n in self.counts else v for n, v in static.items()}
        return density.with_data(sizes, self.arguments(inputs, rows))


def find_rows(density: TracedDensity) -> Rows:
    """Return which data run over the rows of the observations.

    Raises:
        DefinitionError: the likelihood is no sum over rows of the data, or cannot be seen to be.
    """
    count = _count(density)
    static, inputs = density.data
    names = tuple(sorted(n for n, v in inputs.items() if v.dim() > 0 and len(v) == count))
    if not names:
        raise _refusal(
            f"its observations have {count} rows, and no array of the data has so many: they are "
            "not taken from the data row by row"
        )
    counts = tuple(name for name, value in static.items() if value == count)
    # An integer may have the number's value by chance.
    choices = [Rows(count, names, counts)] + ([Rows(count, names, ())] if counts else [])
    for choice in choices:
        try:
            return _checked(density, choice)
        except ModelError as error:
            refused = error
    if isinstance(refused, DefinitionError) and refused.path == "model":
        raise refused
    raise _refusal(f"it cannot be bound to some of its rows alone: {refused.message}")


def _count(density: TracedDensity) -> int:
    sizes = density.rows
    if not sizes:
        raise _refusal("it observes nothing but log factors, which are no rows")
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"'{name}' has {size}" for name, size in sizes.items())
        raise _refusal(f"its observed sites differ in their number of rows: {told}")
    count = next(iter(sizes.values()))
    if count < 2:
        raise _refusal("it has one row of observations alone")
    return count


def _checked(density: TracedDensity, rows: Rows) -> Rows:
    source = torch.Generator().manual_seed(0)
    size = min(COMPARED, rows.count)
    some = torch.randperm(rows.count, generator=source)[:size]
    # Every other row, in another order: neighbours are new, and so is every statistic of them.
    places = torch.arange(size - 1, -1, -2)
    many = rows.bound(density, some.to(density.device))
    few = rows.bound(density, some[places].to(density.device))
    _compare_unknowns(density, many, few)
    for point in _points(density):
        _compare(many.at_point(point), few.at_point(point), places)
    return rows


def _points(density: TracedDensity) -> list[Tensor]:
    steps = torch.arange(1, density.dim + 1, dtype=density.dtype, device=density.device)
    return [0.5 * steps.sin(), 0.3 * (2.0 * steps).cos()]


def _compare_unknowns(density: TracedDensity, *others: TracedDensity) -> None:
    for other in others:
        same = {p for p in density.parameters if p in other.parameters}
        moved = [p.name for p in density.parameters if p not in same]
        if moved or len(other.parameters) != len(density.parameters):
            grown = [
                p.name
                for p, q in zip(density.parameters, other.parameters, strict=False)
                if p.shape != q.shape
            ]
            names = ", ".join(f"'{name}'" for name in grown or moved)
            raise _refusal(f"it has unknowns of its own for every row: {names}")


def _compare(many: AtEntries, few: AtEntries, places: Tensor) -> None:
    for name, value in many.rows.items():
        own = few.rows[name]
        whole = value.dim() > 0 and own.dim() > 0 and len(own) == len(places)
        if not whole or not _same(value[places.to(value.device)], own):
            raise _refusal(
                f"what it says of a row of '{name}' hangs on other rows too, as in a time series, "
                "or where a mean over the rows is taken in the model"
            )
    if not _same(many.log_prior, few.log_prior):
        raise _refusal("a prior hangs on the rows of the data")
    for said in (many, few):
        if not _same(said.log_likelihood, sum(r.sum() for r in said.rows.values())):
            raise _refusal("it has log factors, which cannot be told row by row")


def _same(one: Tensor, other: Tensor | int) -> bool:
    other = torch.as_tensor(other, dtype=one.dtype, device=one.device)
    if one.shape != other.shape:
        return False
    return bool(torch.isclose(one, other, rtol=1e-4, atol=1e-4, equal_nan=True).all())


def _refusal(why: str) -> DefinitionError:
    return DefinitionError(
        "model",
        f"the likelihood is no sum over rows of the data, so it has no minibatches: {why}; leave "
        "`minibatch` out",
    )
