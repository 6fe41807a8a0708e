"""The evaluator alone: names, branches, places."""

import ast
from typing import Any

import pytest
import torch

from models.budget import operations
from models.context import StaticInt, Value
from models.errors import DefinitionError, ModelError, ShapeError
from models.expressions import Evaluator, placed
from tests.models.running import context

NAMES: dict[str, Value] = {
    "x": torch.tensor([1.0, 2.0], dtype=torch.float64),
    "n": StaticInt(3, frozenset("n")),
}


def evaluate(text: str, **names: Any) -> Value:
    tree = ast.parse(text, mode="eval")
    where = {**NAMES, **names}
    return Evaluator(context(), where, lambda node: "here", operations()).evaluate(tree.body)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2 + 3 * 4", 14),
        ("(1, 2) + (3,)", (1, 2, 3)),
        ("'a_' + str(n)", "a_3"),
        ("1 < n <= 3", True),
        ("n > 3 or n == 3 and not n < 2", True),
        ("4 if n > 2 else y", 4),
        ("x.shape", (2,)),
        ("[1, 2][1]", 2),
        ("-n // 2", StaticInt(-2, frozenset("n"))),
        ("x is None", False),
        ("x.shape == (2,)", True),
    ],
)
def test_static_values(text: str, wanted: object) -> None:
    assert evaluate(text) == wanted


def test_a_list_picks_entries_and_a_tuple_one_entry() -> None:
    matrix = torch.arange(6, dtype=torch.float64).reshape(2, 3)
    assert evaluate("m[[1, 0]]", m=matrix).tolist() == matrix[[1, 0]].tolist()
    assert float(evaluate("m[1, 0]", m=matrix)) == 3
    assert evaluate("m[1, [0, 2]]", m=matrix).tolist() == [3, 5]


def test_every_error_has_the_place_of_its_node() -> None:
    for text in ("x + ones(3)", "y", "2 ** 99", "x @ 2", "zeros(x)", "x.values"):
        with pytest.raises(ModelError) as caught:
            evaluate(text)
        assert caught.value.path == "here"


def test_what_was_raised_keeps_its_meaning() -> None:
    assert isinstance(placed(RuntimeError("a\nb"), "p"), ShapeError)
    assert placed(RuntimeError("a\nb"), "p").message == "a"
    assert isinstance(placed(TypeError("a"), "p"), DefinitionError)
    inner = DefinitionError("q", "a")
    assert placed(inner, "p") is inner
    assert placed(DefinitionError("", "a"), "p").path == "p"
    assert len(placed(RuntimeError("a" * 9_999), "p").message) == 400
