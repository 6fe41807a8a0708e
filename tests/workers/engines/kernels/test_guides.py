"""Guides: their gradients against automatic differentiation, their entropy against torch's."""

import math
from typing import Any

import pytest
import torch
from torch.distributions import MultivariateNormal

from models.density import Parameter
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import (
    AbstractGuide,
    AbstractNormal,
    Parameters,
    independent_normal,
    standard_normal,
)
from workers.engines.kernels.guides import GUIDES, build_guide

ROOT = torch.tensor([[2.0, 0.0, 0.0], [0.5, 1.0, 0.0], [-1.0, 0.3, 0.1]], dtype=torch.float64)
CENTRE = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
#: One unknown outside of plates, and one for each of two elements.
UNKNOWNS = (
    Parameter("mu", (), "real", 1, 0),
    Parameter("x", (2,), "real", 2, 1, ("group",)),
)
NORMALS = [name for name, guide in GUIDES.items() if issubclass(guide, AbstractNormal)]


def guide_of(name: Any) -> AbstractGuide:
    return build_guide(name, UNKNOWNS)


def frame(name: str) -> Frame:
    return Frame(CENTRE, ROOT if GUIDES[name].dense else ROOT.diagonal())


def parameters(name: str) -> Parameters:
    generator = torch.Generator().manual_seed(0)
    start = guide_of(name).start(frame(name))
    return tuple(
        p + 0.3 * torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in start
    )


def noise_of(guide: AbstractGuide, count: int) -> torch.Tensor:
    like = CENTRE.new_empty(guide.noise(len(CENTRE)))
    return independent_normal(torch.Generator().manual_seed(1), count, like)


def way(guide: AbstractGuide, known: Parameters) -> torch.Tensor:
    """The matrix that leads from the noise of a normal to `w`."""
    origin = CENTRE.new_zeros(guide.noise(len(CENTRE)))
    found: torch.Tensor = torch.func.jacrev(lambda noise: guide.place(known, noise[None])[0])(
        origin
    )
    return found


@pytest.mark.parametrize("name", GUIDES)
def test_the_gradient_is_that_of_the_elbo(name: str) -> None:
    guide, known = guide_of(name), tuple(p.requires_grad_() for p in parameters(name))
    noise = noise_of(guide, 8)
    w = guide.place(known, noise)
    slopes = -(w**3) + w.sum(1, keepdim=True)
    log_density = (-(w**4) / 4).sum(1) + w.sum(1) ** 2 / 2
    elbo = log_density.mean() + guide.entropy(known, noise)
    automatic = torch.autograd.grad(elbo, known)
    by_hand = guide.pull(known, noise, slopes.detach())
    for one, other in zip(automatic, by_hand, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", [name for name in GUIDES if not GUIDES[name].point])
def test_the_log_density_is_that_of_the_way_from_the_noise(name: str) -> None:
    guide, known = guide_of(name), parameters(name)
    noise = noise_of(guide, 4)
    found = guide.log_prob(known, noise, guide.place(known, noise))
    if name == "low_rank":  # more noise than coordinates
        loc, log_scale, factor = known
        covariance = factor @ factor.T + torch.diag((2 * log_scale).exp())
        exact = MultivariateNormal(loc, covariance).log_prob(guide.place(known, noise))
    else:
        way = torch.func.vmap(torch.func.jacrev(lambda e: guide.place(known, e[None])[0]))
        exact = -0.5 * (noise**2).sum(1) - 1.5 * math.log(2 * math.pi)
        exact = exact - torch.linalg.slogdet(way(noise))[1]
    torch.testing.assert_close(found, exact)


@pytest.mark.parametrize("name", NORMALS)
def test_the_entropy_is_minus_the_mean_log_density(name: str) -> None:
    guide, known = guide_of(name), parameters(name)
    noise = noise_of(guide, 100_000)
    log_prob = guide.log_prob(known, noise, guide.place(known, noise))
    error = float(log_prob.std()) / math.sqrt(len(noise))
    assert abs(float(guide.entropy(known, noise) + log_prob.mean())) < 4 * error


@pytest.mark.parametrize("name", NORMALS)
def test_slope_and_score_are_those_of_the_density(name: str) -> None:
    guide, known = guide_of(name), parameters(name)
    assert isinstance(guide, AbstractNormal)
    w = torch.randn(5, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    count = guide.noise(3)
    root = torch.func.jacrev(lambda noise: guide.place(known, noise[None])[0])(
        CENTRE.new_zeros(count)
    )
    covariance = root @ root.T
    torch.testing.assert_close(
        guide.slope(known, w), -torch.linalg.solve(covariance, (w - known[0]).T).T
    )
    weights = torch.linspace(-1.0, 1.0, 5, dtype=torch.float64)
    score = guide.score(known, w, weights)
    loc = torch.linalg.solve(covariance, (weights[:, None] * (w - known[0])).sum(0))
    torch.testing.assert_close(score[0], loc)
    assert [s.shape for s in score] == [p.shape for p in known]


@pytest.mark.parametrize("name", ["mean_field", "full_rank", "structured"])
def test_the_start_is_the_frame(name: str) -> None:
    noise = torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(
        guide_of(name).place(guide_of(name).start(frame(name)), noise), noise
    )


@pytest.mark.parametrize("name", ["low_rank", "flow"])
def test_other_guides_start_near_it(name: str) -> None:
    guide = guide_of(name)
    noise, start = noise_of(guide, 200), guide.start(frame(name))
    assert float((guide.place(start, noise) - noise[:, :3]).abs().max()) < 1.0
    again = guide.start(frame(name))
    assert all(torch.equal(one, other) for one, other in zip(start, again, strict=True))


def test_elements_of_a_plate_depend_on_each_other_through_the_globals_alone() -> None:
    guide, known = guide_of("structured"), parameters("structured")
    root = torch.func.jacrev(lambda noise: guide.place(known, noise[None])[0])(
        torch.zeros(3).double()
    )
    precision = torch.linalg.inv(root @ root.T)
    assert float(precision[1, 2]) == pytest.approx(0.0, abs=1e-12)
    assert float(precision[:1, 1:].abs().min()) > 0.01
    assert float((root @ root.T)[1, 2].abs()) > 0.001


def test_a_point_has_no_spread() -> None:
    guide, known = guide_of("delta"), (torch.ones(3, dtype=torch.float64),)
    placed = guide.place(known, noise_of(guide, 4))
    assert bool((placed == 1.0).all())
    assert guide.point
    assert float(guide.entropy(known, placed)) == 0.0


def test_a_flows_jacobian_is_triangular_and_its_layers_differ() -> None:
    guide = guide_of("flow")
    known = guide.start(Frame(torch.zeros(5).double(), torch.ones(5).double()))
    point = torch.linspace(-1.0, 1.0, 5, dtype=torch.float64)
    one = torch.func.jacrev(lambda e: guide.place(known, e[None])[0])(point)
    assert bool((one.diagonal() != 0).all())
    assert not torch.equal(known[2], known[6])


def test_noise_comes_in_mirrored_pairs() -> None:
    noise = standard_normal(torch.Generator().manual_seed(0), 6, torch.zeros(2).float())
    assert noise.dtype == torch.float32
    assert torch.equal(noise[:3], -noise[3:])
    assert standard_normal(torch.Generator().manual_seed(0), 5, torch.zeros(2)).shape == (5, 2)
