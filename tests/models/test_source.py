"""Every way in which text cannot be parsed is an error with a place, in bounded time."""

import ast

import pytest

from models.errors import DefinitionError
from models.source import parse_expression, parse_source

SOURCES = [
    ("def model(y):\n    x = (1\n", "line 2, column 9", "syntax error"),
    ("def model(y):\n    x = 1 +\n", "line 2, column 12", "syntax error"),
    ("def model(y):\n  x = 1\n    z = 2\n", "line 3, column 4", "syntax error: unexpected indent"),
    ("def model(y):\n    x = 0777\n", "line 2, column 9", "syntax error"),
    ("def model(y):\n    x = '\0'\n", "line 2, column 10", "NUL"),
    ("def model(y):\n    x = " + "9" * 5000 + "\n", "line 2, column 1", "syntax error"),
    ("x = " + "(" * 300 + ")" * 300, "line 1, column 205", "too many nested parentheses"),
    ("x = " + "-" * 20_000 + "1", "line 1, column 1", "nested too deep"),
    ("x = " + "+".join(["1"] * 20_000), "line 1, column 1", "nested too deep"),
    ("x = " + "+".join(["1"] * 300), "line 1, column 5", "nested deeper than 100"),
    ("x = " + "[" * 150 + "]" * 150, "line 1, column 103", "nested deeper than 100"),
    ("x = [" + "a," * 30_000 + "]", "line 1, column 1", "too many operations"),
    ("é = 1\n", "line 1, column 1", "letters other than A-Z"),
    ("x = 'é' + ｅxp(1)\n", "line 1, column 11", "letters other than A-Z"),
    ("x = y.\U0001d41e\n", "line 1, column 7", "letters other than A-Z"),
    ("x = 1 €\n", "line 1, column 7", "syntax error: invalid character"),
    ("x = '\ud800'\n", "line 1, column 1", "cannot be read as text"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "fragment"), SOURCES)
def test_refuses_a_source(text: str, path: str, fragment: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_source(text)
    assert fragment in caught.value.message
    assert caught.value.path == path


def test_refuses_a_source_over_64_kib_before_parsing() -> None:
    with pytest.raises(DefinitionError, match=r"model\.source: a source of 65537 bytes"):
        parse_source("(" * (64 * 1024 + 1))
    parse_source("#" * 64 * 1024)


def test_refuses_an_expression_over_10_000_characters_before_parsing() -> None:
    with pytest.raises(DefinitionError, match=r"here: an expression of 10001 characters"):
        parse_expression("(" * 10_001, "here")
    parse_expression("1" + " " * 9_999, "here")


EXPRESSIONS = [
    ("", "empty expression"),
    ("   ", "empty expression"),
    ("1 +", "syntax error"),
    ("x = 1", "syntax error"),
    ("x\0", "NUL"),
    ("(" * 5_000, "syntax error"),
    ("-" * 9_000 + "1", "nested too deep"),
    ("x" + "[0]" * 120, "nested deeper than 100"),
    ("ｘ", "letters other than A-Z"),
]


@pytest.mark.parametrize(("text", "fragment"), EXPRESSIONS)
def test_refuses_an_expression(text: str, fragment: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_expression(text, "model.sites[0].value")
    assert caught.value.path == "model.sites[0].value"
    assert fragment in caught.value.message


def test_columns_count_characters() -> None:
    tree, place = parse_source("x = ('ééé', 1)\n")
    assert place(tree.body[0].value.elts[1]) == "line 1, column 13"  # type: ignore[attr-defined]


def test_an_expression_may_break_its_line() -> None:
    assert ast.unparse(parse_expression("a +\n b", "here")) == "a + b"
    assert ast.unparse(parse_expression(" a", "here")) == "a"


def test_odd_escapes_warn_nobody() -> None:
    tree, _ = parse_source("x = '\\d'\n")
    assert ast.unparse(tree) == "x = '\\\\d'"
