"""The table of distributions: name -> arguments, constructor, and what must hold among them.

Names and argument order are Pyro's. Pyro's own classes serve where they keep the run's dtype and
work under `vmap`; the rest are twins of ours, in `models/families`. A new distribution is a line
here, and a class there if it needs one.
"""

from collections.abc import Callable, Mapping
from functools import partial

import pyro.distributions as dist
from pyro.distributions import constraints as c
from torch.distributions import Distribution

from models import parametrisations
from models.binding import Argument, Entry, Kind
from models.families import categories, continuous, counts, flat, lkj, multivariate, truncated, walk
from models.validity import increasing

_LOC = Argument("loc", c.real)
_SCALE = Argument("scale", c.positive)
_RATE = Argument("rate", c.positive)
_CONCENTRATION = Argument("concentration", c.positive)
_ALPHA = Argument("concentration1", c.positive)
_BETA = Argument("concentration0", c.positive)
_DF = Argument("df", c.positive)
_TRIALS = Argument("total_count", c.nonnegative_integer, Kind.COUNT, default=1)
_TOTAL = Argument("total_count", c.nonnegative_integer, default=1)
_FAILURES = Argument("total_count", c.positive)
_PROBS = Argument("probs", c.unit_interval, default=None)
_LOGITS = Argument("logits", c.real, default=None)
_SIMPLEX = Argument("probs", c.simplex, default=None)
_SCORES = Argument("logits", c.real_vector, default=None)
_WEIGHTS = Argument("concentration", c.independent(c.positive, 1))
_GATE = Argument("gate", c.unit_interval, default=None)
_GATE_LOGITS = Argument("gate_logits", c.real, default=None)
_VECTOR = Argument("loc", c.real_vector)

_ODDS = (("probs", "logits"),)
_GATES = (("gate", "gate_logits"),)
_MATRICES = ("covariance_matrix", "precision_matrix", "scale_tril")
_BELOW = (increasing("low", "high"),)


def _pyro(family: Callable[..., Distribution]) -> Callable[..., Distribution]:
    return partial(family, validate_args=False)


_CONTINUOUS = (
    Entry("Normal", (_LOC, _SCALE), _pyro(dist.Normal)),
    Entry("LogNormal", (_LOC, _SCALE), continuous.LogNormal),
    Entry(
        "StudentT",
        (_DF, Argument("loc", c.real, default=0), Argument("scale", c.positive, default=1)),
        continuous.StudentT,
    ),
    Entry("Cauchy", (_LOC, _SCALE), _pyro(dist.Cauchy)),
    Entry("HalfNormal", (_SCALE,), _pyro(dist.HalfNormal)),
    Entry("HalfCauchy", (_SCALE,), _pyro(dist.HalfCauchy)),
    Entry(
        "HalfStudentT",
        (_DF, Argument("scale", c.positive, default=1)),
        continuous.HalfStudentT,
    ),
    Entry("Exponential", (_RATE,), _pyro(dist.Exponential)),
    Entry("Gamma", (_CONCENTRATION, _RATE), _pyro(dist.Gamma)),
    Entry("InverseGamma", (_CONCENTRATION, _RATE), continuous.InverseGamma),
    Entry("Chi2", (_DF,), _pyro(dist.Chi2)),
    Entry("Beta", (_ALPHA, _BETA), _pyro(dist.Beta)),
    Entry(
        "Uniform",
        (Argument("low", c.real), Argument("high", c.real)),
        continuous.Uniform,
        relations=_BELOW,
    ),
    Entry("Laplace", (_LOC, _SCALE), _pyro(dist.Laplace)),
    Entry(
        "AsymmetricLaplace",
        (_LOC, _SCALE, Argument("asymmetry", c.positive)),
        _pyro(dist.AsymmetricLaplace),
    ),
    Entry("SoftLaplace", (_LOC, _SCALE), _pyro(dist.SoftLaplace)),
    Entry("Logistic", (_LOC, _SCALE), _pyro(dist.Logistic)),
    Entry("Gumbel", (_LOC, _SCALE), continuous.Gumbel),
    Entry("Weibull", (_SCALE, _CONCENTRATION), continuous.Weibull),
    Entry("Pareto", (_SCALE, Argument("alpha", c.positive)), continuous.Pareto),
    Entry("VonMises", (_LOC, _CONCENTRATION), continuous.VonMises),
    Entry(
        "TruncatedNormal",
        (
            _LOC,
            _SCALE,
            Argument("low", c.real, default=None),
            Argument("high", c.real, default=None),
        ),
        truncated.TruncatedNormal,
        relations=_BELOW,
    ),
)

_DISCRETE = (
    Entry(
        "Bernoulli",
        (_PROBS, _LOGITS),
        parametrisations.bernoulli,
        choices=_ODDS,
        family=counts.Bernoulli,
    ),
    Entry(
        "Binomial",
        (_TRIALS, _PROBS, _LOGITS),
        parametrisations.binomial,
        choices=_ODDS,
        family=counts.Binomial,
    ),
    Entry("BetaBinomial", (_ALPHA, _BETA, _TRIALS), counts.BetaBinomial),
    Entry("Poisson", (Argument("rate", c.nonnegative),), counts.Poisson),
    Entry(
        "NegativeBinomial",
        (_FAILURES, _PROBS, _LOGITS),
        parametrisations.negative_binomial,
        choices=_ODDS,
        family=counts.NegativeBinomial,
    ),
    Entry("GammaPoisson", (_CONCENTRATION, _RATE), counts.GammaPoisson),
    Entry(
        "Geometric",
        (_PROBS, _LOGITS),
        parametrisations.geometric,
        choices=_ODDS,
        family=counts.Geometric,
    ),
    Entry("Categorical", (_SIMPLEX, _SCORES), _pyro(dist.Categorical), choices=_ODDS),
    Entry(
        "OrderedLogistic",
        (Argument("predictor", c.real), Argument("cutpoints", c.ordered_vector)),
        categories.OrderedLogistic,
    ),
    Entry(
        "Multinomial",
        (_TOTAL, _SIMPLEX, _SCORES),
        parametrisations.multinomial,
        choices=_ODDS,
        family=categories.Multinomial,
    ),
    Entry("DirichletMultinomial", (_WEIGHTS, _TOTAL), categories.DirichletMultinomial),
    Entry(
        "ZeroInflatedPoisson",
        (Argument("rate", c.nonnegative), _GATE, _GATE_LOGITS),
        parametrisations.zero_inflated_poisson,
        family=counts.ZeroInflated,
        choices=_GATES,
        positional=1,
    ),
    Entry(
        "ZeroInflatedNegativeBinomial",
        (_FAILURES, _PROBS, _LOGITS, _GATE, _GATE_LOGITS),
        parametrisations.zero_inflated_negative_binomial,
        family=counts.ZeroInflated,
        choices=_ODDS + _GATES,
        positional=1,
    ),
)

_MULTIVARIATE = (
    Entry("Dirichlet", (_WEIGHTS,), _pyro(dist.Dirichlet)),
    Entry(
        "MultivariateNormal",
        (
            _VECTOR,
            Argument("covariance_matrix", c.positive_definite, default=None),
            Argument("precision_matrix", c.positive_definite, default=None),
            Argument("scale_tril", c.lower_cholesky, default=None),
        ),
        parametrisations.multivariate_normal,
        choices=(_MATRICES,),
        family=multivariate.MultivariateNormal,
    ),
    Entry(
        "MultivariateStudentT",
        (_DF, _VECTOR, Argument("scale_tril", c.lower_cholesky)),
        multivariate.MultivariateStudentT,
    ),
    Entry(
        "LKJCholesky",
        (
            Argument("dim", kind=Kind.SIZE, least=2),
            Argument("concentration", c.positive, default=1),
        ),
        lkj.LKJCholesky,
    ),
    Entry(
        "GaussianRandomWalk",
        (
            Argument("scale", c.positive, default=1),
            Argument("num_steps", kind=Kind.SIZE, default=1, least=1),
        ),
        walk.GaussianRandomWalk,
    ),
)

_OTHERS = (
    Entry(
        "MixtureSameFamily",
        (
            Argument("mixture_distribution", kind=Kind.DISTRIBUTION),
            Argument("component_distribution", kind=Kind.DISTRIBUTION),
        ),
        parametrisations.mixture,
        family=dist.MixtureSameFamily,
    ),
    Entry(
        "ImproperUniform",
        (
            Argument("support", kind=Kind.CONSTRAINT),
            Argument("batch_shape", kind=Kind.SHAPE, default=()),
            Argument("event_shape", kind=Kind.SHAPE, default=()),
        ),
        flat.ImproperUniform,
    ),
    Entry(
        "Delta",
        (
            Argument("v", c.real),
            Argument("log_density", c.real, default=0),
            Argument("event_dim", kind=Kind.SIZE, default=0),
        ),
        _pyro(dist.Delta),
    ),
)

#: Every distribution that a model may name.
TABLE: Mapping[str, Entry] = {
    entry.name: entry for entry in (*_CONTINUOUS, *_DISCRETE, *_MULTIVARIATE, *_OTHERS)
}
