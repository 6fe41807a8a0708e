"""Profile-likelihood intervals: where the likelihood, maximised over all else, has fallen too far.

The interval of a quantity `g` holds the values `t` with `2 (l_max - max {l(z): g(z) = t})` below
the quantile of chi-squared with one degree of freedom (Venzon and Moolgavkar, A method for
computing profile-likelihood-based confidence intervals, Applied Statistics 37, 1988). Every end
of every interval is a search of its own, and all of them are rows of one batch.

A search holds `g` by a spring rather than by a constraint. With `x = (g - g_max) / se` it minimises

    -l(z) + k / 2 (x - aim)^2.

Where that is stationary, `grad l` is along `grad g`: the point is on the profile, if not at `aim`
but at `x`, where the profile's slope is the spring's pull. So each minimum gives a point on the
profile with its slope, whatever the spring; Newton's method on the signed root of the likelihood
ratio, which is nearly linear in `x`, sets the next aim. Coordinates are those in which the Hessian
at the maximum, spring included, is the identity, so that a few quasi-Newton steps are enough.

Shape letters: `R` ends, `D` unconstrained coordinates.
"""

import math
from dataclasses import dataclass, replace
from enum import IntEnum
from statistics import NormalDist

import torch
from torch import Tensor

from workers.engines.kernels.lbfgs import LbfgsState, start_lbfgs, step_lbfgs
from workers.engines.kernels.newton import NewtonState
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.profile_entries import Ends, Quantities
from workers.engines.kernels.spectrum import spectrum

#: The spring's stiffness, in units of the information about the quantity.
SPRING = 10.0
#: Half the squared slope, in nats, at which a search has arrived; relative error of a root.
ARRIVED, CLOSE = 1e-10, 1e-8
#: Standard errors from the maximum at which an end is no longer looked for; and coordinates of a
#: bounded parameter at which it has reached its bound.
FAR, EDGE = 1e3, 30.0
#: Iterations of the whole batch, and pairs that a search remembers.
MOST, MEMORY = 400, 10


class Found(IntEnum):
    """How the search for an end stands."""

    OPEN = 0
    #: The end is found.
    END = 1
    #: The likelihood never falls so far.
    ENDLESS = 2
    #: There is a point higher than the maximum.
    HIGHER = 3
    #: The search got stuck.
    LOST = 4


@dataclass(frozen=True)
class Gauge:
    """The units of the searches, from the maximum and the Hessian there."""

    #: `D`, and the objective there.
    maximum: Tensor
    height: Tensor
    #: `D x D`: a root of the inverse Hessian.
    root: Tensor
    #: `R`: the quantities at the maximum, and their standard errors.
    centre: Tensor
    error: Tensor
    #: `R x D`: the direction of each quantity where the Hessian is the identity.
    axis: Tensor


@dataclass(frozen=True)
class ProfileState:
    """All searches; `R` each."""

    ends: Ends
    gauge: Gauge
    #: In the coordinates of the searches.
    rows: LbfgsState
    #: Where the springs are fastened.
    aim: Tensor
    #: The bracket of each end, in standard errors from the maximum.
    low: Tensor
    high: Tensor
    #: Where each search last arrived.
    last: Tensor
    #: A `Found` each.
    found: Tensor
    iterations: int

    @property
    def done(self) -> bool:
        """Whether no search is open."""
        return not bool((self.found == Found.OPEN).any())


def gauge(objective: Objective, top: NewtonState, ends: Ends) -> Gauge:
    """Return the units of the searches for these ends."""
    shape = spectrum(top.hessian, top.z)
    root = shape.scale[:, None] * shape.vectors / shape.values.clamp(min=1e-12).sqrt()
    centre, slope = Quantities(objective.density, ends)(top.z.expand(len(ends), -1))
    along = slope @ root
    error = along.norm(dim=1)
    return Gauge(top.z, top.value, root, centre, error, along / error[:, None])


class Springs:
    """The objective of all searches, in their own coordinates `v`: `R x D`.

    Args:
        objective: minus the log likelihood.
        ends: what to look for.
        units: of the searches.
        level: of the intervals.
    """

    def __init__(self, objective: Objective, ends: Ends, units: Gauge, level: float) -> None:
        self._objective, self._units = objective, units
        self._quantities = Quantities(objective.density, ends)
        self.height = units.height
        #: The root of the likelihood ratio at an end, in standard errors.
        self.wanted = NormalDist().inv_cdf((1.0 + level) / 2.0)

    def __call__(self, v: Tensor, aim: Tensor) -> tuple[Tensor, Tensor]:
        """Return the value, `R`, and its gradient, `R x D`."""
        z = self.point(v)
        value, slope = self._objective(z)
        x, direction = self._reach(z)
        away = x - aim
        slope = slope + (SPRING * away / self._units.error)[:, None] * direction
        return value + 0.5 * SPRING * away**2, self._squeezed(slope @ self._units.root)

    def point(self, v: Tensor) -> Tensor:
        """Return unconstrained points, `R x D`."""
        return self._units.maximum + self._squeezed(v) @ self._units.root.T

    def reach(self, v: Tensor) -> Tensor:
        """Return how far the quantities are from the maximum, in standard errors: `R`."""
        return self._reach(self.point(v))[0]

    def at_edge(self, v: Tensor) -> Tensor:
        """Return which searches, `R`, have a bounded entry at the edge of its support."""
        z = self.point(v)
        # The entry's own coordinate is the one that the quantity depends on.
        own = (z * (self._quantities(z)[1] != 0)).abs().amax(1)
        return self._quantities.bounded() & (own > EDGE)

    def start(self) -> Tensor:
        """Return the Wald ends."""
        return self.wanted * math.sqrt(1.0 + SPRING) * self._units.axis

    def noise(self, value: Tensor) -> Tensor:
        """Return how far rounding may move the objective, in nats."""
        return self._objective.noise(value)

    def _reach(self, z: Tensor) -> tuple[Tensor, Tensor]:
        value, direction = self._quantities(z)
        return (value - self._units.centre) / self._units.error, direction

    def _squeezed(self, rows: Tensor) -> Tensor:
        """Apply the inverse root of `I + k axis axis'`: symmetric, so for gradients as well."""
        share = 1.0 - 1.0 / math.sqrt(1.0 + SPRING)
        axis = self._units.axis
        return rows - share * (rows * axis).sum(1, keepdim=True) * axis


def start_profile(objective: Objective, top: NewtonState, ends: Ends, level: float) -> ProfileState:
    """Begin all searches, one at least, at the Wald ends around the maximum."""
    units = gauge(objective, top, ends)
    springs = Springs(objective, ends, units, level)
    aim = torch.full_like(ends.signs, springs.wanted * (1.0 + 1.0 / SPRING))
    start = springs.start()
    value, _ = springs(start, aim)
    start = torch.where(value.isfinite()[:, None], start, 0.0)
    rows = start_lbfgs(lambda v: springs(v, aim), start, MEMORY)
    zero = torch.zeros_like(aim)
    found = torch.full_like(aim, Found.OPEN, dtype=torch.int64)
    return ProfileState(ends, units, rows, aim, zero, zero + torch.inf, zero, found, 0)


def step_profile(objective: Objective, state: ProfileState, level: float) -> ProfileState:
    """Advance every open search by one iteration; one that has arrived gets its next aim."""
    springs = Springs(objective, state.ends, state.gauge, level)
    going = state.found == Found.OPEN
    active = going & ~_level(springs, state.rows)
    rows = state.rows
    if bool(active.any()):
        rows = step_lbfgs(lambda v: springs(v, state.aim), rows, active)
    state = replace(state, rows=rows, iterations=state.iterations + 1)
    noise = springs.noise(rows.value)
    arrived = going & (_level(springs, rows) | rows.stuck)
    if bool(arrived.any()):
        state = _aimed_anew(springs, state, arrived, noise)
    if state.iterations >= MOST:
        lost = torch.where(state.found == Found.OPEN, int(Found.LOST), state.found)
        state = replace(state, found=lost)
    return state


def _level(springs: Springs, rows: LbfgsState) -> Tensor:
    """Return which searches, `R`, are where their objective is least."""
    promise = 0.5 * (rows.gradient * rows.gradient).sum(1)
    return promise <= ARRIVED + springs.noise(rows.value)


def _aimed_anew(
    springs: Springs, state: ProfileState, arrived: Tensor, noise: Tensor
) -> ProfileState:
    rows, wanted = state.rows, springs.wanted
    x = springs.reach(rows.z)
    pull = SPRING * (state.aim - x)
    fall = rows.value - 0.5 * SPRING * (x - state.aim) ** 2 - springs.height
    root = (2.0 * fall.clamp(min=0.0)).sqrt()
    close = (root - wanted).abs() <= CLOSE * wanted + 2.0 * noise / wanted
    low = torch.where(arrived & (root < wanted), torch.maximum(x, state.low), state.low)
    high = torch.where(arrived & (root >= wanted), torch.minimum(x, state.high), state.high)
    out = high.isinf() & ((x > FAR) | springs.at_edge(rows.z))
    # A search that could not follow its aim will not follow the next one.
    held = rows.stuck & ((x - state.last).abs() <= 1e-9 * (1.0 + x.abs()))
    found = state.found
    for kind, where in (
        (Found.LOST, held | (high - low <= 1e-12 * (1.0 + x.abs()))),
        (Found.ENDLESS, out),
        (Found.HIGHER, fall < -(1e-6 + noise)),
        (Found.END, close),
    ):
        found = torch.where(arrived & where, int(kind), found)
    steep = (pull / root.clamp(min=1e-3)).clamp(min=1e-3)
    target = _next(x, root, steep, wanted, low, high)
    going = arrived & (found == Found.OPEN)
    ahead = (root + steep * (target - x)).clamp(min=0.0)
    aim = torch.where(going, target + steep * ahead / SPRING, state.aim)
    last = torch.where(arrived, x, state.last)
    state = replace(state, aim=aim, low=low, high=high, last=last, found=found)
    return _moved(springs, state, going, target / x.clamp(min=1e-3)) if bool(going.any()) else state


def _next(
    x: Tensor, root: Tensor, steep: Tensor, wanted: float, low: Tensor, high: Tensor
) -> Tensor:
    """Return where to look next, `R`: Newton's step, inside the bracket; not too far without."""
    newton = x + (wanted - root) / steep
    middle = torch.where(high.isinf(), x, 0.5 * (low + high))
    bracketed = torch.where((newton > low) & (newton < high), newton, middle)
    return torch.where(high.isinf(), newton.clamp(max=3.0 * x + 1.0), bracketed)


def _moved(springs: Springs, state: ProfileState, going: Tensor, stretch: Tensor) -> ProfileState:
    """Take searches on along their ray from the maximum to where the next point may be."""
    rows = state.rows
    ray = torch.where(going, stretch, 1.0)[:, None] * rows.z
    value, gradient = springs(ray, state.aim)
    outside = ~value.isfinite()
    if bool((going & outside).any()):
        stay, slope = springs(rows.z, state.aim)
        ray = torch.where(outside[:, None], rows.z, ray)
        value = torch.where(outside, stay, value)
        gradient = torch.where(outside[:, None], slope, gradient)
    column = going[:, None]
    return replace(
        state,
        rows=replace(
            rows,
            z=torch.where(column, ray, rows.z),
            value=torch.where(going, value, rows.value),
            gradient=torch.where(column, gradient, rows.gradient),
            stuck=rows.stuck & ~going,
        ),
    )
