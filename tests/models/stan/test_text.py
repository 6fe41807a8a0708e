"""Cutting a program into its blocks."""

import pytest

from models.errors import DefinitionError
from models.stan.text import StanText, position

PROGRAM = """/* parameters { real no; } */
functions { real f(real x) { return x; } }
transformed  data { real s = 1; }
data { int N; // }
}
parameters { real a; }
model { print("} generated quantities {"); { real b = a; } a ~ normal(0, s); }
generated quantities { real g = a; }
"""


def test_blocks_are_found_whatever_comments_and_strings_say() -> None:
    text = StanText(PROGRAM)
    assert text.block("data").split() == ["int", "N;"]
    assert text.block("parameters").strip() == "real a;"
    assert text.block("transformed data").strip() == "real s = 1;"
    assert text.block("generated quantities").strip() == "real g = a;"
    assert text.block("transformed parameters") == ""


def test_the_program_of_the_transforms_keeps_what_these_depend_on() -> None:
    bare = StanText(PROGRAM).transforms()
    for kept in ("functions {", "transformed  data {", "data {", "parameters {"):
        assert kept in bare
    assert bare.endswith("model {\n}\n")
    assert "normal" not in bare
    assert "real g" not in bare


def test_without_constraints_the_rest_stays_as_it_is() -> None:
    source = (
        "data { real u; } // real<lower=0>\n"
        "parameters { real<lower=0> /* a simplex[2] */ s; simplex[3] p; }\n"
        "model { s ~ normal(u, 1); }"
    )
    plain = StanText(source).unconstrained()
    assert StanText(plain).block("parameters").split() == ["real", "s;", "vector[3]", "p;"]
    assert plain.startswith("data { real u; } // real<lower=0>\nparameters {")
    assert plain.endswith("}\nmodel { s ~ normal(u, 1); }")
    assert StanText("model { }").unconstrained() == "model { }"


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("#include a.stan\nmodel {}", "line 1, column 1"),
        ("model {\n  # include <a>\n}", "line 2, column 3"),
        ('model { print("x"); } #include b', "line 1, column 23"),
    ],
)
def test_no_file_is_included(source: str, where: str) -> None:
    with pytest.raises(DefinitionError, match="#include") as caught:
        StanText(source)
    assert caught.value.path == where


def test_what_only_looks_like_it_is_no_include() -> None:
    source = '// #include a.stan\n/*\n#include b */ model { print("#include c"); }'
    assert StanText(source).source == source


def test_positions_count_from_1() -> None:
    assert position("ab\ncd", 0) == "line 1, column 1"
    assert position("ab\ncd", 4) == "line 2, column 2"
