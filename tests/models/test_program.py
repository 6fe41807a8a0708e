"""Pyro source means what Pyro's own run of the same function means."""

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch

from models.errors import DataError
from models.trace import fenced
from tests.models.running import EIGHT, body, context, log_density, pyro_program, trace, values

SCHOOLS = '''\
def model(y, sigma):
    """Eight schools."""
    mu = pyro.sample('mu', dist.Normal(0., 5.))
    tau = pyro.sample("tau", dist.HalfCauchy(5))
    with pyro.plate("school", len(y)) as j:
        eta = pyro.sample("eta", dist.Normal(0, 1))
        theta = pyro.deterministic("theta", mu + tau * eta)
        pyro.sample("y", dist.Normal(theta, sigma[j]), obs=y[j])
    return theta
'''


def schools(y: torch.Tensor, sigma: torch.Tensor) -> None:
    one = torch.ones((), dtype=torch.float64)
    mu = pyro.sample("mu", dist.Normal(0 * one, 5 * one))
    tau = pyro.sample("tau", dist.HalfCauchy(5 * one))
    with pyro.plate("school", len(y)):
        eta = pyro.sample("eta", dist.Normal(0 * one, one))
        pyro.sample("y", dist.Normal(mu + tau * eta, sigma), obs=y)


AT = {"mu": 1.5, "tau": 2.5, "eta": [0.1, -0.2, 0.3, 0.4, -0.5, 0.6, 0.7, -0.8]}


def test_data_names_are_the_arguments() -> None:
    assert pyro_program(SCHOOLS).data_names == ("y", "sigma")


def test_equals_pyro() -> None:
    ours = log_density(pyro_program(SCHOOLS), EIGHT, AT)
    data = {k: torch.as_tensor(v, dtype=torch.float64) for k, v in AT.items()}
    arguments = [torch.tensor(EIGHT[k], dtype=torch.float64) for k in ("y", "sigma")]
    with fenced():
        conditioned = pyro.poutine.condition(schools, data=data)
        theirs = pyro.poutine.trace(conditioned).get_trace(*arguments).log_prob_sum()
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_keeps_the_dtype(dtype: torch.dtype) -> None:
    recorded = trace(pyro_program(SCHOOLS), EIGHT, where=context(dtype))
    for name in ("mu", "tau", "eta", "theta", "y"):
        assert recorded.nodes[name]["value"].dtype == dtype
    for name in ("mu", "tau", "eta", "y"):
        assert recorded.nodes[name]["log_prob"].dtype == dtype


def site(source: str, name: str, data: dict[str, Any], **at: Any) -> torch.Tensor:
    value: torch.Tensor = trace(pyro_program(source), data, at).nodes[name]["value"]
    return value


def test_loops_name_their_sites() -> None:
    source = body(
        "x = pyro.sample('x_0', dist.Normal(0., 1.))",
        "for t in range(1, len(y)):",
        "    x = pyro.sample('x_' + str(t), dist.Normal(0.5 * x, 1.))",
        "    pyro.sample('y_' + str(t), dist.Normal(x, 1.), obs=y[t])",
    )
    recorded = trace(pyro_program(source), {"y": [1.0, 2.0, 3.0]})
    names = ("x_0", "x_1", "y_1", "x_2", "y_2")
    assert [n for n in recorded.nodes if n in names] == list(names)


def test_branches_on_static_values() -> None:
    source = body(
        "n, k = x.shape",
        "if k > 1 and flag:",
        "    out = x.sum(-1)",
        "else:",
        "    out = x[:, 0]",
        "out += 1 if n == 2 else 5",
        "pyro.deterministic('out', out)",
        arguments="x, flag",
    )
    data = {"x": [[1, 2], [3, 4]], "flag": 1}
    assert site(source, "out", data).tolist() == [4.0, 8.0]
    assert site(source, "out", data | {"flag": 0}).tolist() == [2.0, 4.0]


def test_integers_of_the_data_become_static_only_where_needed() -> None:
    source = body(
        "pyro.deterministic('a', torch.zeros(2 * n + 1) + m / 2)",
        "pyro.deterministic('b', m * 3 + k)",
        "if k > 2:",
        "    pyro.deterministic('c', torch.ones(1))",
        arguments="n, m, k",
    )
    where = context()
    trace(pyro_program(source), {"n": 2, "m": 5, "k": 3}, where=where)
    assert where.static_names == {"n", "k"}


def test_integers_that_are_not_static_may_be_arrays() -> None:
    source = body("pyro.deterministic('a', n * 3 + n // 2 + n ** 2 + n % 4 - n / 2)", arguments="n")
    program = pyro_program(source)
    wanted = 7 * 3 + 3 + 49 + 3 - 3.5
    assert float(trace(program, {"n": 7}).nodes["a"]["value"]) == wanted
    with fenced():
        run = pyro.poutine.trace(lambda: program.run({"n": torch.tensor(7)}, context()))
        assert float(run.get_trace().nodes["a"]["value"]) == wanted


def test_tuple_of_torch() -> None:
    source = body(
        "values, places = torch.max(y, 0)",
        "pyro.deterministic('a', values + places + torch.sort(y)[1][0] + y.min(0).indices)",
    )
    assert float(site(source, "a", {"y": [3.0, 9.0, 1.0]})) == 9 + 1 + 2 + 2


def test_two_plates_and_indices() -> None:
    source = body(
        "rows = pyro.plate('rows', 2, dim=-2)",
        "columns = pyro.plate('columns', 3, dim=-1)",
        "with rows:",
        "    a = pyro.sample('a', dist.Normal(0., 1.))",
        "with rows, columns:",
        "    pyro.sample('y', dist.Normal(a, 1.), obs=y)",
    )
    recorded = trace(pyro_program(source), {"y": [[1, 2, 3], [4, 5, 6]]})
    assert recorded.nodes["a"]["value"].shape == (2, 1)
    assert recorded.nodes["y"]["log_prob"].shape == (2, 3)


def test_distribution_methods_and_nesting() -> None:
    source = body(
        "w = pyro.sample('w', dist.Dirichlet(torch.ones(3)))",
        "m = pyro.sample('m', dist.Normal(0., 1.).expand([3]).to_event(1))",
        "b = pyro.sample('b', dist.Normal(torch.zeros(2, 3), 1.).to_event())",
        "mix = dist.MixtureSameFamily(dist.Categorical(w), dist.Normal(m, 1.))",
        "with pyro.plate('n', 4):",
        "    pyro.sample('y', mix.mask(y > 0), obs=y)",
    )
    recorded = trace(pyro_program(source), {"y": [1.0, -1.0, 2.0, -2.0]})
    assert recorded.nodes["m"]["log_prob"].shape == ()
    assert recorded.nodes["b"]["log_prob"].shape == ()
    assert (recorded.nodes["y"]["log_prob"] == 0).tolist() == [False, True, False, True]


def test_flat_priors_parameters_and_factors() -> None:
    source = body(
        "s = pyro.sample('s', dist.ImproperUniform(dist.constraints.positive, (), ()))",
        "b = pyro.param('b', torch.tensor([1., 2.]), constraint=dist.constraints.positive)",
        "c = pyro.param('c', 0.5, constraint=dist.constraints.interval(0., 1.))",
        "pyro.factor('f', -s * b.sum() - c)",
        "pyro.sample('y', dist.Normal(0., s), obs=y)",
    )
    recorded = trace(pyro_program(source), {"y": [1.0]}, {"s": 2.0})
    assert recorded.nodes["b"]["value"].tolist() == [1.0, 2.0]
    assert float(recorded.nodes["f"]["log_prob"].detach()) == pytest.approx(-6.5, abs=1e-6)


def test_discrete_values_index() -> None:
    source = body(
        "m = pyro.sample('m', dist.Normal(torch.zeros(2), 1.).to_event(1))",
        "z = pyro.sample('z', dist.Bernoulli(0.5), infer={'enumerate': 'parallel'})",
        "pyro.deterministic('a', m[z] + z)",
        "pyro.sample('y', dist.Normal(m[z], 1.), obs=y)",
    )
    recorded = trace(pyro_program(source), {"y": 1.0}, {"m": [3.0, 4.0], "z": 1.0})
    assert float(recorded.nodes["a"]["value"]) == 5.0


def test_runs_under_vmap_and_grad() -> None:
    program = pyro_program(SCHOOLS)
    arguments = values(EIGHT)

    def potential(mu: torch.Tensor, eta: torch.Tensor) -> torch.Tensor:
        at = {"mu": mu, "eta": eta, "tau": torch.ones((), dtype=torch.float64)}
        run = pyro.poutine.condition(lambda: program.run(arguments, context()), data=at)
        total: torch.Tensor = pyro.poutine.trace(run).get_trace().log_prob_sum()
        return total

    generator = torch.Generator().manual_seed(1)
    mu = torch.randn(5, generator=generator, dtype=torch.float64)
    eta = torch.randn(5, 8, generator=generator, dtype=torch.float64)
    with fenced():
        batched = torch.func.vmap(torch.func.grad(potential))(mu, eta)
        single = torch.stack(
            [torch.func.grad(potential)(m, e) for m, e in zip(mu, eta, strict=True)]
        )
    assert torch.allclose(batched, single)


def test_missing_and_surplus_data() -> None:
    program = pyro_program(SCHOOLS)
    with pytest.raises(DataError, match=r"data\.sigma: .*missing"):
        trace(program, {"y": [1.0]})
    with pytest.raises(DataError, match=r"data\.sigmaa: .*did you mean 'sigma'"):
        trace(program, EIGHT | {"sigmaa": [1.0]})
