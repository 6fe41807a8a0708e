"""What `result.json` says, and what it leaves out."""

import json
import math

from workers.answer import write
from workers.results import Diagnostics, MleResult, Outcome, Result, Summary, Timing


def result(**parts: object) -> dict[str, object]:
    written = Result(
        outcome=Outcome.COMPLETED,
        message="m",
        engine={"kind": "nuts"},
        seed=1,
        version="0",
        tier="interpreted",
        precision="float64",
        timing=Timing(total=1.0),
        **parts,
    )
    content: dict[str, object] = json.loads(write(written))
    return content


def test_absent_fields_are_left_out() -> None:
    content = result()
    assert content["outcome"] == "completed"
    assert content["timing"] == {"total": 1.0}
    assert not {"mle", "elbo", "summary", "partial", "job"} & content.keys()


def test_a_number_that_does_not_exist_is_null() -> None:
    summary = Summary(mean=[1.0, math.nan], sd=math.inf, median=0.0, quantiles={}, r_hat=None)
    content = result(summary={"mu": summary}, diagnostics=Diagnostics(e_bfmi=[None, 1.0]))
    assert content["summary"]["mu"] == {
        "mean": [1.0, None],
        "sd": None,
        "median": 0.0,
        "quantiles": {},
        "r_hat": None,
    }
    assert content["diagnostics"] == {"e_bfmi": [None, 1.0], "warnings": []}


def test_a_required_number_is_null_rather_than_missing() -> None:
    mle = MleResult(estimate={}, log_likelihood=None, iterations=3, gradient_norm=None)
    content = result(mle=mle)["mle"]
    assert content["log_likelihood"] is None
    assert content["gradient_norm"] is None
    assert "aic" not in content
