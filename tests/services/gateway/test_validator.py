"""The pool of checkers: answers, refusals, memory and time limits, and its end."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from models.errors import DataError, DefinitionError, ModelError, TooLargeError
from services.errors import BusyError
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from services.gateway.validator import Validator


@pytest.fixture(scope="module")
def small() -> Iterator[Validator]:
    """One checker with little time."""
    found = Validator(checkers=1, seconds=3.0)
    yield found
    found.close()


def pids(validator: Validator) -> list[int]:
    return [checker._process.pid for checker in validator._free]


def heavy(steps: int) -> dict[str, Any]:
    """A model of few operations that take long each."""
    source = (
        "def model(y):\n"
        "    mu = pyro.sample('mu', dist.Normal(0., 1.))\n"
        "    kernel = torch.eye(1200)\n"
        f"    for i in range({steps}):\n"
        "        kernel = torch.linalg.inv(kernel + 0.5)\n"
        "    pyro.sample('y', dist.Normal(mu + kernel[0, 0], 1.), obs=y)\n"
    )
    return {"language": "pyro", "source": source}


def test_a_model_is_described(validator: Validator) -> None:
    found = validator.check(EIGHT_SCHOOLS, DATA)
    assert [p["name"] for p in found["parameters"]] == ["mu", "tau", "eta"]
    assert [p["shape"] for p in found["parameters"]] == [[], [], [8]]
    assert found["observed"] == ["y"]
    assert validator.ready()


def test_without_data_shapes_are_unknown(validator: Validator) -> None:
    found = validator.check(EIGHT_SCHOOLS)
    assert {p["shape"] is None for p in found["parameters"]} == {True}


def test_refusals_keep_class_and_path(validator: Validator) -> None:
    with pytest.raises(DataError) as caught:
        validator.check(EIGHT_SCHOOLS, {"y": [1, "x"], "sigma": [1, 2]})
    assert caught.value.path == "data.y[1]"
    with pytest.raises(DefinitionError):
        validator.check({"language": "pyro", "source": "import os"})


def test_answers_are_remembered(validator: Validator) -> None:
    model = {"language": "catalog", "name": "eight_schools"}
    first = validator.check(model, DATA)
    began = time.perf_counter()
    for _ in range(50):
        assert validator.check(model, DATA) == first
    assert time.perf_counter() - began < 1.0


@pytest.mark.slow
def test_a_long_check_is_ended_and_the_next_one_works(small: Validator) -> None:
    small.check(EIGHT_SCHOOLS, DATA)
    (before,) = pids(small)
    with pytest.raises(TooLargeError, match=r"longer than 3 s"):
        small.check(heavy(60), {"y": 1.0})
    assert small.check(EIGHT_SCHOOLS, {"y": [1, 2], "sigma": [1, 1]})["observed"] == ["y"]
    (after,) = pids(small)
    assert before != after
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


@pytest.mark.slow
def test_a_checker_that_dies_is_replaced(small: Validator) -> None:
    small.check(EIGHT_SCHOOLS, DATA)
    os.kill(pids(small)[0], signal.SIGSTOP)
    timer = threading.Timer(0.3, os.kill, (pids(small)[0], signal.SIGKILL))
    timer.start()
    with pytest.raises(ModelError, match="ended its process"):
        small.check(EIGHT_SCHOOLS, {"y": [3, 2], "sigma": [1, 1]})
    timer.join()
    assert small.check(EIGHT_SCHOOLS, {"y": [3, 2], "sigma": [1, 1]})["observed"] == ["y"]


@pytest.mark.slow
def test_a_closed_pool_leaves_no_process_and_answers_no_more() -> None:
    found = Validator(checkers=2)
    children = pids(found)
    assert not found.ready()
    found.close()
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
    with pytest.raises(BusyError):
        found.check(EIGHT_SCHOOLS)
    assert not found.ready()
