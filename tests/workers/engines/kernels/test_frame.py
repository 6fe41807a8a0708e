"""Affine frames from curvature."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from workers.engines.kernels.frame import Frame, frame_of, round_frame

CENTRE = torch.tensor([1e4, -2.0, 0.0], dtype=torch.float64)


def hessian() -> torch.Tensor:
    factor = torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    units = torch.tensor([1e-3, 1.0, 50.0], dtype=torch.float64)
    return units[:, None] * (factor @ factor.T + torch.eye(3)) * units


def test_a_dense_frame_has_the_covariance_of_the_curvature() -> None:
    frame = frame_of(CENTRE, hessian(), dense=True)
    torch.testing.assert_close(frame.root, frame.root.tril())
    assert (frame.root.diagonal() > 0).all()
    covariance = hessian().inverse()
    torch.testing.assert_close(frame.root @ frame.root.T, covariance, rtol=1e-8, atol=0)
    expected = MultivariateNormal(CENTRE, covariance).entropy()
    standard = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double()).entropy()
    torch.testing.assert_close(frame.log_det() + standard, expected)


def test_a_diagonal_frame_has_the_conditional_scales() -> None:
    frame = frame_of(CENTRE, hessian(), dense=False)
    torch.testing.assert_close(frame.root, hessian().diagonal().rsqrt())


@pytest.mark.parametrize("dense", [True, False])
def test_gradients_are_pulled_back(dense: bool) -> None:
    frame = frame_of(CENTRE, hessian(), dense)
    w = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    w.requires_grad_()
    z = frame.place(w)
    weights = torch.arange(15.0).reshape(5, 3).double()
    (z * weights).sum().backward()
    torch.testing.assert_close(frame.pull(weights), w.grad)


def test_negative_curvature_and_flatness_give_finite_frames() -> None:
    odd = torch.diag(torch.tensor([-4.0, 0.0, 1.0], dtype=torch.float64))
    for dense in (True, False):
        assert frame_of(torch.zeros(3).double(), odd, dense).root.isfinite().all()


def test_round_frames_survive_a_useless_scale() -> None:
    assert round_frame(CENTRE, float("nan"), dense=False).root.tolist() == [1.0, 1.0, 1.0]
    assert isinstance(round_frame(CENTRE, 0.5, dense=True).shrink(0.1), Frame)
