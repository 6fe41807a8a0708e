"""The basket in PyMC, for nutpie: a function by the name of a row's model.

Each takes the row's data by name, means what our text means, and is called within a `pm.Model`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import ordered

Array = Any


def build(name: str, data: Mapping[str, Any]) -> pm.Model:
    """Return the model of a row with its data as constants."""
    with pm.Model() as model:
        MODELS[name](**data)
    return model


def eight_schools(y: Array, sigma: Array) -> None:
    mu = pm.Normal("mu", 0, 5)
    tau = pm.HalfCauchy("tau", 5)
    theta_trans = pm.Normal("theta_trans", 0, 1, shape=len(y))
    theta = pm.Deterministic("theta", mu + tau * theta_trans)
    pm.Normal("obs", theta, sigma, observed=y)


def gp_regression(x: Array, y: Array) -> None:
    rho = pm.Gamma("rho", alpha=25, beta=4)
    alpha = pm.HalfNormal("alpha", 2)
    sigma = pm.HalfNormal("sigma", 1)
    squares = (x[:, None] - x[None, :]).astype(float) ** 2
    covariance = alpha**2 * pt.exp(-0.5 * squares / rho**2) + sigma * np.eye(len(x))
    pm.MvNormal("obs", mu=np.zeros(len(x)), cov=covariance, observed=y)


def kidiq(kid_score: Array, mom_hs: Array, mom_iq: Array) -> None:
    beta = pm.Flat("beta", shape=3)
    sigma = pm.HalfCauchy("sigma", 2.5)
    pm.Normal("obs", _design(mom_hs, mom_iq) @ beta, sigma, observed=kid_score)


def earnings(earn: Array, height: Array) -> None:
    beta = pm.Flat("beta", shape=2)
    sigma = pm.HalfFlat("sigma")
    pm.Normal("obs", _design(height) @ beta, sigma, observed=earn)


def mesquite(
    weight: Array,
    diam1: Array,
    diam2: Array,
    canopy_height: Array,
    total_height: Array,
    density: Array,
    group: Array,
) -> None:
    beta = pm.Flat("beta", shape=7)
    sigma = pm.HalfFlat("sigma")
    logs = (np.log(v) for v in (diam1, diam2, canopy_height, total_height, density))
    pm.Normal("obs", _design(*logs, group) @ beta, sigma, observed=np.log(weight))


def nes2000(
    partyid7: Array,
    real_ideo: Array,
    race_adj: Array,
    age_discrete: Array,
    educ1: Array,
    gender: Array,
    income: Array,
) -> None:
    beta = pm.Flat("beta", shape=9)
    sigma = pm.HalfFlat("sigma")
    ages = (age_discrete == age for age in (2, 3, 4))
    x = _design(real_ideo, race_adj, *ages, educ1, gender, income)
    pm.Normal("obs", x @ beta, sigma, observed=partyid7)


def ar5(y: Array, K: int, T: int) -> None:
    alpha = pm.Normal("alpha", 0, 10)
    beta = pm.Normal("beta", 0, 10, shape=K)
    sigma = pm.HalfCauchy("sigma", 2.5)
    lags = np.stack([y[K - 1 - k : T - 1 - k] for k in range(K)], axis=1)
    pm.Normal("obs", alpha + lags @ beta, sigma, observed=y[K:])


def gaussian_mixture(y: Array) -> None:
    mu = pm.Normal("mu", 0, 2, shape=2, transform=ordered, initval=[-1.0, 1.0])
    sigma = pm.HalfNormal("sigma", 2, shape=2)
    theta = pm.Beta("theta", 5, 5)
    pm.NormalMixture("obs", w=pt.stack([theta, 1 - theta]), mu=mu, sigma=sigma, observed=y)


def hierarchy(group: Array, x: Array, y: Array, groups: int) -> None:
    mu_a = pm.Normal("mu_a", 0, 5)
    mu_b = pm.Normal("mu_b", 0, 5)
    tau_a = pm.HalfNormal("tau_a", 1)
    tau_b = pm.HalfNormal("tau_b", 1)
    sigma = pm.HalfNormal("sigma", 1)
    eta_a = pm.Normal("eta_a", 0, 1, shape=groups)
    eta_b = pm.Normal("eta_b", 0, 1, shape=groups)
    a = mu_a + tau_a * eta_a
    b = mu_b + tau_b * eta_b
    pm.Normal("obs", a[group] + b[group] * x, sigma, observed=y)


def correlated_gaussian(scale_tril: Array, y: float) -> None:
    x = pm.MvNormal("x", mu=np.zeros(len(scale_tril)), chol=scale_tril)
    pm.Normal("obs", x.mean(), 1, observed=y)


def logistic(x: Array, y: Array) -> None:
    alpha = pm.Normal("alpha", 0, 2.5)
    beta = pm.Normal("beta", 0, 2.5, shape=x.shape[1])
    pm.Bernoulli("obs", logit_p=alpha + x @ beta, observed=y)


def _design(*columns: Array) -> Array:
    return np.stack([np.ones(len(columns[0])), *columns], axis=1)


MODELS: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        eight_schools,
        gp_regression,
        kidiq,
        earnings,
        mesquite,
        nes2000,
        ar5,
        gaussian_mixture,
        hierarchy,
        correlated_gaussian,
        logistic,
    )
}
