"""Formulas as densities: equal, up to a constant, to the models that a person would write."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from models.compile import check_model, compile_model
from models.definition import model_id, parse_definition
from models.errors import DataError
from models.formula.design import design, graph_of
from models.loading import load_for
from models.program import AbstractProgram
from models.programs import build_program
from models.traced import TracedDensity
from tests.models.formula.columns_of_data import table
from tests.models.running import log_density, pyro_program, trace

DATA = table()
CENTRE = np.array([np.mean(DATA["x"]), np.mean(DATA["z"])])
X = np.column_stack([DATA["x"], DATA["z"]])
CODES = [sorted(set(DATA["g"])).index(level) for level in DATA["g"]]


def formula(text: str, family: str = "gaussian", **more: Any) -> TracedDensity:
    raw = {"language": "formula", "formula": text, "family": family, **more}
    definition = parse_definition(raw)
    return compile_model(definition, load_for(definition, DATA))


def points(density: TracedDensity, count: int = 6) -> torch.Tensor:
    seed = torch.Generator().manual_seed(5)
    return torch.randn(count, density.dim, dtype=torch.float64, generator=seed)


@dataclass(frozen=True)
class Written:
    """A model as a person would write it, with its data."""

    source: str
    data: dict[str, Any]


def pyro(source: str, **data: Any) -> Written:
    return Written(source, {name: np.asarray(values) for name, values in data.items()})


def drawn(name: str, shape: tuple[int, ...], draw: np.random.Generator) -> Any:
    """A value for an unknown, near where all families' arithmetic is exact."""
    free = draw.normal(size=shape) / 4
    if name in ("sigma", "nu", "phi", "shape") or name.startswith("sd_"):
        return np.exp(free)
    if name == "probabilities":
        return np.exp(free) / np.exp(free).sum()
    if name.startswith("chol_"):
        return np.array([[1.0, 0.0], [np.tanh(free[1, 0]), 1 / np.cosh(free[1, 0])]])
    return free


def unknowns(program: AbstractProgram, data: Any) -> dict[str, tuple[int, ...]]:
    trace_of = trace(program, data)
    names = [
        n for n in trace_of.stochastic_nodes if trace_of.nodes[n]["value"].dtype.is_floating_point
    ]
    return {name: tuple(trace_of.nodes[name]["value"].shape) for name in names}


def assert_equal_up_to_a_constant(
    theirs: Written, text: str, family: str = "gaussian", **more: Any
) -> None:
    """Check the joint log density at three points, and that the unknowns are the same."""
    raw = {"language": "formula", "formula": text, "family": family, **more}
    designed = design(parse_definition(raw), DATA)
    ours, other = build_program(designed.definition), pyro_program(theirs.source)
    shapes = unknowns(ours, designed.arrays)
    assert unknowns(other, theirs.data) == shapes
    draw, differences = np.random.default_rng(5), []
    for _ in range(3):
        at = {name: drawn(name, shape, draw) for name, shape in shapes.items()}
        mine = log_density(ours, designed.arrays, at)
        differences.append(float(mine - log_density(other, theirs.data, at)))
    assert differences == pytest.approx([differences[0]] * 3, abs=1e-8, rel=0)


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
    assert_equal_up_to_a_constant(theirs, text, family, **more)


def test_a_student_regression() -> None:
    source = HEAD + (
        "    sigma = pyro.sample('sigma', dist.HalfStudentT(4., s[4]))\n"
        "    nu = pyro.sample('nu', dist.Gamma(2., 0.1))\n"
        "    with pyro.plate('row', len(y)):\n"
        "        pyro.sample('y', dist.StudentT(nu, alpha + X @ beta, sigma), obs=y)\n"
    )
    theirs = pyro(source, X=X - CENTRE, y=DATA["y"], s=scales("y ~ x + z", "student"))
    assert_equal_up_to_a_constant(theirs, "y ~ x + z", "student")


def test_a_binomial_regression_with_an_offset() -> None:
    source = HEAD.replace("(X, y, s)", "(X, y, s, off)") + (
        "    with pyro.plate('row', len(y)):\n"
        "        pyro.sample('y', dist.Binomial(7, logits=alpha + X @ beta + off), obs=y)\n"
    )
    text = "p(s, 7) ~ x + z + offset(0.5 * z) + offset(log(x))"
    off = np.multiply(DATA["z"], 0.5) + np.log(DATA["x"])
    theirs = pyro(source, X=X - CENTRE, y=DATA["s"], s=scales(text, "binomial"), off=off)
    assert_equal_up_to_a_constant(theirs, text, "binomial")


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
    theirs = pyro(source, X=X - CENTRE, y=DATA["o"], s=2.5 / X.std(0))
    assert_equal_up_to_a_constant(theirs, "o ~ x + z", "ordinal")
    ours = formula("o ~ x + z", "ordinal")
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
    assert_equal_up_to_a_constant(theirs, "y ~ x + (1 + z | g)")
    ours = formula("y ~ x + (1 + z | g)")
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
    assert_equal_up_to_a_constant(theirs, text)


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


def test_with_data_the_graph_knows_how_many_effects_vary() -> None:
    definition = parse_definition({"language": "formula", "formula": "y ~ x + (0 + g | h)"})
    shown = check_model(definition, load_for(definition, DATA)).graph
    without = check_model(definition).graph
    assert shown is not None
    assert without is not None
    assert [s["name"] for s in shown["sites"] if s["name"].startswith("cor")] == ["cor_h"]
    assert "cor_h" not in [s["name"] for s in without["sites"]]
