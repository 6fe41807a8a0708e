"""Draws as a NetCDF 4 file with ArviZ's groups, read by `arviz.from_netcdf` and by xarray.

Groups and names are those of ArviZ's InferenceData schema, version 1. Every dimension has a
coordinate; dimensions are `chain`, `draw`, then a site's plates by name, and `<site>_dim_<k>`
where no plate names the `k`-th dimension of the site's shape. Shape letters: `C` chains, `N` draws,
`K` some of the draws.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5netcdf
import numpy as np

from workers.store.blocks import Array
from workers.store.draws import ArrowDraws
from workers.store.quantity import Quantity

#: So many numbers are read at once.
NUMBERS = 1 << 18
#: Our statistics -> ArviZ's name and the type it has there.
STATISTICS = {
    "acceptance": ("acceptance_rate", "f8"),
    "divergent": ("diverging", "bool"),
    "energy": ("energy", "f8"),
    "leapfrogs": ("n_steps", "i8"),
    "log_density": ("lp", "f8"),
    "step_size": ("step_size", "f8"),
    "tree_depth": ("tree_depth", "i8"),
}
_SAMPLE = ("chain", "draw")

#: By site, the plate of each dimension of its value, None where there is none.
Dims = Mapping[str, Sequence[str | None]]
#: Draws `first ... first + K - 1` of a chain: (chain, first, by name `K x shape`).
Piece = tuple[int, int, Mapping[str, Array]]


class ArvizFile:
    """A file that is written group by group; a context manager."""

    def __init__(self, path: Path, dims: Dims, attributes: Mapping[str, str | int]) -> None:
        """Create the file.

        Args:
            path: where.
            dims: of the model's sites.
            attributes: of the file and of every group.
        """
        self._dims = dims
        self._attributes = attributes
        self._file = h5netcdf.File(path, "w")
        self._file.attrs.update(attributes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def posterior(self, draws: ArrowDraws, quantities: Sequence[Quantity]) -> None:
        """Write the group `posterior`."""
        group = self._group("posterior", [q.name for q in quantities])
        group.sample(draws.chains, draws.draws)
        for quantity in quantities:
            variable = group.variable(quantity.name, quantity.shape, "f8", _SAMPLE)
            for chain in range(draws.chains):
                for first, values in draws.pieces(quantity, chain, NUMBERS):
                    variable[chain, first : first + len(values)] = values

    def sample_stats(self, draws: ArrowDraws) -> None:
        """Write the group `sample_stats`, unless the engine has no statistics."""
        names = draws.statistics()
        if not names:
            return
        known = {name: STATISTICS.get(name, (name, "f8")) for name in names}
        group = self._group("sample_stats", [name for name, _ in known.values()])
        group.sample(draws.chains, draws.draws)
        for ours, (name, kind) in known.items():
            # NetCDF has no truth values; xarray writes them so, too.
            stored = "i1" if kind == "bool" else kind
            variable = group.variable(name, (), stored, _SAMPLE)
            if kind == "bool":
                variable.attrs["dtype"] = "bool"
            variable[...] = np.asarray(draws.stats(ours), stored)

    def arrays(self, name: str, arrays: Mapping[str, Array]) -> None:
        """Write a group of plain arrays, `observed_data` or `constant_data`, unless it is empty."""
        if not arrays:
            return
        group = self._group(name, list(arrays))
        for key, array in arrays.items():
            stored = "i1" if array.dtype.kind == "b" else array.dtype.str[1:]
            variable = group.variable(key, array.shape, stored)
            if array.dtype.kind == "b":
                variable.attrs["dtype"] = "bool"
            variable[...] = array.astype(stored)

    def log_likelihood(self, chains: int, draws: int, pieces: Iterable[Piece]) -> None:
        """Write the group `log_likelihood` piece by piece, unless nothing is observed."""
        group: _Group | None = None
        variables: dict[str, Any] = {}
        for chain, first, values in pieces:
            if not values:
                return
            if group is None:
                group = self._group("log_likelihood", list(values))
                group.sample(chains, draws)
                variables = {
                    name: group.variable(name, part.shape[1:], "f8", _SAMPLE)
                    for name, part in values.items()
                }
            for name, part in values.items():
                variables[name][chain, first : first + len(part)] = part

    def _group(self, name: str, names: Sequence[str]) -> "_Group":
        group = self._file.create_group(name)
        group.attrs.update(self._attributes)
        return _Group(group, self._dims, names)


class _Group:
    """A group that is given its variables; it names and makes their dimensions."""

    def __init__(self, group: Any, dims: Dims, names: Sequence[str]) -> None:
        self._group = group
        self._dims = dims
        self._names = frozenset(names)

    def sample(self, chains: int, draws: int) -> None:
        """Make the dimensions of a sample."""
        self._dimension("chain", chains)
        self._dimension("draw", draws)

    def variable(
        self, name: str, shape: tuple[int, ...], kind: str, before: tuple[str, ...] = ()
    ) -> Any:
        """Make a variable over the dimensions `before` and its own."""
        plates = self._dims.get(name, ())
        # A shape that is not the site's: its observations alone, without their events.
        plates = [*plates, *[None] * len(shape)][: len(shape)]
        own = [
            self._own(plate or f"{name}_dim_{axis}", size)
            for axis, (plate, size) in enumerate(zip(plates, shape, strict=True))
        ]
        return self._group.create_variable(name, (*before, *own), kind)

    def _own(self, name: str, size: int) -> str:
        """Return the dimension of that name and size, made where there is none.

        What has the name of a variable, or of a dimension of another size, gets a `_`.
        """
        known = self._group.dimensions
        while name in self._names or (name in known and known[name].size != size):
            name += "_"
        if name not in known:
            self._dimension(name, size)
        return name

    def _dimension(self, name: str, size: int) -> None:
        self._group.dimensions[name] = size
        self._group.create_variable(name, (name,), "i8")[...] = np.arange(size)
