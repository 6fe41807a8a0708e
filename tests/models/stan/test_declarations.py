"""Reading declarations."""

import pytest

from models.stan.declarations import Declaration, declarations, unconstrained


@pytest.mark.parametrize(
    ("text", "name", "support"),
    [
        ("real a", "a", "real"),
        ("real<lower=0> a", "a", "positive"),
        ("real<lower = 0.5> a", "a", "greater_than(0.5)"),
        ("vector<upper=f(b, c)>[N + 1] a", "a", "less_than(f(b, c))"),
        ("matrix<lower=0,upper=1>[2, 3] a", "a", "unit_interval"),
        (
            "array[N, 2] real<lower=-1, upper=(x > 1 ? 2 : 3)> a",
            "a",
            "interval(-1, (x > 1 ? 2 : 3))",
        ),
        ("real<offset=m, multiplier=s> a", "a", "real"),
        ("array[2] simplex[K] theta", "theta", "simplex"),
        ("positive_ordered[3] o", "o", "positive_ordered_vector"),
        ("cholesky_factor_cov[M, N] L", "L", "lower_cholesky"),
        ("array[3] tuple(real, vector[2]) t", "t", "real"),
        ("int<lower=0> realistic", "realistic", "positive"),
    ],
)
def test_a_declaration_has_a_name_and_a_support(text: str, name: str, support: str) -> None:
    (found,) = declarations(f" {text};")
    assert (found.name, found.support) == (name, support)


def test_names_of_a_block_come_in_order_and_statements_are_none() -> None:
    block = """
    real a, b = f(1, 2), c;
    array[2] real d = {1, 2};
    for (i in 1:3) { real no; no = i; }
    if (a < b) { real no; } else { real no; }
    vector[2] e;
    e[1] = a;
    { real no = 1; }
    print("x", a);
    matrix[2, 2] g = [[1, 2], [3, 4]];
    """
    assert [found.name for found in declarations(block)] == ["a", "b", "c", "d", "e", "g"]


def test_types_are_told() -> None:
    assert declarations("complex z; tuple(int, int) t;") == (
        Declaration("z", "complex", "real"),
        Declaration("t", "tuple", "real"),
    )


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("real<lower=0, upper=(x > 1 ? 2 : 3)> a, b", "real a, b"),
        ("array[2, N] simplex[K + 1] p", "array[2, N] vector[K + 1] p"),
        ("cholesky_factor_cov[3, 2] L", "matrix[3, 2] L"),
        ("cov_matrix[f(1, 2)] S", "matrix[f(1, 2), f(1, 2)] S"),
        ("array[4] cholesky_factor_corr[J] q", "array[4] matrix[J, J] q"),
        ("vector<offset=m, multiplier=s>[N] v", "vector[N] v"),
        ("row_vector[2] w", "row_vector[2] w"),
        ("matrix<lower=0>[2, 3] z", "matrix[2, 3] z"),
        ("sum_to_zero_matrix[2, 3] z", "matrix[2, 3] z"),
        ("array[3] real r", "array[3] real r"),
    ],
)
def test_a_declaration_without_its_constraints(text: str, plain: str) -> None:
    assert unconstrained(f"\n {text};") == f"{plain};\n"
