"""Natural gradients of normals: exact where the posterior is one, blind to coordinates."""

import pytest
import torch
from torch import Tensor

from tests.workers.densities import FunctionDensity, GaussianDensity
from workers.engines.kernels.adam import start_adam, step_adam
from workers.engines.kernels.elbo import Ascent, estimate_elbo
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import AbstractNatural, Parameters
from workers.engines.kernels.guides import FullRank, MeanField
from workers.engines.kernels.natural import stretch, turned

NATURAL = Ascent(natural=True)
LOC = torch.tensor([3.0, -1.0, 0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[4.0, 1.0, 0.3], [1.0, 0.5, -0.1], [0.3, -0.1, 2.0]]).double()
PLAIN = Frame(torch.zeros(3).double(), torch.eye(3).double())


def covariance(known: Parameters) -> Tensor:
    root = FullRank().distribution(known).scale_tril
    return root @ root.T


def step(guide: AbstractNatural, known: Parameters, rate: float, particles: int) -> Parameters:
    density = GaussianDensity(LOC, COVARIANCE)
    frame = PLAIN if guide.dense else Frame(PLAIN.centre, torch.ones(3).double())
    generator = torch.Generator().manual_seed(0)
    found = estimate_elbo(density, guide, frame, known, generator, particles, NATURAL)
    return guide.turn(known, found.gradient, rate)


def test_with_the_exact_hessian_one_step_reaches_a_normal() -> None:
    # A guide elsewhere, and of another shape.
    mean, root = torch.ones(3).double(), 0.1 * torch.eye(3).double() + 0.05
    root = torch.linalg.cholesky(root)
    precision = torch.linalg.inv(COVARIANCE)
    bend = root.T @ precision @ root - torch.eye(3)
    move, inner = turned(root.T @ precision @ (LOC - mean), bend, 1.0)
    after = root @ inner
    torch.testing.assert_close(mean + root @ move, LOC, rtol=0, atol=1e-8)
    torch.testing.assert_close(after @ after.T, COVARIANCE, rtol=0, atol=1e-8)


def test_with_particles_one_step_reaches_a_normal_within_their_error() -> None:
    particles = 40_000
    known = step(FullRank(), FullRank().start(PLAIN), 1.0, particles)
    exact, after = torch.linalg.inv(COVARIANCE), torch.linalg.inv(covariance(known))
    # Half of the particles are mirror images; an entry of their covariance has variance 2 / half.
    error = (4 / particles) ** 0.5 * float(torch.linalg.matrix_norm(exact - torch.eye(3), 2))
    assert float((after - exact).abs().max()) < 4 * error
    # What the mean is moved by has no error but the precision's.
    torch.testing.assert_close(after @ known[0], exact @ LOC)


def test_at_a_normal_posteriors_shape_the_mean_arrives_exactly() -> None:
    root = torch.linalg.cholesky(COVARIANCE)
    known = (torch.zeros(3).double(), root.diagonal().log(), root.tril(-1))
    after = step(FullRank(), known, 1.0, 4)
    torch.testing.assert_close(after[0], LOC, rtol=0, atol=1e-8)
    torch.testing.assert_close(covariance(after), COVARIANCE, rtol=0, atol=1e-8)


def test_the_best_independent_normal_has_the_conditional_variances() -> None:
    known, guide = MeanField().start(Frame(LOC, torch.ones(3).double())), MeanField()
    for _ in range(200):
        known = step(guide, known, 0.2, 200)
    exact = torch.linalg.inv(COVARIANCE).diagonal().rsqrt()
    torch.testing.assert_close(known[0], LOC, rtol=0, atol=0.02)
    torch.testing.assert_close(known[1].exp(), exact, rtol=0.15, atol=0)


def bent() -> FunctionDensity:
    def likelihood(x: Tensor) -> Tensor:
        return -x.cosh() - 0.5 * (x[:, :1] + x[:, 1:]) ** 2 - 0.1 * x**4

    return FunctionDensity(likelihood, {"x": ((2,), "real")})


def path(root: Tensor, natural: bool) -> Tensor:
    """The means of twenty steps, in the density's own coordinates, of one that starts round."""
    frame, guide = Frame(torch.zeros(2).double(), root), FullRank()
    # The guide begins as the same normal whatever the frame.
    start = torch.linalg.solve_triangular(root, torch.eye(2).double(), upper=False)
    loc = start @ torch.tensor([2.0, -1.0], dtype=torch.float64)
    known: Parameters = (loc, start.diagonal().log(), start.tril(-1))
    adam, places = start_adam(known), []
    generator = torch.Generator().manual_seed(3)
    for _ in range(20):
        found = estimate_elbo(bent(), guide, frame, known, generator, 16, Ascent(natural=natural))
        if natural:
            known = guide.turn(known, found.gradient, 0.2)
        else:
            adam, known = step_adam(adam, known, found.gradient, 0.2)
        places.append(frame.place(known[0][None])[0])
    return torch.stack(places)


def test_the_path_does_not_depend_on_linear_coordinates() -> None:
    mixed = torch.tensor([[3.0, 0.0], [-2.0, 0.1]], dtype=torch.float64)
    own = torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(path(own, True), path(mixed, True), rtol=0, atol=1e-8)
    assert float((path(own, False) - path(mixed, False)).abs().max()) > 0.1


@pytest.mark.parametrize("rate", [0.05, 0.5, 1.0])
def test_the_precision_stays_positive(rate: float) -> None:
    bends = torch.tensor([-50.0, -3.0, -1.0, -0.5, 0.0, 4.0], dtype=torch.float64)
    kept = stretch(bends, rate)
    assert bool((kept > 0).all())
    torch.testing.assert_close(kept[3:], 1.0 + rate * bends[3:])
    # Negative curvature, -2 and -49 in units of the precision: no wider than twice the variance.
    assert float(kept[:2].min()) >= 0.5
