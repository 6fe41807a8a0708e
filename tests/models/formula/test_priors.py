"""Priors: the defaults' numbers, and what overrides them."""

from typing import Any

import numpy as np
import pytest

from models.definition import parse_definition
from models.errors import DefinitionError
from models.formula.design import design
from models.formula.legend import UsedPrior
from tests.models.formula.columns_of_data import table

DATA = table()


def used(formula: str, family: str = "gaussian", **more: Any) -> dict[str, UsedPrior]:
    raw = {"language": "formula", "formula": formula, "family": family, **more}
    found = design(parse_definition(raw), DATA).legend.priors
    return {p.parameter + (f"[{p.term}]" if p.term else ""): p for p in found}


def test_defaults_are_scaled_to_the_data() -> None:
    found = used("y ~ x + g + (1 + z | h)")
    spread = np.std(DATA["y"], ddof=1)
    assert all(prior.default for prior in found.values())
    assert found["alpha"].args == pytest.approx({"loc": np.mean(DATA["y"]), "scale": 2.5 * spread})
    slope = 2.5 * spread / np.std(DATA["x"])
    assert found["beta[x]"].args == pytest.approx({"loc": 0, "scale": slope})
    assert found["sigma"].args == pytest.approx({"df": 4, "scale": spread})
    assert found["sd_h[Intercept]"].args == pytest.approx({"scale": 2.5 * spread})
    assert found["sd_h[z]"].args == pytest.approx({"scale": 2.5 * spread / np.std(DATA["z"])})
    assert found["chol_h"].args == {"concentration": 1}
    assert set(found) == {
        *("alpha", "beta[x]", "beta[g[b]]", "beta[g[c]]", "sigma"),
        *("sd_h[Intercept]", "sd_h[z]", "chol_h"),
    }


def test_defaults_of_links_are_on_the_links_scale() -> None:
    logistic = used("d ~ x", "bernoulli")
    assert logistic["alpha"].args == {"loc": 0, "scale": 2.5}
    assert logistic["beta[x]"].args["scale"] == pytest.approx(2.5 / np.std(DATA["x"]))
    counts = used("c ~ 1", "poisson")["Intercept"].args["loc"]
    assert counts == pytest.approx(np.log(np.mean(DATA["c"])))
    offset = used("c ~ 1 + offset(z)", "poisson")["Intercept"].args["loc"]
    assert offset == pytest.approx(np.log(np.mean(DATA["c"])) - np.mean(DATA["z"]))


def test_overrides_by_term_and_by_name() -> None:
    normal = {"distribution": "Normal", "args": {"loc": 1, "scale": 3}}
    found = used(
        "y ~ x*g + (1 | h)",
        priors={"g": normal, "g : x": normal, "sigma": {"distribution": "ImproperUniform"}}
        | {"sd": {"distribution": "Exponential", "args": {"rate": 2}}, "Intercept": normal},
    )
    for name in ("beta[g[b]]", "beta[x:g[c]]", "alpha"):
        assert found[name].args == {"loc": 1, "scale": 3}
        assert not found[name].default
    assert found["beta[x]"].default
    assert (found["sigma"].distribution, found["sigma"].default) == ("ImproperUniform", False)
    assert found["sd_h"].args == {"rate": 2}


def test_slopes_that_differ_in_distribution_are_blocks() -> None:
    laplace = {"distribution": "Laplace", "args": {"loc": 0, "scale": 1}}
    raw = {"language": "formula", "formula": "y ~ x + z + g", "priors": {"z": laplace}}
    designed = design(parse_definition(raw), DATA)
    assert designed.legend.labels["beta"] == (("x", "z", "g[b]", "g[c]"),)
    assert designed.legend.labels["beta_2"] == (("z",),)
    sites = {site.name: site for site in designed.definition.sites}
    assert sites["beta"].value == "cat([beta_1, beta_2, beta_3])"
    assert sites["beta_2"].distribution == "Laplace"
    assert [int(designed.arrays[f"n_beta_{i}"]) for i in (1, 2, 3)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("key", "prior", "path", "fragment"),
    [
        ("w", {"distribution": "Normal"}, "model.priors.w", "write one of x, Intercept, beta"),
        ("X", {"distribution": "Normal"}, "model.priors.X", "did you mean 'x'"),
        ("x", {"distribution": "Norm"}, "model.priors.x.distribution", "did you mean 'Normal'"),
        ("x", {"distribution": "Gamma"}, "model.priors.x.distribution", "does not suit"),
        ("sigma", {"distribution": "Normal"}, "model.priors.sigma.distribution", "does not suit"),
        ("x", {"distribution": "Normal"}, "model.priors.x.args", "needs the argument 'loc'"),
        (
            "x",
            {"distribution": "Normal", "args": {"loc": 0, "scale": 0}},
            "model.priors.x.args.scale",
            "greater than 0",
        ),
        (
            "x",
            {"distribution": "ImproperUniform", "args": {"loc": 0}},
            "model.priors.x.args",
            "remove them",
        ),
        ("x", {"distribution": "Normal", "args": {"loc": "z"}}, "model.priors.x.args.loc", ""),
        ("x", {"dist": "Normal"}, "model.priors.x.distribution", ""),
    ],
)
def test_an_override_that_cannot_be_used(
    key: str, prior: dict[str, Any], path: str, fragment: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        used("y ~ x", priors={key: prior})
    assert caught.value.path.startswith(path)
    assert fragment in caught.value.message
