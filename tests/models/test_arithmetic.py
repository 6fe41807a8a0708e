"""Operators: integers exact and bounded, everything real in the run's dtype."""

import ast

import pytest
import torch

from models.arithmetic import binary, compare, unary
from models.context import Context, StaticInt
from models.errors import DefinitionError
from tests.models.running import context

REAL = [torch.float32, torch.float64]
OPERATORS = [ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow]


def operands(where: Context) -> dict[str, object]:
    return {
        "int": 3,
        "float": 2.5,
        "bool": True,
        "static": StaticInt(3, frozenset({"n"})),
        "real": torch.tensor([1.5, 2.0], dtype=where.dtype),
        "integers": torch.tensor([1, 2]),
        "booleans": torch.tensor([True, True]),
        "scalar": torch.tensor(2.5, dtype=where.dtype),
        "integer": torch.tensor(3),
    }


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("kind", OPERATORS)
def test_every_pair_of_operands_keeps_the_dtype(
    dtype: torch.dtype, kind: type[ast.operator]
) -> None:
    where = context(dtype)
    for a, left in operands(where).items():
        for b, right in operands(where).items():
            value = binary(where, kind, left, right)
            real = {"float", "real", "scalar"} & {a, b} or kind is ast.Div
            if isinstance(value, torch.Tensor):
                assert value.dtype == (dtype if real else torch.int64), (a, b)
            else:
                assert isinstance(value, float if real else int | StaticInt), (a, b)


@pytest.mark.parametrize("kind", OPERATORS)
def test_integers_are_pythons_integers(kind: type[ast.operator]) -> None:
    where = context()
    for left in (-7, 7):
        for right in (2, 3):
            source = ast.Expression(ast.BinOp(ast.Constant(left), kind(), ast.Constant(right)))
            wanted = eval(compile(ast.fix_missing_locations(source), "", "eval"))
            assert binary(where, kind, left, right) == wanted
            static = binary(where, kind, StaticInt(left, frozenset("a")), right)
            number = static.value if isinstance(static, StaticInt) else static
            assert float(number) == wanted
            array = binary(where, kind, torch.tensor(left), torch.tensor(right))
            assert float(array) == wanted


def test_names_of_static_integers_are_united() -> None:
    a, b = StaticInt(2, frozenset("a")), StaticInt(3, frozenset("b"))
    assert binary(context(), ast.Mult, a, b) == StaticInt(6, frozenset("ab"))


@pytest.mark.parametrize(
    ("left", "right"), [(2, 64), (10, 19), (10, 10**9), (3, 2**62), (-2, 64), (2**62, 2)]
)
def test_powers_beyond_an_int64_are_refused_at_once(left: int, right: int) -> None:
    with pytest.raises(DefinitionError, match=r"beyond 2\^63"):
        binary(context(), ast.Pow, left, right)


@pytest.mark.parametrize("kind", [ast.Mult, ast.Add])
def test_integers_beyond_an_int64_are_refused(kind: type[ast.operator]) -> None:
    with pytest.raises(DefinitionError, match=r"beyond 2\^63"):
        binary(context(), kind, 2**62, 2**62 if kind is ast.Add else 2)


@pytest.mark.parametrize(("left", "right"), [(10.0, 400), (1e308, 2.0), (-10.0, 401)])
def test_constants_that_are_not_finite_are_refused(left: float, right: float) -> None:
    with pytest.raises(DefinitionError, match="not finite"):
        binary(context(), ast.Pow, left, right)


def test_small_powers() -> None:
    assert binary(context(), ast.Pow, 2, 62) == 2**62
    assert binary(context(), ast.Pow, 1, 2**62) == 1
    assert binary(context(), ast.Pow, -1, 2**62 + 1) == -1
    assert binary(context(), ast.Pow, 2, -1) == 0.5
    assert float(binary(context(), ast.Pow, torch.tensor(2), -1)) == 0.5


def test_a_negative_base_has_no_real_root() -> None:
    with pytest.raises(ValueError, match="it is not real"):
        binary(context(), ast.Pow, -8.0, 0.5)


@pytest.mark.parametrize("dtype", REAL)
def test_comparisons(dtype: torch.dtype) -> None:
    where = context(dtype)
    x = torch.tensor([1, 2, 3])
    assert compare(where, ast.Gt, x, 1.5).tolist() == [False, True, True]
    assert compare(where, ast.Eq, x, 2).tolist() == [False, True, False]
    assert compare(where, ast.LtE, StaticInt(3, frozenset("n")), 3.5) is True
    assert where.static_names == {"n"}
    big = torch.tensor([2**53 + 1])
    assert compare(context(), ast.Eq, big, 2**53).tolist() == [False]


def test_none_is_compared_by_is() -> None:
    assert compare(context(), ast.IsNot, torch.ones(2), None) is True
    assert compare(context(), ast.Is, None, None) is True
    with pytest.raises(TypeError, match="write == or !="):
        compare(context(), ast.Is, 1, 2)


def test_unary() -> None:
    where = context()
    assert unary(where, ast.USub, StaticInt(2, frozenset("n"))) == StaticInt(-2, frozenset("n"))
    assert unary(where, ast.USub, torch.tensor([True])).tolist() == [-1]
    assert unary(where, ast.Invert, torch.tensor([True, False])).tolist() == [False, True]
    assert unary(where, ast.Not, StaticInt(0, frozenset("n"))) is True


def test_masks() -> None:
    where = context()
    a, b = torch.tensor([True, False]), torch.tensor([True, True])
    assert binary(where, ast.BitAnd, a, b).tolist() == [True, False]
    assert binary(where, ast.BitOr, a, torch.tensor([0, 2])).tolist() == [True, True]


@pytest.mark.parametrize(
    ("kind", "left", "right", "fragment"),
    [
        (ast.Mult, "a", 10**9, "cannot compute with the text"),
        (ast.Mult, (1, 2), 10**9, "cannot compute with a list of 2"),
        (ast.Add, "a", 1, r"write str\(i\)"),
        (ast.Mod, "%s", 1, "cannot compute with the text"),
        (ast.Add, 1, None, "cannot compute with None"),
    ],
)
def test_only_numbers_are_computed_with(
    kind: type[ast.operator], left: object, right: object, fragment: str
) -> None:
    with pytest.raises(TypeError, match=fragment):
        binary(context(), kind, left, right)


def test_texts_stay_short() -> None:
    assert binary(context(), ast.Add, "x_", "1") == "x_1"
    with pytest.raises(ValueError, match="longer than 200"):
        binary(context(), ast.Add, "a" * 150, "b" * 51)
