"""The basket in NumPyro, for its NUTS and for BlackJAX's: a function by the name of a row's model.

Each takes the row's data by name and means what our text means. Designs are stacked outside the
gradient: matrices that depend on data alone are constants to JAX.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

Array = Any
sample = numpyro.sample


def eight_schools(y: Array, sigma: Array) -> None:
    mu = sample("mu", dist.Normal(0, 5))
    tau = sample("tau", dist.HalfCauchy(5))
    with numpyro.plate("school", len(y)):
        theta_trans = sample("theta_trans", dist.Normal(0, 1))
        theta = numpyro.deterministic("theta", mu + tau * theta_trans)
        sample("y", dist.Normal(theta, sigma), obs=y)


def gp_regression(x: Array, y: Array) -> None:
    rho = sample("rho", dist.Gamma(25, 4))
    alpha = sample("alpha", dist.HalfNormal(2))
    sigma = sample("sigma", dist.HalfNormal(1))
    kernel = alpha**2 * jnp.exp(-0.5 * ((x[:, None] - x) / rho) ** 2)
    covariance = kernel + sigma * jnp.eye(len(x))
    sample("y", dist.MultivariateNormal(jnp.zeros(len(x)), covariance), obs=y)


def kidiq(kid_score: Array, mom_hs: Array, mom_iq: Array) -> None:
    beta = sample("beta", dist.ImproperUniform(constraints.real_vector, (), (3,)))
    sigma = sample("sigma", dist.HalfCauchy(2.5))
    _linear(_design(mom_hs, mom_iq), beta, sigma, kid_score)


def earnings(earn: Array, height: Array) -> None:
    beta = sample("beta", dist.ImproperUniform(constraints.real_vector, (), (2,)))
    sigma = sample("sigma", dist.ImproperUniform(constraints.positive, (), ()))
    _linear(_design(height), beta, sigma, earn)


def mesquite(
    weight: Array,
    diam1: Array,
    diam2: Array,
    canopy_height: Array,
    total_height: Array,
    density: Array,
    group: Array,
) -> None:
    beta = sample("beta", dist.ImproperUniform(constraints.real_vector, (), (7,)))
    sigma = sample("sigma", dist.ImproperUniform(constraints.positive, (), ()))
    logs = (jnp.log(v) for v in (diam1, diam2, canopy_height, total_height, density))
    _linear(_design(*logs, group), beta, sigma, jnp.log(weight))


def nes2000(
    partyid7: Array,
    real_ideo: Array,
    race_adj: Array,
    age_discrete: Array,
    educ1: Array,
    gender: Array,
    income: Array,
) -> None:
    beta = sample("beta", dist.ImproperUniform(constraints.real_vector, (), (9,)))
    sigma = sample("sigma", dist.ImproperUniform(constraints.positive, (), ()))
    ages = (1.0 * (age_discrete == age) for age in (2, 3, 4))
    x = _design(real_ideo, race_adj, *ages, educ1, gender, income)
    _linear(x, beta, sigma, partyid7)


def ar5(y: Array, K: int, T: int) -> None:
    alpha = sample("alpha", dist.Normal(0, 10))
    beta = sample("beta", dist.Normal(0, 10).expand([K]).to_event(1))
    sigma = sample("sigma", dist.HalfCauchy(2.5))
    lags = jnp.stack([y[K - 1 - k : T - 1 - k] for k in range(K)], axis=1)
    with numpyro.plate("time", T - K):
        sample("y_next", dist.Normal(alpha + lags @ beta, sigma), obs=y[K:])


def gaussian_mixture(y: Array) -> None:
    mu = sample("mu", dist.ImproperUniform(constraints.ordered_vector, (), (2,)))
    numpyro.factor("mu_prior", -0.125 * (mu**2).sum())
    sigma = sample("sigma", dist.HalfNormal(2).expand([2]).to_event(1))
    theta = sample("theta", dist.Beta(5, 5))
    weights = dist.Categorical(probs=jnp.stack([theta, 1 - theta]))
    with numpyro.plate("row", len(y)):
        sample("y", dist.MixtureSameFamily(weights, dist.Normal(mu, sigma)), obs=y)


def hierarchy(group: Array, x: Array, y: Array, groups: int) -> None:
    mu_a = sample("mu_a", dist.Normal(0, 5))
    mu_b = sample("mu_b", dist.Normal(0, 5))
    tau_a = sample("tau_a", dist.HalfNormal(1))
    tau_b = sample("tau_b", dist.HalfNormal(1))
    sigma = sample("sigma", dist.HalfNormal(1))
    with numpyro.plate("group", groups):
        eta_a = sample("eta_a", dist.Normal(0, 1))
        eta_b = sample("eta_b", dist.Normal(0, 1))
    a = mu_a + tau_a * eta_a
    b = mu_b + tau_b * eta_b
    with numpyro.plate("row", len(y)):
        sample("y", dist.Normal(a[group] + b[group] * x, sigma), obs=y)


def correlated_gaussian(scale_tril: Array, y: float) -> None:
    size = scale_tril.shape[0]
    x = sample("x", dist.MultivariateNormal(jnp.zeros(size), scale_tril=scale_tril))
    sample("y", dist.Normal(x.mean(), 1), obs=y)


def logistic(x: Array, y: Array) -> None:
    alpha = sample("alpha", dist.Normal(0, 2.5))
    beta = sample("beta", dist.Normal(0, 2.5).expand([x.shape[1]]).to_event(1))
    with numpyro.plate("row", len(y)):
        sample("y", dist.BernoulliLogits(alpha + x @ beta), obs=y)


def _design(*columns: Array) -> Array:
    return jnp.stack([jnp.ones(len(columns[0])), *columns], axis=1)


def _linear(x: Array, beta: Array, sigma: Array, y: Array) -> None:
    with numpyro.plate("row", len(y)):
        sample("y", dist.Normal(x @ beta, sigma), obs=y)


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
