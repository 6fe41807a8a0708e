"""Bounds of the evidence and their gradients, by every estimator.

Kingma and Welling, Auto-encoding variational Bayes (2014), eq. 7; Kucukelbir et al., Automatic
differentiation variational inference, JMLR 18 (2017), eq. 5: the entropy of a normal is exact.
The others: Roeder, Wu and Duvenaud, Sticking the landing (2017); Mohamed et al., Monte Carlo
gradient estimation in machine learning, JMLR 21 (2020), with the baseline of Kool, van Hoof and
Welling (2019), the mean of the other particles, and of independent normals Rao-Blackwellised as in
Ranganath, Gerrish and Blei, Black box variational inference (2014), eq. 6: a coordinate's score is
weighed by the terms alone that it takes part in; Burda, Grosse and Salakhutdinov, Importance
weighted autoencoders (2016); Li and Turner, Renyi divergence variational inference (2016); Tucker
et al., Doubly reparameterized gradient estimators (2019).

Let `l = log p(z) - log q(z)` of `S` particles, `s = softmax((1 - a) l)` their shares, and `g` the
gradient of `l` along the way from the noise while the parameters in log q stand still. The bound
`log(mean(exp((1 - a) l))) / (1 - a)` has the gradient `sum s (g - d log q / d parameters)`, and
`sum (a s + (1 - a) s^2) g` has the same expectation. `a = 0` is IWAE, `a -> 1` the ELBO.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from models.traced import TracedDensity
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import (
    AbstractGuide,
    AbstractNatural,
    AbstractNormal,
    Parameters,
    independent_normal,
    lead,
    standard_normal,
)
from workers.engines.kernels.guides import MeanField
from workers.engines.kernels.objective import log_density
from workers.engines.kernels.rounding import Sloped

Bound = Literal["elbo", "renyi", "iwae"]
Estimator = Literal[
    "reparameterized", "score_function", "doubly_reparameterized", "sticking_the_landing"
]
#: The order of the Renyi divergence.
ORDER = 0.5


class Estimate(NamedTuple):
    """One Monte Carlo estimate."""

    #: The bound, a scalar in float64; `nan` where a particle was not finite.
    elbo: float
    gradient: Parameters


@dataclass(frozen=True)
class Ascent:
    """What is climbed, and how its gradient is estimated."""

    bound: Bound = "elbo"
    estimator: Estimator = "reparameterized"
    #: Whether the gradient is that with respect to a normal's natural parameters, see `natural`.
    natural: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is the ELBO along the way from the noise, with the exact entropy."""
        return self.bound == "elbo" and self.estimator == "reparameterized"

    @property
    def order(self) -> float:
        """The order `a`; of the ELBO 1."""
        return {"elbo": 1.0, "renyi": ORDER, "iwae": 0.0}[self.bound]


def estimate_elbo(
    density: Sloped,
    guide: AbstractGuide,
    frame: Frame,
    parameters: Parameters,
    generator: torch.Generator,
    particles: int,
    ascent: Ascent = Ascent(),
) -> Estimate:
    """Return a bound from `particles` draws, summed in float64, and its gradient."""
    like = frame.centre.new_empty(guide.noise(len(frame.centre)))
    # Mirrored pairs cancel odd terms; weights and baselines need particles of their own.
    source = standard_normal if ascent.plain else independent_normal
    noise = source(generator, particles, like)
    w = guide.place(parameters, noise)
    own = None
    if ascent.estimator == "score_function" and isinstance(guide, MeanField):
        value, gradient, own = _by_coordinate(density, frame.place(w))
    else:
        value, gradient = density.value_and_grad(frame.place(w), guide.target)
    gradient = frame.pull(gradient)
    if ascent.plain:
        bound = value.mean() + _spread(guide, frame, guide.entropy(parameters, noise))
        if ascent.natural:
            assert isinstance(guide, AbstractNatural)
            uphill = guide.bend(parameters, noise, gradient)
        else:
            uphill = guide.pull(parameters, noise, gradient)
    else:
        assert isinstance(guide, AbstractNormal)
        ratio = value - guide.log_prob(parameters, noise, w) + frame.log_det()
        bound = _bound(ratio, ascent)
        if own is not None:
            assert isinstance(guide, MeanField)
            uphill = guide.score_apart(parameters, w, own)
        else:
            uphill = _uphill(guide, parameters, noise, w, gradient, ratio, ascent)
    # A sum is finite where its terms are: one look at the device for all of them.
    usable = bool(torch.stack([g.sum() for g in uphill]).isfinite().all())
    return Estimate(float(bound) if usable else float("nan"), uphill)


def _by_coordinate(density: Sloped, z: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return log density and gradient, and the terms of each coordinate, `S x D`, if known."""
    if not isinstance(density, TracedDensity):
        return (*density.value_and_grad(z), None)
    terms, gradient = density.scored(z)
    return terms.sum(1), gradient, density.blankets.sums(terms)


def _spread(guide: AbstractGuide, frame: Frame, of_w: Tensor) -> Tensor:
    """Return the entropy of `z`, or its estimate, from that of `w`; a point has none."""
    return of_w if guide.point else of_w + frame.log_det()


def _bound(ratio: Tensor, ascent: Ascent) -> Tensor:
    """Return the bound, a scalar, from `log p - log q`: `S`."""
    rest = 1.0 - ascent.order
    if rest == 0.0:
        return ratio.mean()
    return ((rest * ratio).logsumexp(0) - math.log(len(ratio))) / rest


def _uphill(
    guide: AbstractNormal,
    parameters: Parameters,
    noise: Tensor,
    w: Tensor,
    gradient: Tensor,
    ratio: Tensor,
    ascent: Ascent,
) -> Parameters:
    """Return the bound's gradient; `gradient`: `S x D` is that of the log density by `w`."""
    count = len(ratio)
    if ascent.estimator == "score_function":
        return guide.score(parameters, w, lead(ratio) / count)
    order = ascent.order
    share = ((1.0 - order) * ratio).softmax(0)
    along = gradient - guide.slope(parameters, w)
    if ascent.estimator == "reparameterized":
        ways = guide.path(parameters, noise, share[:, None].to(along.dtype) * along)
        scores = guide.score(parameters, w, share)
        return tuple(way - score for way, score in zip(ways, scores, strict=True))
    weight = share if order == 1.0 else order * share + (1.0 - order) * share**2
    return guide.path(parameters, noise, weight[:, None].to(along.dtype) * along)


def gradient_variance(
    density: Sloped,
    guide: AbstractGuide,
    frame: Frame,
    parameters: Parameters,
    generator: torch.Generator,
    particles: int,
    ascent: Ascent,
    repeats: int,
) -> float | None:
    """Return the variance of the gradient's estimate, summed over the parameters.

    None where an estimate was not finite.
    """
    found = [
        estimate_elbo(density, guide, frame, parameters, generator, particles, ascent)
        for _ in range(repeats)
    ]
    return variance_of(found)


def variance_of(found: Sequence[Estimate]) -> float | None:
    """Return the variance of estimates of one gradient, summed over the parameters.

    None where one was not finite.
    """
    if not all(math.isfinite(one.elbo) for one in found):
        return None
    rows = torch.stack([torch.cat([g.reshape(-1) for g in one.gradient]) for one in found])
    return float(rows.double().var(0).sum())


def log_weights(
    density: AbstractLogDensity,
    guide: AbstractGuide,
    frame: Frame,
    parameters: Parameters,
    generator: torch.Generator,
    count: int,
    batch: int,
) -> tuple[Tensor, Tensor]:
    """Return draws of the guide, `count x D`, and log p(z) - log q(z) of each, in float64.

    The draws come in antithetic pairs, so that the mean of a normal's is the guide's. The density
    is evaluated `batch` at a time, as often before.
    """
    like = frame.centre.new_empty(guide.noise(len(frame.centre)))
    noise = standard_normal(generator, count, like)
    w = guide.place(parameters, noise)
    z = frame.place(w)
    surprise = _spread(guide, frame, -guide.log_prob(parameters, noise, w))
    log_p, _ = log_density(density, z, guide.target, batch)
    return z, log_p + surprise
