"""Formulas as densities: equal, up to a constant, to the models that a person would write."""

from typing import Any

import numpy as np
import pytest
import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import model_id, parse_definition
from models.errors import DataError
from models.formula.design import design, graph_of
from models.loading import load_for
from models.programs import build_program
from models.traced import TracedDensity
from tests.models.formula.columns_of_data import table

DATA = table()
CENTRE = np.array([np.mean(DATA["x"]), np.mean(DATA["z"])])
X = np.column_stack([DATA["x"], DATA["z"]])
CODES = [sorted(set(DATA["g"])).index(level) for level in DATA["g"]]


def formula(text: str, family: str = "gaussian", **more: Any) -> TracedDensity:
    raw = {"language": "formula", "formula": text, "family": family, **more}
    definition = parse_definition(raw)
    return compile_model(definition, load_for(definition, DATA))


def pyro(source: str, **data: Any) -> TracedDensity:
    arrays = load_data({name: np.asarray(values) for name, values in data.items()})
    return compile_model(parse_definition({"language": "pyro", "source": source}), arrays)


def points(density: TracedDensity, count: int = 6) -> torch.Tensor:
    seed = torch.Generator().manual_seed(5)
    return torch.randn(count, density.dim, dtype=torch.float64, generator=seed)


def assert_equal_up_to_a_constant(ours: TracedDensity, theirs: TracedDensity) -> None:
    """Both have the same parameters in the same order."""
    assert [(p.name, p.shape) for p in ours.parameters] == [
        (p.name, p.shape) for p in theirs.parameters
    ]
    # Near the origin: a person's probabilities round to 0 and 1 far from it.
    z = points(ours) / 4
    difference = ours.value(z) - theirs.value(z)
    torch.testing.assert_close(difference, difference[:1].expand(len(z)), rtol=0, atol=1e-8)


HEAD = """
def model(X, y, s):
    alpha = pyro.sample("alpha", dist.Normal(s[0], s[1]))
    beta = pyro.sample("beta", dist.Normal(torch.zeros(2), s[2:4]).to_event(1))
"""
FAMILIES = {
    "gaussian": ("y", {}, "HalfStudentT(4., s[4])", "Normal(eta, sigma)", "sigma"),
    "gaussian log": (
        "k",
        {"link": "log"},
        "HalfStudentT(4., s[4])",
        "Normal(torch.exp(eta), sigma)",
        "sigma",
    ),
    "bernoulli": ("d", {}, None, "Bernoulli(logits=eta)", None),
    "bernoulli probit": (
        "d",
        {"link": "probit"},
        None,
        "Bernoulli(probs=torch.special.ndtr(eta))",
        None,
    ),
    "bernoulli cloglog": (
        "d",
        {"link": "cloglog"},
        None,
        "Bernoulli(probs=1 - torch.exp(-torch.exp(eta)))",
        None,
    ),
    "poisson": ("c", {}, None, "Poisson(torch.exp(eta))", None),
    "poisson sqrt": ("c", {"link": "sqrt"}, None, "Poisson(eta ** 2)", None),
    "negative_binomial": (
        "c",
        {},
        "HalfCauchy(1.)",
        "NegativeBinomial(phi, probs=torch.exp(eta) / (torch.exp(eta) + phi))",
        "phi",
    ),
    "gamma": ("k", {}, "HalfCauchy(1.)", "Gamma(shape, shape / torch.exp(eta))", "shape"),
    "beta": (
        "u",
        {},
        "HalfCauchy(1.)",
        "Beta(torch.sigmoid(eta) * phi, (1 - torch.sigmoid(eta)) * phi)",
        "phi",
    ),
    "beta probit": (
        "u",
        {"link": "probit"},
        "HalfCauchy(1.)",
        "Beta(torch.special.ndtr(eta) * phi, (1 - torch.special.ndtr(eta)) * phi)",
        "phi",
    ),
}


def scales(density_of: str, family: str, **more: Any) -> list[float]:
    raw = {"language": "formula", "formula": density_of, "family": family, **more}
    arrays = design(parse_definition(raw), DATA).arrays
    found = [float(arrays["alpha_loc"]), float(arrays["alpha_scale"]), *arrays["beta_scale"]]
    return [*found, float(arrays.get("sigma_scale", np.ones(())))]


@pytest.mark.parametrize("case", FAMILIES)
def test_a_family_is_the_model_that_a_person_would_write(case: str) -> None:
    response, more, prior, likelihood, auxiliary = FAMILIES[case]
    family, text = case.split()[0], f"{response} ~ x + z"
    source = HEAD
    if auxiliary:
        source += f'    {auxiliary} = pyro.sample("{auxiliary}", dist.{prior})\n'
    source += "    eta = alpha + X @ beta\n    with pyro.plate('row', len(y)):\n"
    source += f"        pyro.sample('y', dist.{likelihood}, obs=y)\n"
    theirs = pyro(source, X=X - CENTRE, y=DATA[response], s=scales(text, family, **more))
    assert_equal_up_to_a_constant(formula(text, family, **more), theirs)


def test_a_student_regression() -> None:
    source = HEAD + (
        "    sigma = pyro.sample('sigma', dist.HalfStudentT(4., s[4]))\n"
        "    nu = pyro.sample('nu', dist.Gamma(2., 0.1))\n"
        "    with pyro.plate('row', len(y)):\n"
        "        pyro.sample('y', dist.StudentT(nu, alpha + X @ beta, sigma), obs=y)\n"
    )
    theirs = pyro(source, X=X - CENTRE, y=DATA["y"], s=scales("y ~ x + z", "student"))
    assert_equal_up_to_a_constant(formula("y ~ x + z", "student"), theirs)


def test_a_binomial_regression_with_an_offset() -> None:
    source = HEAD.replace("(X, y, s)", "(X, y, s, off)") + (
        "    with pyro.plate('row', len(y)):\n"
        "        pyro.sample('y', dist.Binomial(7, logits=alpha + X @ beta + off), obs=y)\n"
    )
    text = "p(s, 7) ~ x + z + offset(0.5 * z) + offset(log(x))"
    off = np.multiply(DATA["z"], 0.5) + np.log(DATA["x"])
    theirs = pyro(source, X=X - CENTRE, y=DATA["s"], s=scales(text, "binomial"), off=off)
    assert_equal_up_to_a_constant(formula(text, "binomial"), theirs)


def test_an_ordinal_regression_has_cutpoints_on_the_original_scale() -> None:
    source = """
def model(X, y, s):
    probabilities = pyro.sample("probabilities", dist.Dirichlet(torch.ones(4)))
    beta = pyro.sample("beta", dist.Normal(torch.zeros(2), s).to_event(1))
    below = torch.cumsum(probabilities, 0)[:-1]
    cuts = torch.log(below) - torch.log(1 - below)
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.OrderedLogistic(X @ beta, cuts), obs=y)
"""
    ours = formula("o ~ x + z", "ordinal")
    theirs = pyro(source, X=X - CENTRE, y=DATA["o"], s=2.5 / X.std(0))
    assert_equal_up_to_a_constant(ours, theirs)
    found = ours.constrain(points(ours))
    centred = found["cutpoints"] - found["beta"] @ torch.from_numpy(CENTRE)[:, None]
    torch.testing.assert_close(centred, found["centred_cutpoints"])


MIXED = """
def model(X, Z, g, y, s):
    alpha = pyro.sample("alpha", dist.Normal(s[0], s[1]))
    beta = pyro.sample("beta", dist.Normal(torch.zeros(1), s[2:3]).to_event(1))
    sd = pyro.sample("sd_g", dist.HalfNormal(s[4:6]).to_event(1))
    chol = pyro.sample("chol_g", dist.LKJCholesky(2, 1.0))
    z = pyro.sample("z_g", dist.Normal(0., 1.).expand([3, 2]).to_event(2))
    sigma = pyro.sample("sigma", dist.HalfStudentT(4., s[3]))
    effect = z @ (sd[:, None] * chol).T
    mean = alpha + X @ beta + effect[g, 0] + effect[g, 1] * Z
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Normal(mean, sigma), obs=y)
"""


def test_varying_effects_are_non_centred_and_correlated() -> None:
    spread = np.std(DATA["y"], ddof=1)
    s = [np.mean(DATA["y"]), 2.5 * spread, 2.5 * spread / np.std(DATA["x"]), spread]
    s += [2.5 * spread, 2.5 * spread / np.std(DATA["z"])]
    x = np.array(DATA["x"])[:, None]
    theirs = pyro(MIXED, X=x - x.mean(), Z=DATA["z"], g=CODES, y=DATA["y"], s=s)
    ours = formula("y ~ x + (1 + z | g)")
    assert_equal_up_to_a_constant(ours, theirs)
    found = ours.constrain(points(ours))
    chol = found["chol_g"]
    torch.testing.assert_close(found["cor_g"], chol @ chol.mT)
    scaled = found["sd_g"][:, :, None] * chol
    torch.testing.assert_close(found["effect_g"], found["z_g"] @ scaled.mT)


@pytest.mark.parametrize(
    ("text", "effect"),
    [("y ~ 1 + (1 | g)", "effect[g]"), ("y ~ 1 + (0 + x | g)", "effect[g] * x")],
)
def test_one_effect_that_varies(text: str, effect: str) -> None:
    source = f"""
def model(x, g, y, s):
    alpha = pyro.sample("Intercept", dist.Normal(s[0], s[1]))
    sd = pyro.sample("sd_g", dist.HalfNormal(s[2]))
    z = pyro.sample("z_g", dist.Normal(0., 1.).expand([3]).to_event(1))
    sigma = pyro.sample("sigma", dist.HalfStudentT(4., s[3]))
    effect = sd * z
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Normal(alpha + {effect}, sigma), obs=y)
"""
    spread = np.std(DATA["y"], ddof=1)
    scale = 2.5 * spread / (np.std(DATA["x"]) if "x" in text else 1)
    data = {"x": DATA["x"]} if "x" in text else {}
    source = source if data else source.replace("(x, g", "(g")
    theirs = pyro(
        source, g=CODES, y=DATA["y"], s=[np.mean(DATA["y"]), 2.5 * spread, scale, spread], **data
    )
    assert_equal_up_to_a_constant(formula(text), theirs)


def test_the_intercept_is_reported_on_the_original_scale() -> None:
    ours = formula("y ~ x + z")
    found = ours.constrain(points(ours))
    at_means = found["Intercept"] + found["beta"] @ torch.from_numpy(CENTRE)
    torch.testing.assert_close(at_means, found["alpha"])


def test_without_an_intercept_nothing_is_centred() -> None:
    definition = parse_definition({"language": "formula", "formula": "y ~ 0 + x + z"})
    np.testing.assert_array_equal(design(definition, DATA).arrays["X"], X)


def test_slopes_in_blocks_are_the_slopes_in_one() -> None:
    normal = {"distribution": "Normal", "args": {"loc": 0, "scale": 1}}
    laplace = {"distribution": "Laplace", "args": {"loc": 0, "scale": 1}}
    one = formula("y ~ x + z + g", priors={"beta": normal})
    blocks = formula("y ~ x + z + g", priors={"beta": normal, "z": laplace})
    assert [p.name for p in blocks.parameters] == ["alpha", "beta_1", "beta_2", "beta_3", "sigma"]
    z = points(one)
    slope = z[:, 2]
    swapped = -slope.abs() - np.log(2) + slope**2 / 2 + np.log(2 * np.pi) / 2
    torch.testing.assert_close(blocks.value(z) - one.value(z), swapped, rtol=0, atol=1e-9)


def test_the_graph_needs_no_data_and_is_a_model_of_its_own() -> None:
    raw = {"language": "formula", "formula": "y ~ x*g + (1 + z | h)"}
    definition = parse_definition(raw)
    designed = design(definition, DATA)
    graph = graph_of(definition)
    assert graph == designed.definition
    assert build_program(definition).data_names == tuple(designed.arrays)
    alone = compile_model(graph, designed.arrays)
    ours = formula(raw["formula"])
    torch.testing.assert_close(alone.value(points(alone)), ours.value(points(ours)))
    assert model_id(definition) != model_id(graph)


def test_labels_have_the_shapes_of_what_they_label() -> None:
    for density in (
        formula("y ~ x*g + (1 + z + g | h) + (1 | whole)"),
        formula("o ~ x", "ordinal", levels={"o": [3, 2, 1, 0]}),
    ):
        assert density.legend is not None
        shapes = {q.name: q.shape for q in (*density.parameters, *density.deterministics)}
        for name, labels in density.legend.labels.items():
            assert tuple(map(len, labels)) == shapes[name]
        labelled = {name for name, shape in shapes.items() if shape}
        assert labelled == set(density.legend.labels)


def test_one_group_is_refused() -> None:
    definition = parse_definition({"language": "formula", "formula": "y ~ x + (1 | h)"})
    data = {**DATA, "h": ["k"] * len(DATA["y"])}
    with pytest.raises(DataError, match="effects vary by h, which is 'k' in every row") as caught:
        design(definition, data)
    assert caught.value.path == "formula, column 12"


def test_groups_are_the_combinations_that_occur() -> None:
    data = {"y": [1.0, 2.0, 4.0, 3.0], "g": ["a", "b", "b", "a"], "h": [2, 1, 2, 2]}
    definition = parse_definition({"language": "formula", "formula": "y ~ (1 | g:h)"})
    designed = design(definition, data)
    assert designed.legend.labels["effect_g_h"] == (("a:2", "b:1", "b:2"),)
    assert designed.arrays["index_g_h"].tolist() == [0, 1, 2, 0]
