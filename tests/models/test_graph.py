"""Graphs: equal to the same model in Pyro text, and every mistake has its path."""

from typing import Any

import pyro
import pytest
import torch

from models.definition import parse_definition
from models.errors import DataError, DefinitionError, ModelError, ShapeError
from models.programs import build_program
from models.trace import fenced
from tests.models.running import (
    EIGHT,
    body,
    context,
    graph_program,
    log_density,
    pyro_program,
    trace,
    values,
)

MU = {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 5}}
Y = {
    "name": "y",
    "distribution": "Normal",
    "args": {"loc": "mu", "scale": 2},
    "plates": ["row"],
    "observed": "y",
}
DATA = {"y": [1.0, 2.0, 4.0]}

KIDIQ = (
    {
        "name": "beta",
        "distribution": "ImproperUniform",
        "args": {"support": "real", "batch_shape": [], "event_shape": [3]},
    },
    {"name": "sigma", "distribution": "HalfCauchy", "args": {"scale": 2.5}},
    {
        "name": "kid_score",
        "distribution": "Normal",
        "args": {"loc": "beta[0] + beta[1] * mom_hs + beta[2] * mom_iq", "scale": "sigma"},
        "observed": "kid_score",
    },
)
KIDIQ_PYRO = body(
    "flat = dist.constraints.real",
    "beta = pyro.sample('beta', dist.ImproperUniform(flat, (), (3,)))",
    "sigma = pyro.sample('sigma', dist.HalfCauchy(2.5))",
    "x = torch.stack([torch.ones(len(mom_hs)), mom_hs, mom_iq], -1)",
    "with pyro.plate('row', len(kid_score)):",
    "    pyro.sample('kid_score', dist.Normal(x @ beta, sigma), obs=kid_score)",
    arguments="kid_score, mom_hs, mom_iq",
)
KIDIQ_DATA = {"kid_score": [65, 98, 85], "mom_hs": [1, 1, 0], "mom_iq": [121.1, 89.4, 115.4]}

SCHOOLS_PYRO = body(
    "mu = pyro.sample('mu', dist.Normal(0., 5.))",
    "tau = pyro.sample('tau', dist.HalfCauchy(5.))",
    "with pyro.plate('school', len(y)):",
    "    eta = pyro.sample('eta', dist.Normal(0., 1.))",
    "    theta = pyro.deterministic('theta', mu + tau * eta)",
    "    pyro.sample('y', dist.Normal(theta, sigma), obs=y)",
    arguments="y, sigma",
)
SCHOOLS = {"language": "catalog", "name": "eight_schools"}

MIXTURE = (
    {"name": "theta", "distribution": "Beta", "args": {"concentration1": 5, "concentration0": 5}},
    {"name": "mu", "distribution": "Normal", "args": {"loc": [-1, 1], "scale": 2}},
    {
        "name": "y",
        "distribution": "MixtureSameFamily",
        "args": {
            "mixture_distribution": {
                "distribution": "Categorical",
                "args": {"probs": "stack([theta, 1 - theta])"},
            },
            "component_distribution": {
                "distribution": "Normal",
                "args": {"loc": "mu", "scale": [1.0, 0.5]},
            },
        },
        "plates": ["row"],
        "observed": "y",
    },
)
MIXTURE_PYRO = body(
    "theta = pyro.sample('theta', dist.Beta(5, 5))",
    "mu = pyro.sample('mu', dist.Normal(torch.tensor([-1., 1.]), 2.))",
    "w = dist.Categorical(torch.stack([theta, 1 - theta]))",
    "mix = dist.MixtureSameFamily(w, dist.Normal(mu, torch.tensor([1., 0.5])))",
    "with pyro.plate('row', len(y)):",
    "    pyro.sample('y', mix, obs=y)",
)

AR = (
    {"name": "alpha", "distribution": "Normal", "args": {"loc": 0, "scale": 10}},
    {"name": "beta", "distribution": "Normal", "args": {"loc": "zeros(K)", "scale": 10}},
    {"name": "sigma", "distribution": "HalfCauchy", "args": {"scale": 2.5}},
    {
        "name": "y",
        "distribution": "Normal",
        "args": {"loc": "alpha + beta[0] * y[1:-1] + beta[1] * y[:-2]", "scale": "sigma"},
        "observed": "y[K:]",
    },
)
AR_PYRO = body(
    "alpha = pyro.sample('alpha', dist.Normal(0., 10.))",
    "beta = pyro.sample('beta', dist.Normal(torch.zeros(K), 10.).to_event(1))",
    "sigma = pyro.sample('sigma', dist.HalfCauchy(2.5))",
    "loc = alpha",
    "for k in range(K):",
    "    loc = loc + beta[k] * y[K - 1 - k:len(y) - 1 - k]",
    "pyro.sample('y', dist.Normal(loc, sigma), obs=y[K:])",
    arguments="K, y",
)

PAIRS: list[tuple[Any, str, dict[str, Any], dict[str, Any]]] = [
    (
        build_program(parse_definition(SCHOOLS)),
        SCHOOLS_PYRO,
        EIGHT,
        {"mu": 1.5, "tau": 2.5, "eta": [0.1, -0.2, 0.3, 0.4, -0.5, 0.6, 0.7, -0.8]},
    ),
    (
        graph_program(*KIDIQ),
        KIDIQ_PYRO,
        KIDIQ_DATA,
        {"beta": [25.0, 6.0, 0.5], "sigma": 18.0},
    ),
    (
        graph_program(*MIXTURE, row="len(y)"),
        MIXTURE_PYRO,
        DATA,
        {"theta": 0.3, "mu": [-0.5, 1.5]},
    ),
    (
        graph_program(*AR),
        AR_PYRO,
        {"K": 2, "y": [0.1, 0.3, -0.2, 0.5, 0.4]},
        {"alpha": 0.1, "beta": [0.5, -0.2], "sigma": 0.7},
    ),
]


@pytest.mark.parametrize(("graph", "source", "data", "at"), PAIRS)
def test_equals_the_same_model_in_pyro(
    graph: Any, source: str, data: dict[str, Any], at: dict[str, Any]
) -> None:
    left = log_density(graph, data, at)
    right = log_density(pyro_program(source), data, at)
    assert float(left) == pytest.approx(float(right), abs=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_keeps_the_dtype(dtype: torch.dtype) -> None:
    for graph, _, data, at in PAIRS:
        recorded = trace(graph, data, at, context(dtype, checks=True))
        assert recorded.log_prob_sum().dtype == dtype


def test_data_names_are_the_free_names() -> None:
    assert build_program(parse_definition(SCHOOLS)).data_names == ("y", "sigma")
    assert graph_program(*AR).data_names == ("y", "K")


def test_plates_outermost_first() -> None:
    sites = (
        {**MU, "plates": ["a"]},
        {**MU, "name": "nu", "plates": ["a", "b"]},
        {**Y, "args": {"loc": "mu[:, None] + nu", "scale": 1}, "plates": ["a", "b"]},
    )
    recorded = trace(graph_program(*sites, a=2, b="y.shape[1]"), {"y": [[1, 2, 3], [4, 5, 6]]})
    assert recorded.nodes["mu"]["value"].shape == (2,)
    assert recorded.nodes["nu"]["value"].shape == (2, 3)
    dims = [{f.name: f.dim for f in recorded.nodes[n]["cond_indep_stack"]} for n in ("mu", "nu")]
    assert dims == [{"a": -1}, {"a@2": -2, "b": -1}]


def test_parameters_values_and_factors() -> None:
    sites = (
        {"name": "b", "parameter": {"shape": ["len(y)"], "support": "positive"}},
        {"name": "c", "parameter": {"shape": [2], "support": "interval(0, 2)", "init": 1}},
        {"name": "d", "parameter": {"init": [[0.5, 0.5]], "support": "simplex"}},
        {"name": "e", "value": "c.sum() + 1"},
        {"name": "f", "value": [[1, 2], [3, 4]]},
        {"name": "g", "log_factor": "-e * f[1, 1]"},
        {"name": "n", "value": "len(y)"},
        {**Y, "args": {"loc": "zeros(n)", "scale": 1}},
    )
    recorded = trace(graph_program(*sites, row=3), DATA)
    assert recorded.nodes["b"]["value"].shape == (3,)
    assert recorded.nodes["b"]["value"].isnan().all()
    assert recorded.nodes["c"]["value"].tolist() == [1.0, 1.0]
    assert recorded.nodes["d"]["value"].tolist() == [[0.5, 0.5]]
    assert float(recorded.nodes["g"]["log_prob"].detach()) == -12.0


def test_an_observed_site_may_have_its_own_name() -> None:
    sites = (MU, {**Y, "name": "seen"}, {"name": "twice", "value": "2 * seen"})
    assert trace(graph_program(*sites, row=3), DATA).nodes["twice"]["value"].tolist() == [2, 4, 8]


def test_booleans_index() -> None:
    sites = (
        {"name": "m", "distribution": "Normal", "args": {"loc": [0, 0], "scale": 1}},
        {**Y, "args": {"loc": "m[treated]", "scale": 1}},
    )
    data = {**DATA, "treated": [True, False, True]}
    recorded = trace(graph_program(*sites, row=3), data, {"m": [5.0, 7.0]})
    assert recorded.nodes["y"]["fn"].mean.tolist() == [7, 5, 7]


def test_runs_under_vmap() -> None:
    program = build_program(parse_definition(SCHOOLS))
    arguments = values(EIGHT)

    def theta(mu: torch.Tensor) -> torch.Tensor:
        at = {"mu": mu, "tau": 2 * mu, "eta": torch.ones(8, dtype=torch.float64)}
        with fenced():
            run = pyro.poutine.condition(lambda: program.run(arguments, context()), data=at)
            value: torch.Tensor = pyro.poutine.trace(run).get_trace().nodes["theta"]["value"]
        return value

    mu = torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert torch.equal(torch.func.vmap(theta)(mu)[:, 0], 3 * mu)


def site(**changes: Any) -> tuple[dict[str, Any], ...]:
    """The model with the observed site changed."""
    return (MU, {**Y, **changes})


def args(**changes: Any) -> tuple[dict[str, Any], ...]:
    return site(args={**Y["args"], **changes})  # type: ignore[dict-item]


P = "model.sites[1]"
STATIC = [
    (site(distribution="Nrmal"), f"{P}.distribution", "did you mean 'Normal'"),
    (args(scal=1), f"{P}.args.scal", "did you mean 'scale'"),
    (site(args={"loc": 0}), f"{P}.args", "needs the argument 'scale'"),
    (site(distribution="Bernoulli", args={}), f"{P}.args", "one of 'probs' or 'logits'"),
    (args(loc="mu +"), f"{P}.args.loc", "syntax error"),
    (args(loc=""), f"{P}.args.loc", "empty expression"),
    (args(loc="mu\0"), f"{P}.args.loc", "NUL"),
    (args(loc="1" * 10_001), f"{P}.args.loc", "10001 characters"),
    (args(loc="().__class__"), f"{P}.args.loc", "'.__class__' is not part"),
    (args(loc="__import__('os')"), f"{P}.args.loc", "unknown function '__import__'"),
    (args(loc="open('f')"), f"{P}.args.loc", "unknown function 'open'"),
    (args(loc="torch.load('f')"), f"{P}.args.loc", "'torch.load' is not part"),
    (args(loc="pyro.sample('a', 1)"), f"{P}.args.loc", "'pyro.sample' is not part"),
    (args(loc="dist.Normal(0, 1)"), f"{P}.args.loc", "'dist.Normal' is not part"),
    (args(loc="lambda: 1"), f"{P}.args.loc", "lambda"),
    (args(loc="[i for i in y]"), f"{P}.args.loc", "comprehensions"),
    (args(loc="f'{mu}'"), f"{P}.args.loc", "f-strings"),
    (args(loc="mu if mu else (a := 1)"), f"{P}.args.loc", "`:=`"),
    (args(loc="exp"), f"{P}.args.loc", "is a function's name"),
    (args(loc="expp(mu)"), f"{P}.args.loc", "did you mean 'exp'"),
    (args(loc="row"), f"{P}.args.loc", "'row' is a plate"),
    (args(loc="1e999"), f"{P}.args.loc", "not finite"),
    (args(loc=float("inf")), f"{P}.args.loc", "not finite"),
    (args(loc=2**63), f"{P}.args.loc", "beyond 2^63"),
    (args(loc=None), f"{P}.args.loc", "write a number"),
    (args(loc={"distribution": "Normal"}), f"{P}.args.loc", "is no distribution"),
    (args(loc=[[1, 2], [3]]), f"{P}.args.loc", "ragged"),
    (args(loc=[1, None]), f"{P}.args.loc[1]", "write a number"),
    (args(loc=[1, "open('f')"]), f"{P}.args.loc[1]", "unknown function"),
    (site(plates=["rwo"]), f"{P}.plates[0]", "did you mean 'row'"),
    (site(plates=["row", "row"]), f"{P}.plates[1]", "stands twice"),
    ((*site(plates=["row"]), {**MU, "name": "y"}), "model.sites[2].name", "used twice"),
    (site(name="mu"), f"{P}.name", "used twice, first at model.sites[0].name"),
    (site(name="row"), f"{P}.name", "used twice, first at model.plates.row"),
    (site(name="exp"), f"{P}.name", "is a function's name"),
    (site(name="lambda"), f"{P}.name", "a word of the language"),
    (site(name="torch"), f"{P}.name", "a word of the language"),
    (({**Y, "args": {"loc": "mu", "scale": 1}}, MU), "model.sites[0].args.loc", "before it exists"),
    (({**MU, "args": {"loc": "mu", "scale": 1}}, Y), "model.sites[0].args.loc", "before it exists"),
    (({**MU, "name": "y"}, Y), f"{P}.name", "used twice"),
    (({**MU, "name": "z"}, {**Y, "observed": "z"}), "model.sites[0].name", "used twice"),
    (
        site(distribution="MixtureSameFamily", args={"mixture_distribution": 1}),
        f"{P}.args",
        "needs the argument 'component_distribution'",
    ),
    (
        site(
            distribution="MixtureSameFamily",
            args={"mixture_distribution": 1, "component_distribution": 2},
        ),
        f"{P}.args.mixture_distribution",
        "write a distribution",
    ),
    (
        site(
            distribution="MixtureSameFamily",
            args={
                "mixture_distribution": {"distribution": "Categorical", "args": {"prob": 1}},
                "component_distribution": 2,
            },
        ),
        f"{P}.args.mixture_distribution.args.prob",
        "did you mean 'probs'",
    ),
    (
        ({"name": "b", "parameter": {"support": "positiv"}}, Y),
        "model.sites[0].parameter.support",
        "did you mean 'positive'",
    ),
    (
        ({"name": "b", "parameter": {"init": "z("}}, Y),
        "model.sites[0].parameter.init",
        "syntax error",
    ),
    (
        (
            {"name": "b", "distribution": "ImproperUniform", "args": {
                "support": "positve", "batch_shape": [], "event_shape": []}},
            Y,
        ),
        "model.sites[0].args.support",
        "did you mean 'positive'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sites", "path", "fragment"), STATIC)
def test_refuses_a_definition(sites: Any, path: str, fragment: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        graph_program(*sites, row="len(y)")
    assert caught.value.path == path
    assert fragment in caught.value.message


RUNNING = [
    (args(loc="mu + ones(4)"), 3, f"{P}", "row", ShapeError),
    (args(loc="ones(4) + ones(5)"), 3, f"{P}.args.loc", "size", ShapeError),
    (args(loc="ones(5) @ ones(4)"), 3, f"{P}.args.loc", "", ShapeError),
    (args(loc="y[3]"), 3, f"{P}.args.loc", "index 3", ShapeError),
    (args(loc="y[[0, 1, 3]]"), 3, f"{P}.args.loc", "indices start at 0", DataError),
    (args(loc="1 / 0"), 3, f"{P}.args.loc", "division by zero", DefinitionError),
    (args(loc="2 ** 70"), 3, f"{P}.args.loc", "beyond 2^63", DefinitionError),
    (args(loc="zeros(y)"), 3, f"{P}.args.loc", "known before the model runs", DefinitionError),
    (args(loc="1 if mu > 0 else 2"), 3, f"{P}.args.loc", "write where", DefinitionError),
    (args(loc="'a'"), 3, f"{P}.args", "'loc'", DefinitionError),
    (args(scale=-1), 3, f"{P}.args.scale", "greater than 0", DefinitionError),
    (args(scale="0 * y"), 3, f"{P}.args.scale", "greater than 0", DefinitionError),
    (site(distribution="Poisson", args={"rate": 1}, observed="-y"), 3, f"{P}.observed", "from 0",
     DataError),
    (site(observed="y[:2]"), 3, f"{P}.observed", "shape", ShapeError),
    (site(observed="y[:, None]"), 3, f"{P}.observed", "shape", ShapeError),
    (args(loc="mu"), 0, "model.plates.row", "at least 1", ShapeError),
    (args(loc="mu"), "y", "model.plates.row", "known before the model runs", DefinitionError),
    (args(loc="mu"), 4, f"{P}.observed", "shape (3,)", ShapeError),
    (({"name": "b", "parameter": {"support": "positive", "init": -1}}, *site()), 3,
     "model.sites[0].parameter.init", "outside", DefinitionError),
    (({"name": "b", "parameter": {"support": "simplex"}}, *site()), 3,
     "model.sites[0].parameter.shape", "at least 1 dimension", ShapeError),
    (({"name": "b", "parameter": {"shape": [2], "init": [1, 2, 3]}}, *site()), 3,
     "model.sites[0].parameter.init", "", ShapeError),
    (({"name": "b", "parameter": {"shape": [0]}}, *site()), 3,
     "model.sites[0].parameter.shape[0]", "at least 1", ShapeError),
    (({"name": "b", "value": "'a'"}, *site()), 3, "model.sites[0].value", "numbers",
     DefinitionError),
]  # fmt: skip


@pytest.mark.parametrize(("sites", "size", "path", "fragment", "kind"), RUNNING)
def test_refuses_a_run(
    sites: Any, size: Any, path: str, fragment: str, kind: type[ModelError]
) -> None:
    program = graph_program(*sites, row=size)
    with pytest.raises(kind) as caught:
        trace(program, DATA, where=context(checks=True))
    assert caught.value.path == path
    assert fragment in caught.value.message
