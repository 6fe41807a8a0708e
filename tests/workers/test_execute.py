"""One attempt at a job, in this process: what lies in the store and what the receipt says."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.cache import Cache
from models.density import Note
from tests.workers.dispatch.house import House
from workers.execute import execute, with_notes
from workers.plan import Plan
from workers.results import Diagnostics, Warning
from workers.sink import StopReason


class Script:
    """Stops a run with a reason from the n-th question on."""

    def __init__(self, reason: StopReason | None = None, after: int = 0) -> None:
        self._reason, self._left = reason, after

    def stop(self) -> StopReason | None:
        self._left -= 1
        return self._reason if self._left < 0 else None

    def commit(self, plan: Plan) -> bool:
        return True


@pytest.fixture
def house(tmp_path: Path) -> Any:
    made = House(tmp_path)
    yield made
    made.close()


def test_a_result_tells_its_circumstances(house: House) -> None:
    events: list[str] = []
    task = house.task({"kind": "mle"}, queued_seconds=0.25)
    receipt = execute(task, lambda kind, payload: events.append(kind), Script())
    assert (receipt.state, receipt.result, receipt.error) == ("succeeded", True, None)
    result = json.loads(house.artifacts.get(f"{task.prefix}/result.json"))
    assert result["job"] == "job"
    assert result["outcome"] == "converged"
    assert result["engine"]["optimizer"] == "lbfgs", "defaults are filled in"
    assert result["timing"]["queued"] == 0.25
    # Precision-weighted mean of 1, 2, 3 with standard deviations 1, 1, 2.
    assert result["mle"]["estimate"]["mu"]["value"] == pytest.approx(3.75 / 2.25, abs=1e-6)
    assert "summary" not in result
    assert "progress" in events


def test_intervals_and_tests_are_written_as_they_are_read(house: House) -> None:
    engine = {"kind": "mle", "intervals": "profile", "restriction": {"mu": 0}}
    task = house.task(engine)
    assert execute(task, lambda kind, payload: None, Script()).state == "succeeded"
    mle = json.loads(house.artifacts.get(f"{task.prefix}/result.json"))["mle"]
    # Of a normal mean with known errors the profile is a parabola.
    error = 1 / 2.25**0.5
    interval = mle["estimate"]["mu"]["interval"]
    assert interval["kind"] == "profile"
    reach = 1.959963984540054 * error
    assert interval["lower"] == pytest.approx(3.75 / 2.25 - reach, rel=1e-7)
    assert interval["upper"] == pytest.approx(3.75 / 2.25 + reach, rel=1e-7)
    ratio = mle["likelihood_ratio"]
    assert ratio["statistic"] == pytest.approx((3.75 / 2.25 / error) ** 2, rel=1e-8)
    assert ratio["restricted"]["estimate"]["mu"]["value"] == 0.0
    assert mle["modes"] == [
        {
            "height": mle["log_likelihood"],
            "starts": 4,
            "estimate": {"mu": pytest.approx(3.75 / 2.25)},
        }
    ]
    assert mle["concavity"]["verdict"] == "concave"


#: A count of which four tenths are seen.
COUNTED = {
    "language": "graph",
    "plates": {"row": "len(y)"},
    "sites": [
        {"name": "n", "distribution": "Poisson", "args": {"rate": 6}, "plates": ["row"]},
        {
            "name": "y",
            "distribution": "Binomial",
            "args": {"total_count": "n", "probs": 0.4},
            "plates": ["row"],
            "observed": "y",
        },
    ],
}


def test_discrete_unknowns_have_a_result_of_vi(house: House) -> None:
    engine = {"kind": "vi", "steps": 40, "draws": 500}
    task = house.task(engine, definition=COUNTED, data={"y": [2, 5]}, tier="interpreted")
    receipt = execute(task, lambda kind, payload: None, Script())
    assert (receipt.state, receipt.error) == ("succeeded", None)
    result = json.loads(house.artifacts.get(f"{task.prefix}/result.json"))
    # What is not seen is Poisson with mean 3.6.
    error = (3.6 / 500) ** 0.5
    assert result["summary"]["n"]["mean"] == pytest.approx([5.6, 8.6], abs=4.5 * error)
    assert result["elbo"]["standard_error"] < 1e-3
    assert result["elbo"]["pareto_k"] < 0.5
    assert [w["code"] for w in result["diagnostics"]["warnings"]] == ["not_summed_out"]


def test_discrete_unknowns_fail_elsewhere_in_a_sentence(house: House) -> None:
    task = house.task({"kind": "nuts"}, definition=COUNTED, data={"y": [2, 5]})
    receipt = execute(task, lambda kind, payload: None, Script())
    assert receipt.state == "failed"
    assert receipt.error is not None
    assert "'n' has no finite list of values" in str(receipt.error)


def test_minibatches_of_what_has_no_rows_fail_in_a_sentence(house: House) -> None:
    engine = {"kind": "mle", "optimizer": "adam", "minibatch": 2}
    source = "def model(y, sigma):\n    a = pyro.param('a', torch.tensor(0.0))\n" + (
        "    pyro.sample('next', dist.Normal(a * y[:-1], sigma[1:]), obs=y[1:])\n"
    )
    definition = {"language": "pyro", "source": source}
    task = house.task(engine).model_copy(update={"definition": definition})
    receipt = execute(task, lambda kind, payload: None, Script())
    assert receipt.state == "failed"
    assert receipt.error is not None
    assert "it has no minibatches" in receipt.error["detail"]


def test_stopped_before_it_began_it_has_no_result(house: House) -> None:
    receipt = execute(house.task(), lambda kind, payload: None, Script(StopReason.DEADLINE))
    assert (receipt.state, receipt.result) == ("expired", False)


def test_stopped_before_the_first_draw_it_has_no_result(house: House) -> None:
    script = Script(StopReason.CANCELLED, after=20)
    receipt = execute(house.task(tier="interpreted"), lambda kind, payload: None, script)
    assert (receipt.state, receipt.result) == ("cancelled", False)


def test_stopped_later_it_has_a_partial_one(house: House) -> None:
    task = house.task(tier="interpreted")
    script = Script(StopReason.CANCELLED, after=80)
    receipt = execute(task, lambda kind, payload: None, script)
    assert (receipt.state, receipt.result) == ("cancelled", True)
    assert json.loads(house.artifacts.get(f"{task.prefix}/result.json"))["partial"] is True


def test_a_model_met_before_gives_the_same_result(house: House) -> None:
    task, cache = house.task(tier="compiled"), Cache()

    def summary() -> Any:
        execute(task, lambda kind, payload: None, Script(), cache)
        return json.loads(house.artifacts.get(f"{task.prefix}/result.json"))["summary"]

    assert summary() == summary()
    assert len(cache) > 0


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"data": {"y": [1.0]}}, "model-error"),
        ({"engine": {"kind": "sorcery"}}, "internal"),
    ],
)
def test_what_goes_wrong_is_in_the_receipt(house: House, change: Any, kind: str) -> None:
    receipt = execute(house.task(**change), lambda kind, payload: None, Script())
    assert (receipt.state, receipt.result) == ("failed", False)
    assert receipt.error is not None
    assert receipt.error["type"].endswith(f":{kind}")


def test_notes_of_the_density_become_warnings() -> None:
    diagnostics = Diagnostics(warnings=[Warning(code="a", message="b")])
    notes = (Note(code="loop", message="slow"),)
    both = with_notes(diagnostics, notes)
    assert both is not None
    assert [warning.code for warning in both.warnings] == ["a", "loop"]
    alone = with_notes(None, notes)
    assert alone is not None
    assert alone.warnings == [Warning(code="loop", message="slow")]
    assert with_notes(None, ()) is None


def test_the_result_of_a_formula_has_labels_and_priors(house: House) -> None:
    formula = {"language": "formula", "formula": "y ~ x + g", "priors": {"x": _NORMAL}}
    data = {
        "y": [1.0, 2.5, 2.9, 4.2, 5.1, 5.8],
        "x": [1, 2, 3, 4, 5, 6],
        "g": ["a", "b", "b", "a", "b", "a"],
        "ignored": [None],
    }
    task = house.task({"kind": "mle"}, definition=formula, data=data)
    receipt = execute(task, lambda kind, payload: None, Script())
    assert (receipt.state, receipt.error) == ("succeeded", None)
    result = json.loads(house.artifacts.get(f"{task.prefix}/result.json"))
    assert result["labels"] == {"beta": [["x", "g[b]"]]}
    assert len(result["mle"]["estimate"]["beta"]["value"]) == 2
    priors = {(p["parameter"], p.get("term")): p for p in result["priors"]}
    assert set(priors) == {("alpha", None), ("beta", "x"), ("beta", "g[b]"), ("sigma", None)}
    assert priors["beta", "x"]["args"] == {"loc": 0.0, "scale": 3.0}
    assert not priors["beta", "x"]["default"]
    assert priors["beta", "g[b]"]["default"]


_NORMAL = {"distribution": "Normal", "args": {"loc": 0, "scale": 3}}
