"""Random model texts: the grammar's own words put together in ways that nobody meant.

Random bytes die in the parser. Most of these pass it, so that shapes, dtypes, sizes and values meet
functions and distributions that were not written with them in mind.
"""

import inspect
from typing import Any

from hypothesis import strategies as st

from models.binding import REQUIRED
from models.distribution_table import TABLE
from models.functions import FUNCTIONS, METHODS, SPELLINGS

#: What every text may read: several shapes and kinds.
DATA: dict[str, Any] = {
    "y": [0.5, -1.0, 2.0],
    "k": [0, 2, 1],
    "b": [True, False, True],
    "X": [[1.0, 0.5], [0.0, 2.0], [-1.0, 1.0]],
    "S": [[2.0, 0.5], [0.5, 1.0]],
    "n": 3,
    "r": 0.25,
}

_NUMBERS = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "3",
        "-1",
        "0.",
        "1.",
        ".5",
        "-2.",
        "1e-308",
        "1e308",
        "1e-3",
        "7",
        "64",
        "100000",
        "2147483648",
        "9223372036854775807",
    ]
)
_ODD = st.sampled_from(["None", "True", "False", "()", "[]", "'y'", "[1, [2, 3]]", "(2, 3)", "..."])
_NAMES = st.sampled_from([*DATA, "mu"])
_OPERATORS = st.sampled_from(
    [
        "+",
        "-",
        "*",
        "/",
        "**",
        "//",
        "%",
        "@",
        "<",
        "<=",
        ">",
        ">=",
        "==",
        "!=",
        "&",
        "|",
        "and",
        "or",
    ]
)
_SLICES = st.sampled_from(
    [
        ":",
        "::2",
        "1:",
        ":-1",
        "None",
        "0",
        "-1",
        "5",
        "k",
        "b",
        "n",
        "...",
        ":, None",
        "k, :",
        "0, 0",
    ]
)
_BY_NAME = {**FUNCTIONS, **SPELLINGS}


def _joined(parts: list[str]) -> str:
    return ", ".join(parts)


def _arguments(
    parameters: list[inspect.Parameter], inner: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    """Arguments that bind: those without a default, some of the others, by name or by place."""
    given = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            given.append(st.lists(inner, max_size=3).map(_joined))
        elif parameter.default is parameter.empty:
            given.append(inner)
        else:
            given.append(st.just("") | inner.map(f"{parameter.name}={{}}".format))
    return st.tuples(*given).map(lambda parts: _joined([part for part in parts if part]))


def _call(name: str, inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parameters = list(_BY_NAME[name].signature.parameters.values())
    return _arguments(parameters, inner).map(lambda given: f"{name}({given})")


def _method(name: str, inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parameters = list(METHODS[name].signature.parameters.values())[1:]
    return st.tuples(_NAMES, _arguments(parameters, inner)).map(lambda t: f"{t[0]}.{name}({t[1]})")


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, _OPERATORS, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda x: f"(-{x})"),
        st.tuples(_NAMES, _SLICES).map(lambda t: f"{t[0]}[{t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]})[{t[1]}]"),
        st.lists(inner, max_size=3).map(lambda xs: f"[{_joined(xs)}]"),
        st.sampled_from(sorted(_BY_NAME)).flatmap(lambda name: _call(name, inner)),
        st.sampled_from(sorted(METHODS)).flatmap(lambda name: _method(name, inner)),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
    )


#: An expression of the model languages.
EXPRESSIONS = st.recursive(st.one_of(_NUMBERS, _NAMES, _NAMES, _ODD), _grown, max_leaves=6)


def _law(name: str) -> st.SearchStrategy[dict[str, str]]:
    """A distribution's arguments by name: those without a default, and some of the others."""
    arguments = TABLE[name].arguments
    required = {a.name: EXPRESSIONS for a in arguments if a.default is REQUIRED}
    others = {a.name: EXPRESSIONS for a in arguments if a.default is not REQUIRED}
    return st.fixed_dictionaries(required, optional=others)


_NAMED_LAWS = st.sampled_from(sorted(TABLE)).flatmap(
    lambda name: st.tuples(st.just(name), _law(name))
)
_LAWS = st.tuples(
    _NAMED_LAWS,
    st.sampled_from(["", "", "", ".to_event(1)", ".expand([3])", ".expand([2, 3])", ".mask(b)"]),
).map(lambda t: f"dist.{t[0][0]}({_joined([f'{k}={v}' for k, v in t[0][1].items()])}){t[1]}")

_STATEMENTS = st.one_of(
    EXPRESSIONS.map(lambda x: f"z = {x}"),
    _LAWS.map(lambda law: f"z = pyro.sample('z', {law})"),
    st.tuples(_LAWS, EXPRESSIONS).map(lambda t: f"pyro.sample('o', {t[0]}, obs={t[1]})"),
    EXPRESSIONS.map(lambda x: f"pyro.factor('f', {x})"),
    EXPRESSIONS.map(lambda x: f"pyro.deterministic('d', {x})"),
    EXPRESSIONS.map(lambda x: f"z = pyro.param('z', {x})"),
    st.tuples(EXPRESSIONS, _LAWS).map(
        lambda t: f"with pyro.plate('p', {t[0]}):\n        z = pyro.sample('z', {t[1]})"
    ),
    st.tuples(EXPRESSIONS, EXPRESSIONS).map(
        lambda t: f"for i in range({t[0]}):\n        mu = mu + {t[1]}"
    ),
    st.tuples(EXPRESSIONS, EXPRESSIONS).map(lambda t: f"if {t[0]}:\n        mu = mu + {t[1]}"),
)

#: The text of a Pyro model that ends in a likelihood.
SOURCES = st.lists(_STATEMENTS, min_size=1, max_size=2).map(
    lambda lines: "\n".join(
        [
            f"def model({_joined(list(DATA))}):",
            "    mu = pyro.sample('mu', dist.Normal(0., 1.))",
            *(f"    {line}" for line in lines),
            "    pyro.sample('y', dist.Normal(mu, 1.), obs=y)",
            "",
        ]
    )
)

#: A declarative model with one site of any distribution and expressions.
GRAPHS = st.tuples(
    _NAMED_LAWS, st.sampled_from(["3", "n", "len(k)"]) | EXPRESSIONS, EXPRESSIONS
).map(
    lambda t: {
        "language": "graph",
        "plates": {"p": t[1]},
        "sites": [
            {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 1}},
            {"name": "z", "distribution": t[0][0], "args": t[0][1], "plates": ["p"]},
            {"name": "w", "value": t[2]},
            {
                "name": "o",
                "distribution": "Normal",
                "args": {"loc": "w", "scale": 1},
                "observed": "y",
            },
        ],
    }
)
