import pytest
import torch

from models.distribution_table import TABLE
from tests.models.distribution_cases import CASES, Case

#: What people use, at least.
PROMISED = [
    "Normal",
    "LogNormal",
    "StudentT",
    "Cauchy",
    "HalfNormal",
    "HalfCauchy",
    "Exponential",
    "Gamma",
    "InverseGamma",
    "Beta",
    "Uniform",
    "Laplace",
    "Weibull",
    "Pareto",
    "VonMises",
    "Gumbel",
    "Logistic",
    "Bernoulli",
    "Binomial",
    "BetaBinomial",
    "Poisson",
    "NegativeBinomial",
    "GammaPoisson",
    "Geometric",
    "Categorical",
    "Multinomial",
    "OrderedLogistic",
    "ZeroInflatedPoisson",
    "ZeroInflatedNegativeBinomial",
    "TruncatedNormal",
    "Dirichlet",
    "MultivariateNormal",
    "LKJCholesky",
    "MixtureSameFamily",
    "GaussianRandomWalk",
    "ImproperUniform",
    "Delta",
]
#: Whose arguments decide what their values are.
UNDECIDED = {"ImproperUniform", "MixtureSameFamily", "Delta"}


def test_the_table_holds_what_people_use() -> None:
    assert set(PROMISED) <= set(TABLE)


def test_every_distribution_has_a_case() -> None:
    assert {case.name for case in CASES} == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_every_real_argument_has_a_constraint(name: str) -> None:
    for argument in TABLE[name].arguments:
        assert (argument.constraint is None) == (argument.kind not in ("real", "count"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_table_knows_the_supports_that_arguments_do_not_change(case: Case) -> None:
    entry, support = TABLE[case.name], case.build(torch.float64).support
    assert entry.support is None or entry.support is support
    assert entry.discrete in (None, support.is_discrete)
    assert entry.discrete is not None or case.name in UNDECIDED
