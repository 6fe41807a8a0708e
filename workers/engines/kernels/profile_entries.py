"""The ends of profile intervals to look for: two for every entry of the parameters asked for.

Shape letters: `R` ends, `D` unconstrained coordinates, `E` entries of one parameter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.binding import did_you_mean
from models.density import AbstractLogDensity, Parameter
from models.errors import DefinitionError, TooLargeError
from models.supports import constraint_from_name, transform_to, unconstrained_shape
from workers.engines.kernels.restriction import is_separable

#: The most entries whose ends are looked for.
LIMIT = 500


@dataclass(frozen=True)
class Ends:
    """Which ends, `R` of them: of every entry the lower one, then the upper one."""

    #: The parameter of each end, and the number of its entry.
    names: tuple[str, ...]
    entries: tuple[int, ...]
    #: `R`: -1 for a lower end, 1 for an upper one.
    signs: Tensor
    #: Names of parameters that have no profile, as their supports hang on other unknowns.
    without: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def chosen(parameters: Sequence[Parameter], names: Sequence[str] | None) -> list[Parameter]:
    """Return the parameters that are asked for; all of them for None.

    Raises:
        DefinitionError: a name is no parameter's.
        TooLargeError: they have too many entries.
    """
    by_name = {p.name: p for p in parameters}
    for i, name in enumerate(names or []):
        if name not in by_name:
            hint = did_you_mean(name, list(by_name)) or f"; there are {', '.join(by_name)}"
            raise DefinitionError(
                f"engine.profile[{i}]", f"the model has no parameter '{name[:64]}'{hint}"
            )
    found = [p for p in parameters if names is None or p.name in names]
    count = sum(int(np.prod(p.shape)) for p in found)
    if count > LIMIT:
        raise TooLargeError(
            "engine.profile",
            f"two ends for each of {count} entries are {2 * count} searches for a maximum; the "
            f"limit is {LIMIT} entries: name fewer parameters",
        )
    return found


def find_ends(density: AbstractLogDensity, z: Tensor, names: Sequence[str] | None) -> Ends:
    """Return the ends to look for at the maximum `z`: `D`."""
    slopes = density.jacobian(z[None].to(density.dtype))
    rows: list[tuple[str, int]] = []
    without = []
    for parameter in chosen(density.parameters, names):
        slope = slopes[parameter.name][0].reshape(-1, density.dim)
        if not _stands_alone(parameter, slope):
            without.append(parameter.name)
            continue
        # Entries that are constants, as a matrix has, have no ends.
        varying = (slope != 0).any(1).nonzero()[:, 0].tolist()
        rows += [(parameter.name, entry) for entry in varying for _ in (-1, 1)]
    signs = torch.tensor([-1.0, 1.0], dtype=torch.float64, device=z.device)
    return Ends(
        tuple(name for name, _ in rows),
        tuple(entry for _, entry in rows),
        signs.repeat(len(rows) // 2),
        tuple(without),
    )


def _stands_alone(parameter: Parameter, slope: Tensor) -> bool:
    """Whether the parameter is a function of its own coordinates alone."""
    others = slope.clone()
    others[:, parameter.offset : parameter.offset + parameter.size] = 0.0
    if bool((others != 0).any()):
        return False
    return is_separable(parameter) or _transform(parameter) is not None


def _transform(parameter: Parameter) -> Callable[[Tensor], Tensor] | None:
    """The map from a parameter's coordinates to its `E` entries; None where it is not known."""
    try:
        constraint = constraint_from_name(parameter.support)
    except DefinitionError:
        return None
    shape = unconstrained_shape(constraint, parameter.shape)
    transform = transform_to(constraint)
    return lambda z: transform(z.reshape(shape)).reshape(-1)


class Quantities:
    """What is profiled: a function of `z` for every end, larger outwards.

    An entry with a coordinate of its own is looked at on the unconstrained scale, where it is
    the coordinate itself: profile intervals do not depend on the scale.
    """

    def __init__(self, density: AbstractLogDensity, ends: Ends) -> None:
        self._ends = ends
        self._groups = [
            _Group(parameter, rows, ends)
            for parameter in density.parameters
            if (rows := [r for r, name in enumerate(ends.names) if name == parameter.name])
        ]

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the quantity of each row, `R`, and its gradient, `R x D`, at `z`: `R x D`."""
        value, slope = torch.empty_like(z[:, 0]), torch.zeros_like(z)
        for group in self._groups:
            value[group.rows], slope[group.rows, group.span] = group(z[group.rows, group.span])
        signs = self._ends.signs
        return signs * value, signs[:, None] * slope

    def bounded(self) -> Tensor:
        """Return which ends, `R`, are of entries with a coordinate that has a bound."""
        flags = torch.zeros(len(self._ends), dtype=torch.bool, device=self._ends.signs.device)
        for group in self._groups:
            flags[group.rows] = group.bounded
        return flags


class _Group:
    """The ends of one parameter."""

    def __init__(self, parameter: Parameter, rows: list[int], ends: Ends) -> None:
        device = ends.signs.device
        self.span = slice(parameter.offset, parameter.offset + parameter.size)
        self.rows = torch.tensor(rows, device=device)
        entries = torch.tensor([ends.entries[r] for r in rows], device=device)
        separable = is_separable(parameter)
        self.bounded = separable and parameter.support != "real"
        self._function = None if separable else _transform(parameter)
        width = parameter.size if separable else int(np.prod(parameter.shape))
        self._which = torch.nn.functional.one_hot(entries, width).to(torch.float64)
        if parameter.support.startswith("less_than"):
            # A bound minus an exponential: the entry falls where its coordinate rises.
            self._which = -self._which

    def __call__(self, own: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and gradients at the parameter's coordinates in its rows."""
        function = self._function
        if function is None:
            return (own * self._which).sum(1), self._which

        def entry(z: Tensor, which: Tensor) -> Tensor:
            return (function(z) * which).sum()

        slope, value = torch.func.vmap(torch.func.grad_and_value(entry))(own, self._which)
        return value.detach(), slope.detach()
