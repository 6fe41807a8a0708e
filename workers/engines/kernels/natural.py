"""A step along the natural gradient of a normal, in coordinates in which it is standard.

Khan and Lin, Conjugate-computation variational inference (2017), and Khan and Rue, The Bayesian
learning rule, JMLR 24 (2023), section 3: of a normal with mean `m` and precision `P`

    P <- (1 - rate) P + rate E[-Hessian],    m <- m + rate P^-1 E[gradient],

the gradient with respect to its natural parameters. With `P = R^-T R^-1` and `w = m + R noise` the
first is `P <- R^-T (1 + rate bend) R^-1`, `bend = R^T E[-Hessian] R - 1`. At rate 1 a normal
posterior is reached in one step where `bend` is exact. Hessians are not computed: by Stein's
identity `E[R^T Hessian R] = E[noise slope^T]`, where `slope = R^T gradient`. Here the noise itself
is added to the slope, whose part of the product is known: so at a normal posterior the estimate has
no noise, as that of sticking the landing.
"""

import torch
from torch import Tensor

#: A step widens a direction's variance by no more than the inverse of this.
LEAST = 1e-6


def bend(noise: Tensor, slope: Tensor) -> Tensor:
    """Return the estimate of the precision's change, `D x D`, from `S x D` each."""
    product = noise.T @ (slope + noise) / len(noise)
    return -0.5 * (product + product.T)


def bend_of_each(noise: Tensor, slope: Tensor) -> Tensor:
    """Return its diagonal alone: `D`."""
    return -(noise * (slope + noise)).mean(0)


def stretch(bend: Tensor, rate: float) -> Tensor:
    """Return the factors by which eigenvalues of the precision change.

    `1 + rate bend`, which is positive while the curvature, `1 + bend`, is. Where an estimate says
    that it is not, there is the second-order term of Lin, Schmidt and Khan (Handling the
    positive-definite constraint in the Bayesian learning rule, ICML 2020) as well:
    `1 + x + x^2 / 2` is a half at the least.
    """
    x = rate * bend
    return torch.where(bend > -1.0, 1.0 + x, 1.0 + x + 0.5 * x**2).clamp(min=LEAST)


def turned(slope: Tensor, bend: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Return the step of the mean, `D`, and the new Cholesky factor of the covariance, `D x D`.

    Both in coordinates in which the normal is standard now.
    """
    values, vectors = torch.linalg.eigh(bend)
    variance = 1.0 / stretch(values, rate)
    covariance = (vectors * variance) @ vectors.T
    return rate * (covariance @ slope), torch.linalg.cholesky(covariance)
