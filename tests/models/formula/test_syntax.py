"""The one spelling of a node."""

import pytest

from models.formula.parser import parse_terms
from models.formula.syntax import names, start, written


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("log( x )", "log(x)"),
        ("I((x+z)*w)", "I((x + z) * w)"),
        ("I(x+z*w)", "I(x + z * w)"),
        ("I(x-(z-w))", "I(x - (z - w))"),
        ("I((-x)**2)", "I((-x)**2)"),
        ("I(-x**2)", "I(-x**2)"),
        ("I((x**2)**z)", "I((x**2)**z)"),
        ("I(x**2**z)", "I(x**2**z)"),
        ("bs(x, df = 4)", "bs(x, df=4)"),
        ("(1+x|g/h)", "(1 + x | g / h)"),
    ],
)
def test_two_meanings_have_two_spellings(text: str, spelled: str) -> None:
    assert written(parse_terms(text)) == spelled
    assert written(parse_terms(spelled)) == spelled


def test_names_are_in_the_order_of_the_text() -> None:
    node = parse_terms("log(b) + (1 + a | c) - I(-d * b)")
    assert [name.name for name in names(node)] == ["b", "a", "c", "d", "b"]
    assert start(node) == 1
