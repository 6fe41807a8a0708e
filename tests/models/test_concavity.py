"""Concavity is claimed where it is proved elsewhere, and nowhere else."""

import numpy as np
import pytest
import torch

from models.density import Target
from tests.models.running import body
from tests.models.test_rows import compiled

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 2))
COUNTS = RNG.poisson(2.0, size=20)
PRIOR = 'beta = pyro.sample("beta", dist.Normal(0.0, 5.0).expand([2]).to_event(1))'


def regression(family: str, prior: str = PRIOR) -> str:
    return body(
        prior,
        'with pyro.plate("row", len(y)):',
        f'    pyro.sample("y", dist.{family}, obs=y)',
        arguments="X, y",
    )


CONCAVE = [
    "Normal(X @ beta, 2.0)",
    "Laplace(X @ beta, 2.0)",
    "Poisson(torch.exp(X @ beta))",
    "Binomial(50, logits=X @ beta)",
    "NegativeBinomial(3.0, logits=X @ beta)",
    "Geometric(logits=X @ beta)",
]
NOT_KNOWN = [
    "Normal((X @ beta) ** 2, 2.0)",
    "Normal(X @ beta, torch.exp(beta[0]))",
    "Normal(torch.relu(X @ beta), 2.0)",
    "StudentT(4.0, X @ beta, 2.0)",
    "NegativeBinomial(torch.exp(beta[0]), logits=X @ beta)",
    "Poisson(1 + torch.exp(X @ beta))",
]


@pytest.mark.parametrize("family", CONCAVE)
def test_linear_predictors_of_log_concave_families_are_concave(family: str) -> None:
    density = compiled(regression(family), X=X, y=COUNTS)
    assert density.concave(Target.LIKELIHOOD)
    assert density.concave(Target.JOINT)
    z = 3 * torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    curvature = torch.linalg.eigvalsh(density.hessian(z, Target.LIKELIHOOD))
    assert float(curvature.max()) <= 1e-9


@pytest.mark.parametrize("family", NOT_KNOWN)
def test_of_other_models_nothing_is_claimed(family: str) -> None:
    density = compiled(regression(family), X=X, y=COUNTS)
    assert not density.concave(Target.LIKELIHOOD)


def test_a_heavy_tailed_prior_spoils_the_joint_density_alone() -> None:
    prior = 'beta = pyro.sample("beta", dist.StudentT(1.0, 0.0, 1.0).expand([2]).to_event(1))'
    density = compiled(regression("Poisson(torch.exp(X @ beta))", prior), X=X, y=COUNTS)
    assert density.concave(Target.LIKELIHOOD)
    assert not density.concave(Target.JOINT)
    assert not density.concave(Target.POSTERIOR)
