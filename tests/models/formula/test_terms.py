"""What the operators of a formula stand for."""

import pytest

from models.errors import DefinitionError
from models.formula.terms import read_formula, read_term


@pytest.mark.parametrize(
    ("right", "intercept", "labels"),
    [
        ("x", True, ["x"]),
        ("1", True, []),
        ("0 + x", False, ["x"]),
        ("x - 1", False, ["x"]),
        ("-1 + x", False, ["x"]),
        ("x + 0 + 1", True, ["x"]),
        ("a*b", True, ["a", "b", "a:b"]),
        ("a*b*c", True, ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("a:b + a", True, ["a", "a:b"]),
        ("a/b", True, ["a", "a:b"]),
        ("(a + b)/c", True, ["a", "b", "a:b:c"]),
        ("a/(b + c)", True, ["a", "a:b", "a:c"]),
        ("(a + b + c)**2", True, ["a", "b", "c", "a:b", "a:c", "b:c"]),
        ("(a + b)**5", True, ["a", "b", "a:b"]),
        ("a*b - a:b", True, ["a", "b"]),
        ("a*b - b:a", True, ["a", "b"]),
        ("a + a + b:a + a:b", True, ["a", "b:a"]),
        ("a:a", True, ["a"]),
        ("log(x) + I(x**2)", True, ["log(x)", "I(x**2)"]),
        ("a + offset(z)", True, ["a"]),
    ],
)
def test_terms(right: str, intercept: bool, labels: list[str]) -> None:
    found = read_formula(f"y ~ {right}").population
    assert found.intercept is intercept
    assert [term.label for term in found.terms] == labels


@pytest.mark.parametrize(
    ("right", "groups"),
    [
        ("(1 | g)", [(True, [], "g")]),
        ("(x | g)", [(True, ["x"], "g")]),
        ("(0 + x | g)", [(False, ["x"], "g")]),
        ("(x*z | g)", [(True, ["x", "z", "x:z"], "g")]),
        ("(1 | g/h)", [(True, [], "g"), (True, [], "g:h")]),
        ("(x | g + C(h))", [(True, ["x"], "g"), (True, ["x"], "C(h)")]),
        ("(1 | g) + (0 + x | g)", [(True, [], "g"), (False, ["x"], "g")]),
    ],
)
def test_groups(right: str, groups: list[object]) -> None:
    found = read_formula(f"y ~ {right}").groups
    assert [
        (g.effects.intercept, [t.label for t in g.effects.terms], g.by.label) for g in found
    ] == groups


def test_columns_are_named_once() -> None:
    formula = read_formula("log(w) ~ x*C(g) + offset(log(n)) + (x + z | g:h)")
    assert formula.columns == ("w", "x", "g", "n", "z", "h")
    assert [name.column for name in formula.named] == [5, 10, 14, 30, 41, 47]


def test_a_term_has_one_key_however_it_is_spelled() -> None:
    assert read_term("a : C( b )").key == read_term("C(b):a").key
    for text in ("a + b", "1", "a*b", "(1 | g)", ""):
        with pytest.raises(DefinitionError):
            read_term(text)
