"""The ELBO of normals in closed form."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from models.density import AbstractLogDensity, Target
from tests.workers.densities import FunctionDensity, GaussianDensity, half_space
from tests.workers.engines.posted import posted
from workers.engines.kernels.arrow import Arrow
from workers.engines.kernels.elbo import (
    Ascent,
    Estimator,
    estimate_elbo,
    gradient_variance,
    log_weights,
)
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import AbstractGuide, Parameters
from workers.engines.kernels.guides import FullRank, LowRank, MeanField
from workers.engines.kernels.rounding import Sloped
from workers.engines.kernels.structured import Structured

LOC = torch.tensor([3.0, -1.0], dtype=torch.float64)
COVARIANCE = torch.tensor([[4.0, 1.0], [1.0, 0.5]], dtype=torch.float64)


def test_at_the_posterior_weights_are_constant_and_the_location_has_no_gradient() -> None:
    density = GaussianDensity(LOC, COVARIANCE)
    frame, guide = Frame(LOC, torch.linalg.cholesky(COVARIANCE)), FullRank()
    known, generator = guide.start(frame), torch.Generator().manual_seed(0)
    z, weights = log_weights(density, guide, frame, known, generator, 100, 16)
    torch.testing.assert_close(weights, torch.zeros(100).double(), atol=1e-10, rtol=0)
    torch.testing.assert_close(z.mean(0), LOC)
    estimate = estimate_elbo(density, guide, frame, known, generator, 16)
    torch.testing.assert_close(estimate.gradient[0], torch.zeros(2).double(), atol=1e-10, rtol=0)


def test_the_elbo_is_minus_the_divergence() -> None:
    density = GaussianDensity(torch.zeros(1), torch.ones(1, 1))
    scale, away, guide = 0.5, 1.0, MeanField()
    frame = Frame(torch.tensor([away]).double(), torch.tensor([scale]).double())
    generator = torch.Generator().manual_seed(0)
    found = estimate_elbo(density, guide, frame, guide.start(frame), generator, 20_000)
    exact = -0.5 * (scale**2 + away**2 - 1) + math.log(scale)
    # The square of a normal with variance 1/4 has standard deviation 0.35.
    assert abs(found.elbo - exact) < 4 * 0.5 * 0.36 / math.sqrt(10_000)


def test_particles_outside_the_support_make_no_estimate() -> None:
    frame = Frame(torch.zeros(2).double(), torch.ones(2).double())
    guide = MeanField()
    generator = torch.Generator().manual_seed(0)
    found = estimate_elbo(half_space(), guide, frame, guide.start(frame), generator, 16)
    assert math.isnan(found.elbo)


#: Every bound with every estimator that serves it.
ASCENTS = [
    Ascent("elbo", "reparameterized"),
    Ascent("elbo", "sticking_the_landing"),
    Ascent("elbo", "score_function"),
    Ascent("renyi", "reparameterized"),
    Ascent("renyi", "doubly_reparameterized"),
    Ascent("iwae", "reparameterized"),
    Ascent("iwae", "doubly_reparameterized"),
]
FRAMES = {
    False: Frame(torch.zeros(2).double(), torch.ones(2).double()),
    True: Frame(torch.zeros(2).double(), torch.eye(2).double()),
}


def skewed() -> FunctionDensity:
    def likelihood(x: Tensor) -> Tensor:
        return -(x[:, :1].exp()) + 1.5 * x[:, :1] - 0.5 * (x[:, 1:] - 0.5 * x[:, :1] ** 2) ** 2

    return FunctionDensity(likelihood, {"x": ((2,), "real")})


def gradients(
    guide: AbstractGuide, known: Parameters, ascent: Ascent, seed: int, count: int = 2000
) -> Tensor:
    """Many estimates of one gradient, as rows."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(count):
        frame = FRAMES[guide.dense]
        found = estimate_elbo(skewed(), guide, frame, known, generator, 6, ascent)
        rows.append(torch.cat([g.reshape(-1) for g in found.gradient]))
    return torch.stack(rows)


#: The second unknown is in a plate of one element, and depends on the first.
BY_PLATE = Structured(Arrow(torch.tensor([0]), (torch.tensor([[1]]),)))
GUIDES = [MeanField(), FullRank(), LowRank(), BY_PLATE]


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES[:3], ids=lambda g: type(g).__name__)
@pytest.mark.parametrize("bound", ["elbo", "renyi", "iwae"])
def test_estimators_of_one_bound_agree(guide: AbstractGuide, bound: str) -> None:
    known = tuple(p + 0.2 for p in guide.start(FRAMES[guide.dense]))
    first, *others = [
        gradients(guide, known, ascent, seed)
        for seed, ascent in enumerate(a for a in ASCENTS if a.bound == bound)
    ]
    for other in others:
        error = ((first.var(0) + other.var(0)) / len(first)).sqrt()
        assert bool(((first.mean(0) - other.mean(0)).abs() < 4 * error + 1e-12).all())


def test_estimators_of_the_elbo_agree_on_a_guide_by_plate() -> None:
    known = tuple(p + 0.2 for p in BY_PLATE.start(FRAMES[False]))
    way, *others = (
        gradients(BY_PLATE, known, ascent, seed, 200) for seed, ascent in enumerate(ASCENTS[:3])
    )
    for other in others:
        error = ((way.var(0) + other.var(0)) / len(way)).sqrt()
        assert bool(((way.mean(0) - other.mean(0)).abs() < 4 * error + 1e-12).all())
    # Every parameter but the unused parts of triangles has a gradient.
    assert int((way.mean(0) != 0).sum()) == 5


@pytest.mark.parametrize("guide", GUIDES, ids=lambda g: type(g).__name__)
def test_no_elbo_is_above_the_evidence(guide: AbstractGuide) -> None:
    density = GaussianDensity(LOC, COVARIANCE)
    generator = torch.Generator().manual_seed(0)
    for seed in range(5):
        draw = torch.Generator().manual_seed(seed)
        start = guide.start(FRAMES[guide.dense])
        known = tuple(
            p + 0.5 * torch.randn(p.shape, generator=draw, dtype=torch.float64) for p in start
        )
        _, weights = log_weights(density, guide, FRAMES[guide.dense], known, generator, 4000, 4000)
        assert float(weights.mean()) < 4 * float(weights.std()) / math.sqrt(4000)


def test_at_the_optimum_the_landing_sticks() -> None:
    density = GaussianDensity(LOC, COVARIANCE)
    frame, guide = Frame(LOC, torch.linalg.cholesky(COVARIANCE)), FullRank()
    known, generator = guide.start(frame), torch.Generator().manual_seed(0)
    variance = {
        ascent: gradient_variance(density, guide, frame, known, generator, 8, ascent, 50)
        for ascent in ASCENTS
    }
    for ascent in (ASCENTS[1], ASCENTS[4], ASCENTS[6]):
        assert variance[ascent] == pytest.approx(0.0, abs=1e-20)
    plain, score = variance[ASCENTS[0]], variance[ASCENTS[2]]
    assert plain is not None
    assert score is not None
    assert plain > 0.01
    # All weights are equal: what is left of each is nothing.
    assert score == pytest.approx(0.0, abs=1e-20)


@pytest.mark.slow
def test_bounds_tighten_with_their_particles() -> None:
    # The evidence of a normal is 1; the guide is too narrow.
    density, guide = GaussianDensity(LOC, COVARIANCE), MeanField()
    frame = Frame(LOC, 0.6 * COVARIANCE.diagonal().sqrt())
    known, generator = guide.start(frame), torch.Generator().manual_seed(0)

    def mean(ascent: Ascent, particles: int) -> float:
        found = [
            estimate_elbo(density, guide, frame, known, generator, particles, ascent).elbo
            for _ in range(2000)
        ]
        return sum(found) / len(found)

    elbo = mean(ASCENTS[0], 4)
    few, many = mean(Ascent("iwae"), 4), mean(Ascent("iwae"), 64)
    renyi = mean(Ascent("renyi"), 4)
    assert elbo < renyi < few < many < 0.02


ROWS = """
def model(y):
    with pyro.plate("row", len(y)):
        x = pyro.sample("x", dist.Normal(0.0, 3.0))
        pyro.sample("y", dist.Normal(x, 0.5), obs=y)
"""


@dataclass(frozen=True)
class Plain:
    """A log density of which nothing but value and gradient is known."""

    density: AbstractLogDensity

    def value_and_grad(
        self, z: Tensor, target: Target = Target.POSTERIOR, /
    ) -> tuple[Tensor, Tensor]:
        return self.density.value_and_grad(z, target)


def test_what_a_coordinate_takes_no_part_in_is_no_noise_in_its_score() -> None:
    y = [0.5 + 0.1 * n for n in range(20)]
    density, guide = posted(ROWS, {"y": y}), MeanField()
    frame = Frame(torch.tensor(y).double(), torch.full((20,), 0.5).double())
    known = tuple(p + 0.2 for p in guide.start(frame))

    def rows(climbed: Sloped, estimator: Estimator, seed: int) -> Tensor:
        generator, ascent = torch.Generator().manual_seed(seed), Ascent("elbo", estimator)
        found = [
            estimate_elbo(climbed, guide, frame, known, generator, 8, ascent) for _ in range(400)
        ]
        return torch.stack([torch.cat(one.gradient) for one in found])

    own = rows(density, "score_function", 0)
    whole = rows(Plain(density), "score_function", 1)
    way = rows(density, "reparameterized", 2)
    for other in (whole, way):
        error = ((own.var(0) + other.var(0)) / 400).sqrt()
        assert bool(((own.mean(0) - other.mean(0)).abs() < 4.5 * error).all())
    assert float(own.var(0).sum()) < 0.4 * float(whole.var(0).sum())
