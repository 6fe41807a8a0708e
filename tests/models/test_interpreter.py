"""What only shows when a program meets its data has line and column; work is bounded."""

from typing import Any

import pytest
import torch

from models.errors import DataError, DefinitionError, ModelError, ShapeError
from tests.models.running import body, context, pyro_program, trace

DATA: dict[str, Any] = {"y": [1.0, 2.0, 4.0]}
X = "x = pyro.sample('x', dist.Normal(0., 1.))"


#: Statements -> the place of the mistake, a fragment of the message, the kind of error.
RUNNING: list[tuple[list[str], str, str, type[ModelError]]] = [
    (["x = y + torch.ones(4)"], "line 2, column 9", "size of tensor", ShapeError),
    (["x = torch.ones(5) @ y"], "line 2, column 9", "", ShapeError),
    (["x = y[3]"], "line 2, column 9", "index 3", ShapeError),
    (["x = y[torch.tensor([0, 3])]"], "line 2, column 9", "indices start at 0", DataError),
    (["x = y[y > 1]"], "line 2, column 9", "a boolean index", DefinitionError),
    (["x = y[0.5 * y]"], "line 2, column 9", "whole number", DefinitionError),
    (["x = y.shape[3]"], "line 2, column 9", "index 3 of a list of 1", ShapeError),
    (["x = 1 / 0"], "line 2, column 9", "division by zero", DefinitionError),
    (["x = 2 ** 64"], "line 2, column 9", "beyond 2^63", DefinitionError),
    (["x = 10. ** 400"], "line 2, column 9", "not finite", DefinitionError),
    (["x = 1e308 * 10"], "line 2, column 9", "not finite", DefinitionError),
    (["x = torch.zeros(y)"], "line 2, column 9", "known before the model runs", DefinitionError),
    (["x = y[:y[0]]"], "line 2, column 11", "known before the model runs", DefinitionError),
    (["x = torch.stack(3)"], "line 2, column 9", "a list of arrays", DefinitionError),
    (["x = 'a' * 9"], "line 2, column 9", "cannot compute with the text", DefinitionError),
    (["x = torch.tensor([[1, 2], [3]])"], "line 2, column 9", "", ShapeError),
    (["a, b = y"], "line 2, column 5", "2 names for 3 values", ShapeError),
    (["a, b = 1"], "line 2, column 5", "cannot be taken apart", DefinitionError),
    (["if y[0] > 0:", "    pass"], "line 2, column 8", "write where", DefinitionError),
    (["x = 1 if y[0] else 2"], "line 2, column 9", "write where", DefinitionError),
    (["if n:", "    z = 1", "x = z"], "line 4, column 9", "has no value yet", DefinitionError),
    (["for i in range(y):", "    pass"], "line 2, column 14", "a range needs", DefinitionError),
    (["for i in range(10001):", "    pass"], "line 2, column 14", "limit is 10000",
     DefinitionError),
    (["for i in range(10 ** 12):", "    pass"], "line 2, column 14", "limit is 10000",
     DefinitionError),
    (["for i in range(1, 2, 0):", "    pass"], "line 2, column 14", "", ShapeError),
    (["for i in range(9000):", "    for j in range(9000):", "        pass"], "line 4, column 13",
     "more than 20000 steps", DefinitionError),
    ([X, "pyro.factor('x', 1.)"], "line 3, column 5", "used twice", DefinitionError),
    (["pyro.sample('exp', dist.Normal(0., 1.))"], "line 2, column 5", "is a function's name",
     DefinitionError),
    (["pyro.sample('a b', dist.Normal(0., 1.))"], "line 2, column 5", "is no name",
     DefinitionError),
    (["pyro.sample(1, dist.Normal(0., 1.))"], "line 2, column 5", "is no name", DefinitionError),
    (["pyro.sample('é', dist.Normal(0., 1.))"], "line 2, column 5", "is no name",
     DefinitionError),
    (["pyro.sample('x', 1.)"], "line 2, column 5", "needs a distribution", DefinitionError),
    (["pyro.sample('x', dist.Normal(0., -1.))"], "line 2, column 22", "greater than 0",
     DefinitionError),
    (["pyro.sample('x', dist.Normal(0., 0))"], "line 2, column 22", "'scale'", DefinitionError),
    (["pyro.sample('x', dist.Poisson(1.), obs=-y)"], "line 2, column 5", "from 0", DataError),
    (["pyro.sample('x', dist.Normal(torch.ones(3, 3), 1.), obs=y)"], "line 2, column 5",
     "shape (3,)", ShapeError),
    (["pyro.sample('x', dist.Normal(torch.ones(2), 1.), obs=y)"], "line 2, column 5",
     "shape (3,)", ShapeError),
    (["with pyro.plate('p', 4):", "    pyro.sample('x', dist.Normal(0., 1.), obs=y)"],
     "line 3, column 9", "shape (4,)", ShapeError),
    (["with pyro.plate('p', 4):", "    pyro.sample('x', dist.Normal(y, 1.))"],
     "line 3, column 9", "the plate 'p' there has size 4", ShapeError),
    (["with pyro.plate('p', 0):", "    pass"], "line 2, column 10", "at least 1", ShapeError),
    (["with pyro.plate('p', 2.5):", "    pass"], "line 2, column 10", "the size of a plate",
     DefinitionError),
    (["with pyro.plate('p', 2, dim=0):", "    pass"], "line 2, column 10", "is negative",
     DefinitionError),
    (["p = 3", "with p:", "    pass"], "line 3, column 10", "takes pyro.plate", DefinitionError),
    (["with pyro.plate('p', 2):", "    pass", "with pyro.plate('p', 2):", "    pass"],
     "line 4, column 10", "to enter a plate several times", DefinitionError),
    (["x = pyro.param('b', -1., constraint=dist.constraints.positive)"], "line 2, column 9",
     "outside", DefinitionError),
    (["x = pyro.param('b', 1., constraint=2)"], "line 2, column 9", "a constraint such as",
     DefinitionError),
    (["x = dist.Normal(0., 1.).sum()"], "line 2, column 9", "expand, to_event and mask",
     DefinitionError),
    (["x = dist.Normal(0., 1.).to_event(2)"], "line 2, column 9", "", ShapeError),
    (["x = dist.constraints.interval(2., 1.)"], "line 2, column 9", "below the upper bound",
     DefinitionError),
    (["x = y.expand(2)"], "line 2, column 9", "", ShapeError),
    (["x = y.to_event(1)"], "line 2, column 9", "has no method '.to_event'", DefinitionError),
    (["x = dist.Normal(dist.Normal(0., 1.), 1.)"], "line 2, column 9", "'loc'",
     DefinitionError),
]  # fmt: skip


@pytest.mark.parametrize(("statements", "path", "fragment", "kind"), RUNNING)
def test_refuses_a_run(
    statements: list[str], path: str, fragment: str, kind: type[ModelError]
) -> None:
    program = pyro_program(body(*statements, arguments="y, n"))
    with pytest.raises(ModelError) as caught:
        trace(program, DATA | {"n": 0}, where=context(checks=True))
    assert caught.value.path == path
    assert fragment in caught.value.message
    assert isinstance(caught.value, kind)


def test_values_are_checked_only_where_asked() -> None:
    seen = trace(pyro_program(body("pyro.sample('x', dist.Normal(0., -1.), obs=y)")), DATA)
    assert float(seen.nodes["x"]["fn"].scale) == -1.0


def test_constants_are_what_does_not_require_a_gradient() -> None:
    source = body(
        "s = pyro.sample('s', dist.Normal(0., 1.))",
        "pyro.sample('y', dist.Normal(0., s), obs=y)",
    )
    negative = torch.tensor(-1.0, dtype=torch.float64, requires_grad=True)
    seen = trace(pyro_program(source), DATA, {"s": negative}, context(checks=True))
    assert float(seen.nodes["y"]["fn"].scale.detach()) == -1.0


def test_a_loop_of_10_000_turns_is_allowed() -> None:
    source = body("x = 0", "for i in range(10000):", "    x += 1", "pyro.deterministic('x', x)")
    assert float(trace(pyro_program(source), DATA).nodes["x"]["value"]) == 10_000


def test_nothing_runs_after_return() -> None:
    source = body(
        "for i in range(3):",
        "    pyro.deterministic('x_' + str(i), y)",
        "    if i == 1:",
        "        return y",
    )
    assert [n for n in trace(pyro_program(source), DATA).nodes if n[0] == "x"] == ["x_0", "x_1"]


def test_a_plate_in_sequence_is_a_loop() -> None:
    source = body(
        "for i in pyro.plate('p', len(y)):",
        "    pyro.sample('y_' + str(i), dist.Normal(0., 1.), obs=y[i])",
    )
    names = list(trace(pyro_program(source), DATA).nodes)
    assert [n for n in names if n.startswith("y_")] == ["y_0", "y_1", "y_2"]


def test_latents_summed_out_widen_shapes_on_the_left() -> None:
    """A distribution that a discrete latent widened may still observe the unwidened array."""
    source = body(
        "z = pyro.sample('z', dist.Bernoulli(0.5))",
        "with pyro.plate('p', 3):",
        "    pyro.sample('y', dist.Normal(z.unsqueeze(-1), 1.), obs=y)",
    )
    recorded = trace(pyro_program(source), DATA, {"z": [[0.0], [1.0]]})
    assert recorded.nodes["y"]["log_prob"].shape == (2, 1, 3)
