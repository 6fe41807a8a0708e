"""The demonstration ends well on a real service, and refuses numbers that are off."""

import io
import math

import pytest
import statsmodels.api as sm
from rich.console import Console

from services.demo import DISTANCE, SPEED, DemoError, check_line, largest, least_squares, run


def test_its_own_least_squares_agree_with_statsmodels() -> None:
    fit = sm.OLS(DISTANCE, sm.add_constant(SPEED)).fit()
    slope, error, log_likelihood = least_squares(SPEED, DISTANCE)
    assert slope == pytest.approx(fit.params[1], rel=1e-12)
    # statsmodels divides by the degrees of freedom, maximum likelihood by the number of rows.
    assert error == pytest.approx(fit.bse[1] * math.sqrt(48 / 50), rel=1e-12)
    assert log_likelihood == pytest.approx(fit.llf, rel=1e-12)


@pytest.mark.parametrize("wrong", ["value", "standard_error", "outcome"])
def test_a_number_that_is_off_is_a_sentence(wrong: str) -> None:
    slope, error, log_likelihood = least_squares(SPEED, DISTANCE)
    found = {"value": slope, "standard_error": error}
    result = {
        "outcome": "converged",
        "mle": {"estimate": {"slope": found}, "log_likelihood": log_likelihood},
    }
    check_line(result)
    if wrong == "outcome":
        result["outcome"] = "unidentified"
    else:
        found[wrong] = None if wrong == "standard_error" else slope * 1.001
    with pytest.raises(DemoError):
        check_line(result)


def test_the_largest_of_nested_numbers() -> None:
    assert largest([1.0, [2.0, None], [[3.0]]]) == 3.0
    assert largest([]) == -math.inf


@pytest.mark.ray
def test_all_three_fits_come_out_right(service: str) -> None:
    console = Console(file=io.StringIO(), width=120)
    results = run(console, service)
    assert [result["engine"]["kind"] for result in results] == ["mle", "vi", "nuts"]
    text = console.file.getvalue()
    assert "std. error" in text
    assert "ELBO over the steps" in text
    assert "all chains agree" in text
