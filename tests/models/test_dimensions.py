"""Which plate every dimension of a site runs over, in both languages."""

from typing import Any

import pytest

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.traced import TracedDensity
from tests.models.running import EIGHT, body


def density(definition: Any, data: Any) -> TracedDensity:
    return compile_model(parse_definition(definition), load_data(data))


def graph(*sites: dict[str, Any], **plates: Any) -> dict[str, Any]:
    return {"language": "graph", "plates": plates, "sites": list(sites)}


def normal(name: str, loc: Any = 0, **more: Any) -> dict[str, Any]:
    return {"name": name, "distribution": "Normal", "args": {"loc": loc, "scale": 1}, **more}


def test_plates_of_a_graph_and_what_follows_them() -> None:
    found = density(
        graph(
            normal("mu"),
            normal("eta", plates=["school"]),
            {"name": "theta", "value": "mu + 2 * eta"},
            {"name": "share", "value": "softmax(eta, -1)"},
            normal("y", "theta", plates=["school"], observed="y"),
            school="len(y)",
        ),
        {"y": EIGHT["y"]},
    ).dimensions()
    assert found == {
        "mu": (),
        "eta": ("school",),
        "theta": ("school",),
        # Every share depends on every effect: it is not the schools that it runs over alone.
        "share": (None,),
        "y": ("school",),
    }


PLATES = body(
    "a = pyro.sample('a', dist.Normal(0., 5.))",
    "b = pyro.sample('b', dist.Normal(torch.zeros(3), 1.).to_event(1))",
    "p = pyro.plate('p', 2, dim=-2)",
    "q = pyro.plate('q', 3, dim=-1)",
    "with p:",
    "    u = pyro.sample('u', dist.Normal(0., 1.))",
    "    with q:",
    "        w = pyro.sample('w', dist.Dirichlet(torch.ones(4)))",
    "with q:",
    "    v = pyro.sample('v', dist.Normal(0., 1.))",
    "    inside = pyro.deterministic('inside', full((3,), 1.) + a)",
    "both = pyro.deterministic('both', u * v)",
    "cells = pyro.deterministic('cells', w)",
    "picked = pyro.deterministic('picked', v[g])",
    "line = pyro.deterministic('line', a + x @ b + picked)",
    "fixed = pyro.deterministic('fixed', x[:, 0])",
    "with pyro.plate('row', len(y)):",
    "    pyro.sample('z', dist.Normal(line + w.sum(), 1.), obs=y)",
    arguments="x, y, g",
)


def test_plates_of_a_program() -> None:
    x = [[1.0, 2.0, 0.5], [0.0, 1.0, 3.0], [2.0, 1.0, 1.0], [1.0, 1.0, 2.0]]
    data = {"x": x, "y": [1.0, 2.0, 3.0, 4.0], "g": [0, 1, 2, 0]}
    found = density({"language": "pyro", "source": PLATES}, data).dimensions()
    assert found["b"] == (None,)
    # The plate q is not around u; Pyro gives its value a dimension of size 1 there.
    assert found["u"] == ("p", None)
    # Two plates, then the simplex.
    assert found["w"] == ("p", "q", None)
    assert found["inside"] == ("q",)
    assert found["both"] == ("p", "q")
    assert found["cells"] == ("p", "q", None)
    # Not the plate of v, which it picks from, but of the rows, which it enters one by one.
    assert found["picked"] == ("row",)
    assert found["line"] == ("row",)
    # Data alone.
    assert found["fixed"] == (None,)
    assert found["z"] == ("row",)


def test_a_plate_at_two_places_keeps_its_name() -> None:
    found = density(
        graph(
            normal("a", plates=["left", "right"]),
            normal("b", plates=["left"]),
            normal("y", "a + b[:, None]", plates=["left", "right"], observed="y"),
            left=2,
            right=3,
        ),
        {"y": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]},
    ).dimensions()
    assert found == {"a": ("left", "right"), "b": ("left",), "y": ("left", "right")}


def test_two_plates_of_one_size_leave_a_product_of_both_unnamed() -> None:
    found = density(
        graph(
            normal("a", plates=["one"]),
            normal("b", plates=["two"]),
            {"name": "c", "value": "a * b"},
            normal("y", "sum(c)", observed="y"),
            one=3,
            two=3,
        ),
        {"y": 1.0},
    ).dimensions()
    assert found["c"] == (None,)


@pytest.mark.parametrize("with_discrete", [False, True])
def test_a_discrete_latent_is_in_nobody_s_way(with_discrete: bool) -> None:
    source = body(
        "m = pyro.sample('m', dist.Normal(torch.zeros(2), 1.).to_event(1))",
        "with pyro.plate('row', len(y)):",
        "    k = pyro.sample('k', dist.Bernoulli(0.5))" if with_discrete else "    k = 1.0",
        "    pyro.sample('y', dist.Normal(m[0] + k * m[1], 1.), obs=y)",
    )
    known = density({"language": "pyro", "source": source}, {"y": [1.0, 2.0, 3.0]})
    assert known.dimensions() == {"m": (None,), "y": ("row",)}
    assert known.observed_values()["y"].tolist() == [1.0, 2.0, 3.0]
