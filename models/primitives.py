"""The Pyro primitives that a program calls, with the rules that hold in every language."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint

from models.binding import Kind, bind
from models.context import Context, StaticInt, Value, describe
from models.distributions import check_arguments, check_value, find, make
from models.errors import DataError, DefinitionError, ShapeError
from models.vocabulary import NAME, is_function

#: What tables of draws call their rows: no site and no plate has such a name.
COLUMNS = ("chain", "draw")


def check_name(name: Value) -> str:
    """Return a name of a site or plate.

    Raises:
        DefinitionError: it is no name, a function's, or a column's of every table of draws.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DefinitionError(
            "",
            f"{describe(name)} is no name; write up to 64 letters A-Z, a-z, digits and _, "
            "beginning with a letter or _",
        )
    if is_function(name):
        raise DefinitionError("", f"'{name}' is a function's name; choose another, as '{name}_'")
    if name in COLUMNS:
        raise DefinitionError("", f"'{name}' is a column of all draws; write '{name}_'")
    return name


class Primitives:
    """What one run of a program has sampled so far, and how it samples.

    Args:
        context: dtype, device and checks of the run.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sites: set[str] = set()
        self._plates: list[Any] = []
        # From the first discrete latent on, shapes may carry enumeration dimensions on the left.
        self._enumerable = False

    def distribution(
        self, name: str, args: Sequence[Value], kwargs: Mapping[str, Value]
    ) -> Distribution:
        """Return a distribution of the table, in the run's dtype.

        Raises:
            ModelError: an argument is unknown, of another kind, or does not fit; the path is empty.
        """
        entry = find(name)
        bound = bind(entry, args, kwargs)
        ready = {
            key: self._argument(entry.argument(key).kind, value) for key, value in bound.items()
        }
        return make(name, (), ready, dtype=self._context.dtype, device=self._context.device)

    def faults(self, name: str, fn: Distribution) -> list[tuple[str, str]]:
        """Return (argument, sentence) for constants outside their range, with checks on."""
        return check_arguments(name, fn) if self._context.checks else []

    def _argument(self, kind: Kind, value: Value) -> Value:
        if kind in (Kind.COUNT, Kind.SIZE) and isinstance(value, StaticInt):
            return self._context.static(value)
        if kind is Kind.SHAPE and isinstance(value, tuple):
            return tuple(self._context.static(size, "a size") for size in value)
        if kind in (Kind.REAL, Kind.COUNT) and isinstance(value, tuple | StaticInt):
            return self._context.real(value)
        return value

    def sample(
        self, name: Value, fn: Value, obs: Value = None, infer: Mapping[str, Any] | None = None
    ) -> Tensor:
        """Sample or observe a site.

        Raises:
            ModelError: the name is taken, the shapes do not fit, or with checks on the observed
                value is outside the support; the path is empty.
        """
        self._claim(name)
        if not isinstance(fn, Distribution):
            raise TypeError(f"'{name}' needs a distribution, got {describe(fn)}")
        options = dict(infer or {})
        self._check_plates(name, fn)
        if obs is None:
            support = fn.support
            self._enumerable |= support is not None and bool(support.is_discrete)
            return pyro.sample(name, fn, infer=options)
        value = self._context.real(obs)
        self._check_observed(name, fn, value)
        return pyro.sample(name, fn, obs=value, infer=options)

    def factor(self, name: Value, value: Value) -> None:
        """Add a term to the log density."""
        self._claim(name)
        pyro.factor(name, self._context.real(value), has_rsample=None)

    def deterministic(self, name: Value, value: Value) -> Tensor:
        """Report a value by name."""
        self._claim(name)
        return pyro.deterministic(name, self._context.real(value))

    def param(
        self,
        name: Value,
        init: Value = None,
        constraint: Constraint | None = None,
        shape: Sequence[int] = (),
    ) -> Tensor:
        """Return the value of a parameter without prior; without `init`, NaN stands for it."""
        self._claim(name)
        support = torch.distributions.constraints.real if constraint is None else constraint
        if not isinstance(support, Constraint):
            raise TypeError(
                f"a constraint such as dist.constraints.positive, got {describe(support)}"
            )
        start = float("nan") if init is None else init
        value = self._context.real(start)
        if init is None or shape:
            value = value.expand(tuple(shape))
        if self._context.checks and init is not None and not bool(support.check(value).all()):
            raise DefinitionError("", f"the initial value of '{name}' is outside {support}")
        return pyro.param(name, value, constraint=support)

    def plate(self, name: Value, size: Value, dim: Value = None) -> Any:
        """Return a plate.

        Raises:
            ModelError: the name is taken, or the size is no positive integer.
        """
        if name in self._sites:
            raise DefinitionError(
                "",
                f"the name '{name}' is used twice; to enter a plate several times, name it once: "
                f"p = pyro.plate('{name}', ...), then `with p:`",
            )
        self._claim(name)
        return self.bare_plate(str(name), size, dim)

    def bare_plate(self, name: str, size: Value, dim: Value = None) -> Any:
        """Return a plate whose name the caller has checked."""
        count = self._context.static(size, "the size of a plate")
        if count < 1:
            raise ShapeError("", f"the plate '{name}' has size {count}; write a size of at least 1")
        place = None if dim is None else self._context.static(dim, "the dim of a plate")
        if place is not None and place >= 0:
            raise DefinitionError("", f"the dim of a plate is negative, such as -1; got {place}")
        device = str(self._context.device)
        return pyro.plate(name, count, dim=place, device=device)

    @contextmanager
    def inside(self, plate: Value) -> Iterator[Tensor]:
        """Enter a plate; yields its indices."""
        if not isinstance(plate, pyro.plate):
            raise TypeError(f"`with` takes pyro.plate(name, size), got {describe(plate)}")
        with plate as indices:
            self._plates.append(plate)
            try:
                yield indices
            finally:
                self._plates.pop()

    def _claim(self, name: Value) -> None:
        check_name(name)
        if name in self._sites:
            raise DefinitionError("", f"the name '{name}' is used twice; rename one of them")
        self._sites.add(name)

    def _check_plates(self, name: str, fn: Distribution) -> None:
        for plate in self._plates:
            sizes = (1,) * -plate.dim + tuple(fn.batch_shape)
            if sizes[plate.dim] not in (1, plate.size):
                raise ValueError(
                    f"the distribution of '{name}' has size {sizes[plate.dim]} in dimension "
                    f"{plate.dim}, but the plate '{plate.name}' there has size {plate.size}; make "
                    "them equal"
                )

    def _expected(self, fn: Distribution) -> torch.Size:
        """The site's shape: the distribution's, expanded by the plates around it."""
        deepest = max((-plate.dim for plate in self._plates), default=0)
        around = [1] * deepest
        for plate in self._plates:
            around[deepest + plate.dim] = plate.size
        return torch.broadcast_shapes(fn.batch_shape, tuple(around)) + fn.event_shape

    def _check_observed(self, name: str, fn: Distribution, value: Tensor) -> None:
        expected = self._expected(fn)
        if not _fits(tuple(value.shape), tuple(expected), exact=not self._enumerable):
            raise ShapeError(
                "",
                f"'{name}' observes an array of shape {tuple(value.shape)}, but its distribution "
                f"has shape {tuple(expected)}; make them equal",
            )
        if self._context.checks:
            message = check_value(fn, value)
            if message is not None:
                raise DataError("", f"'{name}': {message}")


def _fits(value: tuple[int, ...], expected: tuple[int, ...], *, exact: bool) -> bool:
    """Whether the observed shape is the expected one, once that is broadcast to it."""
    if exact and len(expected) > len(value):
        return False
    trailing = zip(reversed(value), reversed(expected), strict=False)
    return all(wanted in (1, given) for given, wanted in trailing)
