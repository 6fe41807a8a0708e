"""A run that was ended by force: its draws are told as far as they were written."""

import json
from pathlib import Path

import numpy as np
import pytest

from workers import salvage as module
from workers.dispatch.task import Task
from workers.jobs import JobState
from workers.salvage import salvage
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowSink


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(
        job="a",
        token=2,
        definition={},
        input_key="inputs/none.json",
        engine={"kind": "nuts"},
        seed=3,
        artifacts=tmp_path.as_uri(),
        prefix="jobs/a/2",
    )


def test_written_draws_become_a_partial_result(task: Task) -> None:
    artifacts = Artifacts(task.artifacts)
    sink = ArrowSink(artifacts, task.prefix, lambda kind, payload: None)
    values = np.random.default_rng(5).normal(size=(4, 50_000))
    sink.write({"mu": values}, {})  # More than a block: it is written, the stream not ended.
    receipt = salvage(task, JobState.CANCELLED, 2.0)
    sink.close()
    assert (receipt.state, receipt.result) == ("cancelled", True)
    result = json.loads(artifacts.get("jobs/a/2/result.json"))
    assert result["partial"] is True
    assert result["outcome"] == "stopped"
    assert result["summary"]["mu"]["mean"] == pytest.approx(values.mean(), abs=1e-12)
    assert [warning["code"] for warning in result["diagnostics"]["warnings"]] == ["killed"]


def test_without_draws_there_is_no_result(task: Task) -> None:
    assert salvage(task, JobState.EXPIRED, 2.0).model_dump() == {
        "state": "expired",
        "result": False,
        "account": None,
        "error": None,
        "traceback": None,
        "fault": False,
    }


def test_more_draws_than_can_be_summarised_in_time_are_there_as_they_are(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts = Artifacts(task.artifacts)
    sink = ArrowSink(artifacts, task.prefix, lambda kind, payload: None)
    sink.write({"mu": np.zeros((2, 500, 3))}, {})
    sink.close()
    monkeypatch.setattr(module, "MOST", 2 * 500 * 3 - 1)
    assert salvage(task, JobState.CANCELLED, 2.0).result
    result = json.loads(artifacts.get("jobs/a/2/result.json"))
    assert "summary" not in result
    (warning,) = result["diagnostics"]["warnings"]
    assert warning["code"] == "killed"
    assert "too many draws" in warning["message"]
    monkeypatch.setattr(module, "MOST", 2 * 500 * 3)
    assert salvage(task, JobState.CANCELLED, 2.0).result
    assert "mu" in json.loads(artifacts.get("jobs/a/2/result.json"))["summary"]
