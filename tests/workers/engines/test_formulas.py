"""Maximum likelihood of formulas against statsmodels: coefficients and standard errors."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.othermod.betareg import BetaModel

from models.compile import compile_model
from models.definition import parse_definition
from models.loading import load_for
from tests.models.formula.columns_of_data import table
from tests.workers.engines.runs import finished
from workers.engines.mle import MleOptions
from workers.results import MleResult

DATA = table(100)
FRAME = pd.DataFrame(DATA)
RIGHT = "x + x:g"
LINKS = sm.families.links
#: Family, response, link, and statsmodels' family.
GLMS: dict[str, tuple[str, str, dict[str, Any], Any]] = {
    "logit": ("bernoulli", "d", {}, sm.families.Binomial()),
    "probit": ("bernoulli", "d", {"link": "probit"}, sm.families.Binomial(LINKS.Probit())),
    "cloglog": ("bernoulli", "d", {"link": "cloglog"}, sm.families.Binomial(LINKS.CLogLog())),
    "poisson": ("poisson", "c", {}, sm.families.Poisson()),
    "sqrt": ("poisson", "c", {"link": "sqrt"}, sm.families.Poisson(LINKS.Sqrt())),
    "gamma": ("gamma", "k", {}, sm.families.Gamma(LINKS.Log())),
}


def mle(formula: str, family: str, errors: str = "observed", **more: Any) -> MleResult:
    raw = {"language": "formula", "formula": formula, "family": family, **more}
    definition = parse_definition(raw)
    options = MleOptions(restarts=1, standard_errors=errors)
    done = finished(options, compile_model(definition, load_for(definition, DATA)))
    assert done.findings.outcome == "converged"
    assert done.findings.mle is not None
    return done.findings.mle


def fitted(fit: Any, **options: Any) -> Any:
    """statsmodels' result; it warns of options of its own making."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit(**options)


def assert_same(
    found: MleResult, params: Any, errors: Any, names: tuple[str, ...] = ("Intercept", "beta")
) -> None:
    """Intercept and slopes, to 1e-6 and 1e-4."""
    entries = [found.estimate[name] for name in names]
    value = np.concatenate([np.ravel(entry.value) for entry in entries])
    error = np.concatenate([np.ravel(entry.standard_error) for entry in entries])
    np.testing.assert_allclose(value, np.asarray(params)[: len(value)], rtol=0, atol=1e-6)
    np.testing.assert_allclose(error, np.asarray(errors)[: len(value)], rtol=1e-4)


def test_a_linear_regression_is_least_squares() -> None:
    theirs = smf.ols(f"y ~ {RIGHT}", FRAME).fit()
    # Maximum likelihood divides by the number of rows.
    shrunk = np.sqrt(theirs.df_resid / len(FRAME))
    assert_same(mle(f"y ~ {RIGHT}", "gaussian"), theirs.params, theirs.bse * shrunk)


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=[pytest.mark.slow] if GLMS[c][2] else []) for c in GLMS],
)
def test_a_generalised_linear_model(case: str) -> None:
    family, response, more, theirs_family = GLMS[case]
    formula = f"{response} ~ {RIGHT}"
    model = fitted(smf.glm, formula=formula, data=FRAME, family=theirs_family)
    theirs = fitted(model.fit, tol=1e-14)
    # The standard errors of a generalised linear model are those of the expected information.
    ours = mle(formula, family, "expected", **more)
    scale = 1.0
    if family == "gamma":
        scale = np.sqrt(theirs.scale * ours.estimate["shape"].value)
    assert_same(ours, theirs.params, theirs.bse / scale)


def test_counts_out_of_trials() -> None:
    columns = np.column_stack([FRAME.s, 7 - FRAME.s])
    design = smf.ols(f"y ~ {RIGHT}", FRAME).exog
    theirs = sm.GLM(columns, design, family=sm.families.Binomial()).fit(tol=1e-14)
    assert_same(mle(f"p(s, 7) ~ {RIGHT}", "binomial"), theirs.params, theirs.bse)


@pytest.mark.slow
def test_an_offset() -> None:
    theirs = smf.poisson("c ~ z", FRAME, offset=np.log(FRAME.x)).fit(disp=0)
    assert_same(mle("c ~ z + offset(log(x))", "poisson"), theirs.params, theirs.bse)


def test_a_negative_binomial_regression() -> None:
    # Counts that spread more than a Poisson's.
    over = {**DATA, "c": (np.array(DATA["c"]) * np.tile([1, 1, 1, 4], 25)).tolist()}
    model = smf.negativebinomial("c ~ x + z", pd.DataFrame(over))
    theirs = fitted(model.fit, disp=0, maxiter=500, method="newton")
    raw = {"language": "formula", "formula": "c ~ x + z", "family": "negative_binomial"}
    definition = parse_definition(raw)
    done = finished(MleOptions(restarts=1), compile_model(definition, load_for(definition, over)))
    assert done.findings.mle is not None
    assert_same(done.findings.mle, theirs.params, theirs.bse)
    assert 1 / done.findings.mle.estimate["phi"].value == pytest.approx(theirs.params["alpha"])


def test_a_beta_regression() -> None:
    theirs = fitted(BetaModel.from_formula("u ~ x + z", FRAME).fit, disp=0, gtol=1e-9)
    ours = mle("u ~ x + z", "beta")
    assert_same(ours, theirs.params, theirs.bse)
    assert np.log(ours.estimate["phi"].value) == pytest.approx(theirs.params["precision"])


def test_an_ordered_logit() -> None:
    levels = FRAME.assign(o=pd.Categorical(FRAME.o, ordered=True))
    model = OrderedModel.from_formula("o ~ 0 + x + z", levels, distr="logit")
    theirs = fitted(model.fit, method="bfgs", disp=0, maxiter=1000, gtol=1e-10)
    ours = mle("o ~ x + z", "ordinal")
    assert_same(ours, theirs.params, theirs.bse, ("beta",))
    cuts = model.transform_threshold_params(theirs.params)[1:-1]
    np.testing.assert_allclose(ours.estimate["cutpoints"].value, cuts, atol=1e-6)
