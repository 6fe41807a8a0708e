"""Work and text are bounded, whatever a request asks for."""

import time

import pytest
from torch._subclasses.fake_tensor import FakeTensorMode

from models.budget import MAX_NUMBERS, Budget
from models.errors import DefinitionError, ShapeError, TooLargeError
from models.estimate import Limits, Meter
from tests.models.running import body, context, graph_program, pyro_program, trace, values

Y = {"name": "y", "distribution": "Normal", "args": {"loc": 0, "scale": 1}, "observed": "y"}


def test_spends_down_to_an_error() -> None:
    budget = Budget(2, "enough")
    budget.spend()
    budget.spend()
    with pytest.raises(DefinitionError, match="enough"):
        budget.spend()


def test_long_lines_in_long_loops() -> None:
    line = "x = [" + ", ".join(["1"] * 10_000) + "]"
    source = body("for i in range(10000):", f"    {line}")
    started = time.monotonic()
    with pytest.raises(DefinitionError, match="operations in one run"):
        trace(pyro_program(source), {"y": 1})
    assert time.monotonic() - started < 5


def test_long_graphs() -> None:
    sites = [{"name": f"a_{i}", "value": "1" + " + 1" * 90} for i in range(900)]
    with pytest.raises(DefinitionError, match="characters of expressions in one model"):
        graph_program(*sites, Y)


def test_numbers_belong_into_data() -> None:
    rows = [[0.5] * 100] * (MAX_NUMBERS // 100)
    assert graph_program({"name": "a", "value": rows[1:]}, Y).data_names == ("y",)
    with pytest.raises(DefinitionError, match="send them as data") as caught:
        graph_program({"name": "a", "value": [*rows, [1.0]]}, Y)
    assert caught.value.path == "model.sites[0].value[100][0]"


def test_the_deepest_text_that_is_read_also_runs() -> None:
    source = body(f"pyro.deterministic('x', {'-' * 90}y)")
    assert float(trace(pyro_program(source), {"y": 1}).nodes["x"]["value"]) == 1.0
    nested = "y"
    for _ in range(90):
        nested = f"abs({nested})"
    graph_program({"name": "x", "value": nested}, Y)
    assert float(trace(graph_program({"name": "x", "value": nested}, Y), {"y": 1}).log_prob_sum())


@pytest.mark.parametrize(
    "value",
    [
        "torch.zeros(10**12)",
        "torch.eye(10**6)",
        "torch.arange(10**12)",
        "torch.ones(1).expand(10**12).sum()",
        "y[torch.ones(1).expand(10**12)]",
        "one_hot(torch.tensor([1]), 10**12)",
    ],
)
def test_a_terabyte_of_shape_is_refused_before_it_exists(value: str) -> None:
    program, arguments = pyro_program(body(f"x = {value}")), values({"y": [1.0, 2.0]})
    mode = FakeTensorMode()
    fakes = {name: mode.from_tensor(tensor) for name, tensor in arguments.items()}
    with mode, Meter(Limits()), pytest.raises(TooLargeError) as caught:
        program.run(fakes, context())
    assert caught.value.path.startswith("line 2, column ")


def test_arrays_are_not_taken_apart_before_they_are_counted() -> None:
    source = body("a, b = torch.ones(1).expand(10 ** 12)")
    with pytest.raises(ShapeError, match="2 names"):
        trace(pyro_program(source), {"y": 1})
