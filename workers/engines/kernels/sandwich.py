"""The covariance of an estimate when the model may be wrong."""

from torch import Tensor

from models.density import AbstractLogDensity


def sandwich(density: AbstractLogDensity, z: Tensor, covariance: Tensor) -> Tensor:
    """Return the robust covariance at an optimum, `D x D`.

    Huber, The behavior of maximum likelihood estimates under nonstandard conditions (1967); White,
    Maximum likelihood estimation of misspecified models (1982): `H^-1 S^T S H^-1`, from the
    gradients `S`: `B x D` of the observations' log likelihoods.

    Args:
        density: the model.
        z: the optimum, `D`.
        covariance: `H^-1`, the inverse of the observed information.
    """
    meat = density.score_products(z.to(density.dtype)).to(z.dtype)
    return covariance @ meat @ covariance
