"""The grammar of formulas: what is outside is refused at its column, whatever was meant."""

import pytest

from models.errors import DefinitionError
from models.formula.terms import read_formula

#: What a text might try, and where it is refused.
ESCAPES = {
    "attribute": ("y ~ x.__class__", 6),
    "attribute of a call": ("y ~ log(x).T", 11),
    "module": ("y ~ np.load(x)", 7),
    "dunder": ("y ~ __import__(os)", 5),
    "dunder column": ("y ~ x + __builtins__", 9),
    "import": ("y ~ import os", 12),
    "lambda": ("y ~ lambda x: x", 12),
    "lambda in a call": ("y ~ log(lambda: x)", 15),
    "eval": ("y ~ eval(x)", 5),
    "exec": ("y ~ exec(x)", 5),
    "getattr": ("y ~ getattr(x, z)", 5),
    "open": ("y ~ open(x)", 5),
    "call of a call": ("y ~ log(x)(z)", 11),
    "call of a bracket": ("y ~ (log)(x)", 10),
    "backtick": ("y ~ `x`", 5),
    "python": ("y ~ {x}", 5),
    "text": ("y ~ 'x'", 5),
    "text in a call": ('y ~ log("x")', 9),
    "index": ("y ~ x[0]", 6),
    "walrus": ("y ~ (x := 3)", 9),
    "assignment": ("y ~ x = 3", 7),
    "semicolon": ("y ~ x; z", 6),
    "comparison": ("y ~ x == 1", 7),
    "decorator": ("@y ~ x", 1),
    "star argument": ("y ~ log(*x)", 9),
    "star keywords": ("y ~ bs(x, **z)", 11),
    "unknown keyword": ("y ~ bs(x, knots=3)", 11),
    "keyword twice": ("y ~ bs(x, df=4, df=5)", 17),
    "keyword then place": ("y ~ bs(x, df=4, 3)", 7),
    "computed degree": ("y ~ poly(x, 1 + 1)", 5),
    "huge degree": ("y ~ poly(x, 101)", 5),
    "real degree": ("y ~ poly(x, 1.5)", 13),
    "no argument": ("y ~ log()", 9),
    "two arguments": ("y ~ log(x, z)", 5),
    "Cyrillic x": ("y ~ \u0445", 5),
    "full width": ("y ~ \uff58", 5),
    "subscript": ("y ~ x\u2081", 6),
    "minus sign": ("y ~ x \u2212 z", 7),
    "zero width": ("y ~ x\u200bz", 6),
    "right to left": ("y ~ x\u202ez", 6),
    "comment": ("y ~ x # z", 7),
    "line continuation": ("y ~ x \\", 7),
    "deep brackets": ("y ~ " + "(" * 5000 + "x" + ")" * 4000, 45),
    "deep calls": ("y ~ " + "log(" * 2000 + "x" + ")" * 1900, 165),
    "deep signs": ("y ~ " + "-" * 9000 + "x", 45),
    "deep powers": ("y ~ I(" + "**".join(["x"] * 3000) + ")", 124),
    "long sums in a call": ("y ~ I(" + "+".join(["x"] * 4000) + ")", 88),
    "many products": ("y ~ " + "*".join(f"x{i}" for i in range(30)), 34),
    "power of terms": ("y ~ (a+b+c+d+e+f+g+h+i+j+k+l+m+n+o)**9", 36),
    "power without end": ("y ~ (a + b)**999999", 12),
    "digits": ("y ~ " + "9" * 5000, 5),
    "two responses": ("y ~ x ~ z", 7),
    "no response": ("~ x", 1),
    "no terms": ("y ~", 4),
    "nothing": ("", 1),
    "bar without brackets": ("y ~ x | g", 7),
    "double bar": ("y ~ (x || g)", 8),
    "bar in a call": ("y ~ log(x | g)", 11),
    "bar in a bar": ("y ~ (1 | (1 | g))", 8),
    "bar in an interaction": ("y ~ x:(1 | g)", 6),
    "group of a number": ("y ~ (1 | 2)", 10),
    "group of a function": ("y ~ (1 | log(g))", 10),
    "factor in a call": ("y ~ log(C(g))", 9),
    "C of a call": ("y ~ C(log(x))", 5),
    "offset in a call": ("y ~ log(offset(x))", 9),
    "offset in an interaction": ("y ~ x:offset(z)", 6),
    "trials on the right": ("y ~ p(s, n)", 5),
    "response of factors": ("C(y) ~ x", 1),
    "response of a sum": ("(y + z) ~ x", 2),
    "a number of x": ("y ~ 2*x", 5),
    "a square": ("y ~ x**2", 6),
    "not closed": ("y ~ (x + z", 11),
    "closed": ("y ~ x)", 6),
}


@pytest.mark.parametrize(("text", "column"), ESCAPES.values(), ids=ESCAPES)
def test_what_is_outside_is_refused_at_its_column(text: str, column: int) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_formula(text)
    assert caught.value.path == f"formula, column {column}"


def test_an_unknown_function_is_answered_with_the_known_ones() -> None:
    with pytest.raises(DefinitionError, match=r"did you mean 'sqrt'.*known are I, log, "):
        read_formula("y ~ sqr(x)")


def test_a_sum_may_have_a_thousand_terms_and_no_more() -> None:
    many = " + ".join(f"x{i}" for i in range(1000))
    assert len(read_formula(f"y ~ {many}").population.terms) == 1000
    with pytest.raises(DefinitionError, match="more than 1000 terms"):
        read_formula(f"y ~ {many} + last")
