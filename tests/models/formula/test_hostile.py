"""Whatever is posted as a formula and a frame: a model, or an error that is ours, and soon."""

import time
import warnings
from typing import Any

# Before anybody watches: it brings pandas along.
import formulae.transforms  # noqa: F401
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.compile import check_model
from models.definition import parse_definition
from models.errors import DataError, ModelError, TooLargeError
from models.formula.terms import MAX_PRODUCTS, read_formula
from models.loading import load_for
from tests.models.formula.hostile import COLUMNS, DEFINITIONS, FORMULAS, ROWS, UNREACHABLE, mutated
from tests.watched import watched

#: Seconds of processor time in which a mistake is answered (API.md).
SOON = 5.0
FUZZ = settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def refusal(posted: Any, frame: dict[str, Any]) -> ModelError | None:
    """Check a formula with its data as the gateway does; return why it is refused, if it is."""
    began = time.process_time()
    try:
        with warnings.catch_warnings(), watched():
            warnings.simplefilter("error")
            definition = parse_definition(posted)
            check_model(definition, load_for(definition, frame))
        error = None
    except ModelError as caught:
        error = caught
        assert error.path
        assert error.message
        assert len(error.message) < 2000
    assert time.process_time() - began < SOON
    return error


def formula(text: str, **more: Any) -> dict[str, Any]:
    return {"language": "formula", "formula": text, **more}


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Import what a first model imports, before anybody watches."""
    check_model(
        parse_definition(formula("y ~ x + g")),
        load_for(parse_definition(formula("y ~ x + g")), COLUMNS),
    )


@FUZZ
@given(DEFINITIONS)
def test_definitions(posted: dict[str, Any]) -> None:
    refusal(posted, {**COLUMNS, **UNREACHABLE})


@FUZZ
@given(mutated())
def test_damaged_texts(text: str) -> None:
    error = refusal(formula(text), COLUMNS)
    # What is wrong with the text has a place in it; what is wrong with the data is there.
    assert error is None or error.path.startswith(("formula, column ", "data.", "model"))


@FUZZ
@given(st.text(max_size=100) | st.binary(max_size=100).map(lambda b: b.decode("latin-1")))
def test_texts(text: str) -> None:
    assert refusal(formula(text), COLUMNS) is not None
    refusal(formula(f"y ~ {text}"), COLUMNS)


@FUZZ
@given(
    FORMULAS, st.dictionaries(st.sampled_from(sorted(COLUMNS)), st.sampled_from(sorted(COLUMNS)))
)
def test_columns_under_other_names(text: str, swapped: dict[str, str]) -> None:
    refusal(formula(text), COLUMNS | {name: COLUMNS[other] for name, other in swapped.items()})


def test_most_formulas_of_the_generator_are_read() -> None:
    # Else the tests above would try the parser alone.
    seen: list[bool] = []

    @settings(FUZZ, max_examples=100)
    @given(FORMULAS)
    def look(text: str) -> None:
        try:
            read_formula(text)
            seen.append(True)
        except ModelError:
            seen.append(False)

    look()
    assert sum(seen) > len(seen) / 4


#: Column -> what a formula of it says, with its path.
ODD = {
    "missing": ("data.missing[0]", "missing values"),
    "holes": ("data.holes[1]", "missing values"),
    "blank": ("data.blank[1]", "missing values"),
    "one": ("formula, column 5", "has one level"),
    "same": ("formula, column 5", "cannot be told apart"),
    "huge": ("data.huge[0]", "2^63"),
    "far": ("formula, column 5", "at row 0"),
    "near": ("formula, column 5", "rescale"),
    "mixed": ("data.mixed[0]", "texts or numbers, not both"),
    "nested": ("data.nested", "a list"),
    "ragged": ("data.ragged[1]", "ragged"),
    "short": ("data.short", "2 rows, but"),
    "empty": ("data.empty", "empty"),
    "text": ("data.text", "text"),
    "table": ("data.table", "neither a number"),
    "nothing": ("data.nothing", "missing values"),
    "nan": ("data.nan[0]", "NaN"),
    "infinite": ("data.infinite[0]", "Infinity"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_column_is_told_with_its_place(name: str) -> None:
    path, words = ODD[name]
    error = refusal(formula(f"y ~ {name}"), COLUMNS)
    assert error is not None
    assert error.path == path, error
    assert words in error.message


@pytest.mark.parametrize("name", ["nul", "alike", "odd"])
def test_any_texts_are_levels(name: str) -> None:
    # As many levels as rows: too many to be told apart from an intercept and a slope.
    error = refusal(formula(f"y ~ (1 | {name})"), COLUMNS)
    assert error is None
    assert len(set(COLUMNS[name])) == ROWS


@pytest.mark.parametrize("name", ["far", "large"])
def test_a_response_out_of_reach_is_told(name: str) -> None:
    error = refusal(formula(f"{name} ~ x"), COLUMNS)
    if name == "large":
        # Integers of 19 digits: far, but their squares are numbers.
        assert error is None
        return
    assert isinstance(error, DataError)
    assert "rescale it" in error.message


def test_reals_that_a_float_cannot_tell_apart_are_no_levels() -> None:
    error = refusal(formula("y ~ C(wide)"), COLUMNS)
    assert error is not None
    assert "reals, which are no levels" in error.message


def test_a_product_beyond_a_float_is_told() -> None:
    far = {**COLUMNS, "a": [1e120 * v for v in COLUMNS["x"]]}
    assert refusal(formula("y ~ a"), far) is None
    error = refusal(formula("y ~ a:I(2*a)"), far)
    assert isinstance(error, DataError)
    assert "beyond a float64" in error.message


def test_an_interaction_of_many_factors_is_refused_before_it_is_coded() -> None:
    names = [f"f{i}" for i in range(9)]
    frame = {"y": COLUMNS["y"], **dict.fromkeys(names, COLUMNS["h"])}
    error = refusal(formula("y ~ " + ":".join(names)), frame)
    assert isinstance(error, TooLargeError)
    assert error.path == "formula, column 5"
    assert "9 factors" in error.message


def test_products_of_products_are_bounded() -> None:
    nine = "(a+b+c+d+e+f+g+h+i)**9"
    read_formula(f"y ~ {nine}")
    began = time.process_time()
    with pytest.raises(ModelError, match=f"more than {MAX_PRODUCTS} products") as caught:
        read_formula("y ~ " + ":".join([nine] * 30))
    assert time.process_time() - began < SOON
    assert caught.value.path.startswith("formula, column ")


def test_a_tree_of_any_shape_is_read_or_refused() -> None:
    deep = "a"
    for _ in range(38):
        deep = "(" + ":".join([deep, *["b"] * 38]) + ")"
    with pytest.raises(ModelError, match="levels") as caught:
        read_formula(f"y ~ {deep}")
    assert caught.value.path.startswith("formula, column ")
    # A long sum is no deep tree.
    assert len(read_formula("y ~ " + " + ".join(f"x{i}" for i in range(900))).columns) == 901


def test_a_hundred_thousand_levels_are_ordered_soon() -> None:
    levels = list(range(100_000))
    posted = formula("y ~ (1 | k)", levels={"k": levels})
    assert refusal(posted, {"y": COLUMNS["y"], "k": [5, 99_999, 0, 7, 5, 0]}) is None
    error = refusal(formula("y ~ (1 | k)", levels={"k": [*levels, 7]}), {"y": [1.0], "k": [5]})
    assert error is not None
    assert error.path == "model.levels.k[100000]"


@pytest.mark.parametrize("text", ["y ~ (a - a) / b", "y ~ x + (-a) / b"])
def test_nothing_is_within_nothing(text: str) -> None:
    with pytest.raises(ModelError, match="left side has none left") as caught:
        read_formula(text)
    assert caught.value.path == f"formula, column {text.index('/') + 1}"
    assert read_formula("y ~ a / (b - b)").population.terms[0].label == "a"
