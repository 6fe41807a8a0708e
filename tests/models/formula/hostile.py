"""Random formulas and frames: the grammar's own words, and columns that no regression wants."""

from typing import Any

from hypothesis import strategies as st

from models.formula.families import FAMILIES
from models.formula.functions import FUNCTIONS
from models.formula.priors import CORRELATIONS, POSITIVE, REAL

ROWS = 6

#: Columns by what is odd about them; the first ones are as they should be.
COLUMNS: dict[str, Any] = {
    "x": [0.5, -1.0, 2.0, 0.25, 3.0, -0.75],
    "z": [1.0, 4.0, 2.0, 2.5, 0.5, 3.0],
    "y": [0.1, 0.9, -0.3, 1.7, 0.4, -1.1],
    "u": [0.2, 0.7, 0.5, 0.9, 0.1, 0.4],
    "d": [0, 1, 1, 0, 1, 0],
    "c": [0, 3, 1, 2, 7, 1],
    "n": [7, 7, 5, 9, 8, 3],
    "g": ["a", "b", "c", "a", "b", "c"],
    "h": ["k", "l", "k", "l", "l", "k"],
    "flag": [True, False, True, True, False, False],
    "missing": [None] * ROWS,
    "holes": [1.0, None, 2.0, 3.0, None, 4.0],
    "blank": ["a", None, "b", "a", "b", "a"],
    "one": ["only"] * ROWS,
    "same": [3.0] * ROWS,
    "zero": [0] * ROWS,
    "twice": [1.0, -2.0, 4.0, 0.5, 6.0, -1.5],
    "huge": [10**30, 1, 2, 3, 4, 5],
    "large": [2**53 + 1, 2**62, -(2**62), 0, 1, 2**63 - 1],
    "far": [1e300, -1e300, 1e308, 0.0, 1.0, 2.0],
    "near": [1e-300, 5e-324, 0.0, -1e-310, 1e-308, 2e-308],
    "wide": [1e300, 2e300, 3e300, 1e300, 2e300, 3e300],
    "nul": ["a\0", "a", "\0", "", "a\0b", "\0\0"],
    "alike": ["a", "\u0430", "\uff41", "a\u200b", "\u1d41a", "a\u0301"],
    "odd": ["{0.__class__}", "__import__('os')", "'; drop", "\n", "[a]", ":"],
    "mixed": [1, "a", None, True, 2.5, []],
    "nested": [[1], [2], [3], [4], [5], [6]],
    "ragged": [[1], [2, 3], [4], [], [5], [6]],
    "short": [1.0, 2.0],
    "long": ["a", "b"] * ROWS,
    "empty": [],
    "single": 2.5,
    "text": "a",
    "table": {"a": 1},
    "nothing": None,
    "nan": [float("nan"), 1.0, 2.0, 3.0, 4.0, 5.0],
    "infinite": [float("inf"), 1.0, 2.0, 3.0, 4.0, 5.0],
    "X": [1.0, 2.0, 3.0, 5.0, 8.0, 13.0],
    "beta": [1.0, 0.0, 1.0, 0.0, 1.0, 2.0],
    "chain": ["p", "q", "p", "q", "p", "q"],
    "exp": [0.3, 0.1, 0.2, 0.6, 0.5, 0.4],
}
#: What a frame may hold besides, under names that no formula can write.
UNREACHABLE = {"__class__": [1] * ROWS, "": [1] * ROWS, "a b": ["x"] * ROWS, "\u0445": [1] * ROWS}

_GOOD = ["x", "z", "y", "u", "d", "c", "n", "g", "h", "flag"]
_NAMES = st.sampled_from([*_GOOD, *_GOOD, *COLUMNS, "unknown"])
_NUMBERS = st.sampled_from(["0", "1", "2", "3", "10", "99", "1.5", "0.0", "123456789012345678"])


_INTEGERS = st.sampled_from(["1", "2", "3", "5", "99", "0", "1.5"])
_COMPUTED = sorted(name for name, function in FUNCTIONS.items() if function.compute)


def _call(name: str, inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A call with arguments of the kinds that the function takes."""
    function = FUNCTIONS[name]
    first = _NAMES if function.bare else inner
    if len(function.places) == 1:
        return first.map(f"{name}({{}})".format)
    rest = _INTEGERS if function.integers else _NAMES | _NUMBERS
    given = st.tuples(first, rest).map(f"{name}({{0[0]}}, {{0[1]}})".format)
    if not function.keywords:
        return given
    keyword = st.sampled_from(function.keywords)
    named = st.tuples(first, keyword, rest).map(f"{name}({{0[0]}}, {{0[1]}}={{0[2]}})".format)
    return given | named


def _called(inner: st.SearchStrategy[str], names: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from(names).flatmap(lambda name: _call(name, inner))


def _arithmetic(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner)
    return st.one_of(
        joined.map("({0[0]} {0[1]} {0[2]})".format), inner.map("-{}".format),
        _called(inner, _COMPUTED),
    )  # fmt: skip


_INSIDE = st.recursive(_NAMES | _NUMBERS, _arithmetic, max_leaves=3)
_FACTORS = st.one_of(_NAMES, _NAMES, _called(_INSIDE, ["I", "C", *_COMPUTED]))


def _products(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.tuples(inner, st.sampled_from(["+", "*", "/", ":", "-"]), inner).map(" ".join)
    powers = st.sampled_from(["1", "2", "3", "10", "11"])
    power = st.tuples(inner, inner, powers).map("({0[0]} + {0[1]})**{0[2]}".format)
    return st.one_of(joined, joined.map("({})".format), power)


_PRODUCTS = st.recursive(_FACTORS, _products, max_leaves=4)
_BARS = st.tuples(
    st.sampled_from(["1", "0 + x", "x", "1 + x*z"]) | _PRODUCTS,
    st.sampled_from(["g", "h", "g/h"]) | _NAMES,
).map("({0[0]} | {0[1]})".format)
_OFFSETS = _called(_INSIDE, ["offset"])
_PIECES = st.one_of(_PRODUCTS, _PRODUCTS, _BARS, _OFFSETS, st.sampled_from(["0", "1"]))
_RIGHT = st.lists(_PIECES, min_size=1, max_size=3).map(" + ".join)
_RESPONSES = st.one_of(
    st.sampled_from(["y", "u", "d", "c", "g", "p(d, n)", "p(c, 9)", "log(u)"]),
    _NAMES,
    _called(_INSIDE, sorted(FUNCTIONS)),
)

#: A formula that the parser mostly takes.
FORMULAS = st.tuples(_RESPONSES, _RIGHT).map(" ~ ".join)

_BITS = st.sampled_from(
    [
        *"~+-*/:|(),=.^%`[]{}<>!@#$&;'\"\\ \n\t\0",
        "**",
        "||",
        "__",
        "\u0445",
        "\uff58",
        "\u200b",
        "1e9",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A formula with some of its characters left out, doubled, or put among others."""
    text = draw(FORMULAS)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(["put", "cut", "double"]))
        if kind == "put":
            text = text[:at] + draw(_BITS | st.characters()) + text[at:]
        elif kind == "cut":
            text = text[:at] + text[at + draw(st.integers(1, 5)) :]
        else:
            text = text[:at] + text[at : at + 8] * 2 + text[at + 8 :]
    return text


_FIGURES = st.sampled_from([0, 1, 2.5, -1, 1e308, 1e-308, 10**30, True])
_PRIORS = st.fixed_dictionaries(
    {
        "distribution": st.sampled_from(
            [*REAL, *POSITIVE, *CORRELATIONS, "Dirichlet", "Poisson", ""]
        )
    },
    optional={
        "args": st.dictionaries(
            st.sampled_from(["loc", "scale", "df", "rate", "concentration", "low", "high", "x"]),
            _FIGURES,
            max_size=3,
        )
    },
)
_KEYS = st.one_of(
    _FACTORS,
    st.sampled_from(["Intercept", "beta", "sigma", "nu", "sd", "cor", "sd_g", "cutpoints"]),
)
_LEVELS = st.lists(
    st.sampled_from(["a", "b", "c", "k", "only", "", "\0", 0, 1, 2, 3, True, 10**30, -1]),
    max_size=5,
)

#: A definition: the formula, and around it what the rest may be.
DEFINITIONS = st.fixed_dictionaries(
    {"language": st.just("formula"), "formula": FORMULAS},
    optional={
        "family": st.sampled_from(sorted(FAMILIES)),
        "link": st.sampled_from(["identity", "log", "logit", "probit", "cloglog", "sqrt", "", "x"]),
        "priors": st.dictionaries(_KEYS, _PRIORS, max_size=2),
        "levels": st.dictionaries(_NAMES, _LEVELS, max_size=2),
    },
)
