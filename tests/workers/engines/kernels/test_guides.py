"""Guides: their gradients against automatic differentiation, their entropy against torch's."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guides import GUIDES, Parameters, standard_normal

ROOT = torch.tensor([[2.0, 0.0, 0.0], [0.5, 1.0, 0.0], [-1.0, 0.3, 0.1]], dtype=torch.float64)
CENTRE = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


def frame(name: str) -> Frame:
    return Frame(CENTRE, ROOT if GUIDES[name].dense else ROOT.diagonal())


def parameters(name: str) -> Parameters:
    generator = torch.Generator().manual_seed(0)
    start = GUIDES[name]().start(frame(name))
    return tuple(
        p + 0.3 * torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in start
    )


@pytest.mark.parametrize("name", GUIDES)
def test_the_gradient_is_that_of_the_elbo(name: str) -> None:
    guide, known = GUIDES[name](), tuple(p.requires_grad_() for p in parameters(name))
    noise = standard_normal(torch.Generator().manual_seed(1), 8, CENTRE)
    w = guide.place(known, noise)
    slopes = -(w**3) + w.sum(1, keepdim=True)
    log_density = (-(w**4) / 4).sum(1) + w.sum(1) ** 2 / 2
    elbo = log_density.mean() + guide.entropy(known, frame(name))
    automatic = torch.autograd.grad(elbo, known)
    by_hand = guide.pull(known, noise, slopes)
    for one, other in zip(automatic, by_hand, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", GUIDES)
def test_entropy_and_density_are_those_of_z(name: str) -> None:
    guide, known = GUIDES[name](), parameters(name)
    noise = standard_normal(torch.Generator().manual_seed(1), 4, CENTRE)
    matrix = torch.func.jacrev(lambda e: frame(name).place(guide.place(known, e[None]))[0])(
        noise[0]
    )
    loc = frame(name).place(guide.place(known, torch.zeros_like(noise[:1])))[0]
    exact = MultivariateNormal(loc, matrix @ matrix.T)
    torch.testing.assert_close(guide.entropy(known, frame(name)), exact.entropy())
    w = guide.place(known, noise)
    log_q = guide.distribution(known).log_prob(w) - frame(name).log_det()
    torch.testing.assert_close(log_q, exact.log_prob(frame(name).place(w)))


@pytest.mark.parametrize("name", GUIDES)
def test_the_start_is_the_frame(name: str) -> None:
    noise = torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(
        GUIDES[name]().place(GUIDES[name]().start(frame(name)), noise), noise
    )


def test_noise_comes_in_mirrored_pairs() -> None:
    noise = standard_normal(torch.Generator().manual_seed(0), 6, torch.zeros(2).float())
    assert noise.dtype == torch.float32
    assert torch.equal(noise[:3], -noise[3:])
    assert standard_normal(torch.Generator().manual_seed(0), 5, torch.zeros(2)).shape == (5, 2)
