"""A Stan program with its data as a LogDensity, evaluated in a process of its own.

The library knows one log density: of all that the program's `model` block adds up, with log |det J|
of the transforms. What leaves the Jacobian out is the difference to a second program that has the
same parameters and an empty `model` block, whose log density is log |det J|. A Stan program does
not say what is prior and what is likelihood, so its likelihood is all that it adds up.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.density import AbstractLogDensity, Deterministic, Note, Parameter, Target, Terms
from models.dimensions import Dims
from models.errors import DataError, UnavailableError
from models.native.handle import DensityHandle
from models.stan.differences import jacobian
from models.stan.exchange import ExchangeProgram
from models.stan.link import RefusedError
from models.stan.process import StanProcess
from models.stan.quantities import Quantity

Array = NDArray[np.float64]

#: The quantity by which programs tell every observation's log likelihood, as the `loo` package has
#: it.
POINTWISE = "log_lik"
_CONSTANTS = Note(
    "without_constants",
    "A Stan program's log density lacks the constants of its statements with ~, and those of its "
    "log likelihood, criteria and evidence with it; write target += normal_lpdf(y | mu, sigma) to "
    "have them. What is called likelihood is all that the program adds up, priors included.",
)


class StanDensity(AbstractLogDensity):
    """The log density of a Stan program.

    Args:
        process: which has built the program.
        parameters: in the order of their coordinates.
        places: the columns of parameters, then of transformed parameters and generated quantities.
        data_names: the data that the program declares.
        dtype: of points and gradients; the program computes in float64.
    """

    knows_priors = False

    def __init__(
        self,
        process: StanProcess,
        parameters: tuple[Parameter, ...],
        places: tuple[Quantity, ...],
        data_names: tuple[str, ...],
        dtype: torch.dtype,
    ) -> None:
        known = {parameter.name for parameter in parameters}
        #: Where the program is evaluated.
        self.process = process
        self._places = places
        #: Those of the parameters, the first of all columns.
        self._own = tuple(place for place in places if place.name in known)
        #: The data that the program reads.
        self.data_names = data_names
        self.parameters = parameters
        self.deterministics = tuple(
            Deterministic(place.name, place.shape) for place in places if place.name not in known
        )
        self.random_effects = ()
        self.observations = sum(p.columns.size for p in places if p.name == POINTWISE)
        self.dim = process.facts.dim
        self.dtype, self.device = dtype, torch.device("cpu")
        self.tier = "interpreted"
        self.notes: tuple[Note, ...] = ()
        #: Whom native code asks.
        self._asked: StanProcess | None = None
        self._handle: DensityHandle | None = None

    def close(self) -> None:
        """End the process; nothing can be asked afterwards."""
        self.process.close()
        if self._asked is not None:
            self._asked.close()

    @property
    def handle(self) -> DensityHandle | None:
        """Where native code finds the log density of the posterior, on the compiled tier.

        Raises:
            ModelError: the program has ended the process that evaluates it.
        """
        if self._asked is not None:
            self._asked.look()
        return self._handle

    def native_program(self) -> ExchangeProgram:
        """Return the code by which native code asks the program's process.

        Raises:
            UnsupportedError: this machine's system cannot run it.
        """
        return ExchangeProgram()

    def compile(self, cache_dir: Path, threads: int = 1) -> None:
        """Move to the compiled tier: trajectories are native code, and ask without Python.

        Args:
            cache_dir: where compiled code is kept, for this user alone.
            threads: as many as the process was started for, whatever is asked.

        Raises:
            UnsupportedError: as above.
            ToolchainError: there is no compiler, or it failed.
        """
        code = self.native_program().build(cache_dir)
        # A process that is confined loads nothing any more: one that started before the code was
        # there goes on with the rest.
        known = self.process.means.code == code
        self._asked = self.process if known else self.process.alike(code)
        self._handle = self._asked.exchange(self.dtype)
        self.tier = "compiled"

    def value(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the log density, `C` in float64."""
        return self.value_and_grad(z, target)[0]

    def value_and_grad(self, z: Tensor, target: Target = Target.POSTERIOR) -> tuple[Tensor, Tensor]:
        """Return the log density, `C` in float64, and its gradient, `C x D` in `dtype`."""
        value, gradient = self._evaluated(_points(z), target)
        return torch.from_numpy(value), torch.from_numpy(gradient).to(self.dtype)

    def _evaluated(self, z: Array, target: Target) -> tuple[Array, Array]:
        value, gradient = self.process.gradients(z)
        if target is not Target.POSTERIOR:
            own, slope = self.process.gradients(z, transforms=True)
            inside = np.isfinite(value) & np.isfinite(own)
            with np.errstate(invalid="ignore"):
                value, gradient = np.where(inside, value - own, value), gradient - slope
        return value, gradient

    def hessian(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the Hessian with respect to `z`, `C x D x D` in `dtype`: differences of gradients.

        NaN where the points around `z` are not all inside the support.
        """
        self._note(_CONSTANTS)

        def gradient(points: Array) -> Array:
            value, slope = self._evaluated(points, target)
            slope[~np.isfinite(value)] = np.nan
            return slope

        found = np.stack([jacobian(gradient, row) for row in _points(z)])
        return torch.from_numpy((found + found.swapaxes(1, 2)) / 2).to(self.dtype)

    def scores(self, z: Tensor) -> Tensor:
        """Return the gradient of every observation's log likelihood, `C x B x D` in `dtype`.

        Raises:
            UnavailableError: the program does not tell it.
        """
        if (place := self._pointwise()) is None:
            raise UnavailableError(
                "model.source",
                f"the program does not tell the log likelihood of its observations; declare it as "
                f"the generated quantity {POINTWISE}, or ask for observed standard errors",
            )
        entries = place.columns.reshape(-1)
        rows = [jacobian(lambda p: self._alike(p)[:, entries], row) for row in _points(z)]
        return torch.from_numpy(np.stack(rows)).to(self.dtype)

    def terms(self, z: Tensor) -> Terms:
        """Return the log density in its parts: the whole target, and log |det J|.

        There is no log prior: NaN.
        """
        self._note(_CONSTANTS)
        points = _points(z)
        value, _ = self._evaluated(points, Target.JOINT)
        own, _ = self.process.gradients(points, transforms=True)
        target = torch.from_numpy(value)
        rows = self._rows(points)
        pointwise = {} if rows is None else {POINTWISE: rows}
        return Terms(
            torch.full_like(target, torch.nan),
            target,
            torch.from_numpy(own),
            {"target": target},
            pointwise,
        )

    def trouble(self, z: Tensor) -> str | None:
        """Return what the program says of a point, `D`, that it rejects."""
        said = self.process.reason(_points(z[None])[0])
        return said[:300] or None

    def constrain(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters, transformed parameters and generated quantities, each `C x shape`.

        Random numbers follow those of the calls before: the same calls, the same numbers.
        """
        return self._cut(self.process.columns(_points(z)), self._places)

    def constrain_parameters(self, z: Tensor) -> dict[str, Tensor]:
        """Return the parameters alone, each `C x shape`; no random number is drawn for that."""
        return self._cut(self.process.parameters(_points(z)), self._own)

    def unconstrain(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return `z`, `C x D`, from the parameters' constrained values, each `C x shape`.

        Raises:
            DataError: they are not inside the parameters' supports.
        """
        cast = {
            p.name: torch.as_tensor(values[p.name], dtype=torch.float64) for p in self.parameters
        }
        count = len(next(iter(cast.values()))) if cast else 1
        rows = [
            self._unconstrained({name: value[row].tolist() for name, value in cast.items()})
            for row in range(count)
        ]
        return torch.from_numpy(np.stack(rows)).to(self.dtype)

    def jacobian(self, z: Tensor) -> dict[str, Tensor]:
        """Return d constrain(z) / dz by name, each `C x shape x D`, by differences."""
        rows = np.stack([jacobian(self._alike, row) for row in _points(z)])
        whole = torch.from_numpy(rows).to(self.dtype)  # C x W x D
        return {place.name: whole[:, torch.from_numpy(place.columns)] for place in self._places}

    def initial(self, generator: torch.Generator, count: int) -> Tensor:
        """Return `count x D` starting points, uniform on (-2, 2): priors cannot be drawn from."""
        return 4 * torch.rand(count, self.dim, generator=generator, dtype=self.dtype) - 2

    def pointwise(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the log likelihood of every observation, `C x ...` in float64, where it is told.

        Args:
            values: the parameters' constrained values, each `C x shape`.
        """
        rows = self._rows(_points(self.unconstrain(values)))
        return {} if rows is None else {POINTWISE: rows}

    def dimensions(self) -> dict[str, Dims]:
        """Return the plate of each dimension of what is reported: a Stan program has none."""
        return {place.name: (None,) * len(place.shape) for place in self._places}

    def observed_values(self) -> dict[str, Tensor]:
        """Return nothing: a Stan program does not say which of its data are observed."""
        return {}

    @property
    def observed(self) -> tuple[str, ...]:
        """No name: as above."""
        return ()

    @property
    def bytes(self) -> int:
        """Bytes of one evaluation at one point, about: what goes to the process and back."""
        return 8 * (2 * self.dim + 1 + len(self.process.facts.columns[2]))

    @property
    def at_origin(self) -> float:
        """The log density at `z` = 0; may be non-finite."""
        return float(self.process.gradients(np.zeros((1, self.dim)))[0][0])

    def _cut(self, columns: Array, places: Sequence[Quantity]) -> dict[str, Tensor]:
        return {
            place.name: torch.from_numpy(columns[:, place.columns]).to(self.dtype)
            for place in places
        }

    def _alike(self, z: Array) -> Array:
        return self.process.columns(z, alike=True)

    def _pointwise(self) -> Quantity | None:
        return next((place for place in self._places if place.name == POINTWISE), None)

    def _rows(self, z: Array) -> Tensor | None:
        place = self._pointwise()
        return None if place is None else torch.from_numpy(self._alike(z)[:, place.columns])

    def _unconstrained(self, values: Mapping[str, Any]) -> Array:
        try:
            return self.process.unconstrain(values)
        except RefusedError as error:
            raise DataError("at", " ".join(str(error).split())[:300]) from None

    def _note(self, note: Note) -> None:
        if note not in self.notes:
            self.notes = (*self.notes, note)


def _points(z: Tensor) -> Array:
    points: Array = np.ascontiguousarray(z.detach().to("cpu", torch.float64).numpy())
    return points
