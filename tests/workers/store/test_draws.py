"""The sink that the loop writes to, and the draws that engines and readers get back."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.draws import MemorySink
from workers.engines.engine import Draws
from workers.sink import AbstractSink
from workers.store import draws as draws_module
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowDraws, ArrowSink

PREFIX = "jobs/a/1"
NAMES = itertools.count()


@pytest.fixture(params=["file", "memory"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    url = tmp_path.as_uri() if request.param == "file" else f"memory://draws-{next(NAMES)}"
    return Artifacts(url)


def fill(sink: AbstractSink) -> Draws:
    """Write three blocks of two chains; return the draws."""
    generator = np.random.default_rng(7)
    for size in (4, 1, 3):
        draws = {
            "mu": generator.normal(size=(2, size)),
            "theta": generator.normal(size=(2, size, 3)),
            "L": generator.normal(size=(2, size, 2, 2)),
        }
        sink.write(draws, {"acceptance": generator.uniform(size=(2, size))})
    return sink.draws()


def test_it_gives_what_the_sink_in_memory_gives(artifacts: Artifacts) -> None:
    expected = fill(MemorySink())
    found = fill(ArrowSink(artifacts, PREFIX, lambda kind, payload: None))
    assert (found.chains, found.draws) == (expected.chains, expected.draws) == (2, 8)
    assert found.names() == expected.names() == ("mu", "theta", "L")
    for name in expected.names():
        np.testing.assert_array_equal(found.values(name), expected.values(name))
        assert found.shape(name) == expected.shape(name)
        groups = [*found.entries(name, 3)], [*expected.entries(name, 3)]
        assert [g.shape for g in groups[0]] == [g.shape for g in groups[1]]
        np.testing.assert_array_equal(*(np.concatenate(g) for g in groups))
    np.testing.assert_array_equal(found.stats("acceptance"), expected.stats("acceptance"))
    assert found.stats("energy") is None
    for missing in (found.values, found.shape, lambda name: next(found.entries(name, 1))):
        with pytest.raises(KeyError):
            missing("acceptance")


@pytest.mark.parametrize(("ahead", "width"), [(1, 1), (1, 4), (40, 1), (100, 2), (1000, 3)])
def test_entries_are_read_ahead_and_given_as_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: int, width: int
) -> None:
    monkeypatch.setattr(draws_module, "_AHEAD", ahead)
    draws = fill(ArrowSink(Artifacts(tmp_path.as_uri()), PREFIX, lambda kind, payload: None))
    groups = list(draws.entries("theta", width))
    assert all(len(group) == width for group in groups[:-1])
    assert len(groups) == -(-3 // width)
    np.testing.assert_array_equal(np.concatenate(groups).transpose(1, 2, 0), draws.values("theta"))


def test_a_run_without_draws_has_no_chains(artifacts: Artifacts) -> None:
    draws = ArrowSink(artifacts, PREFIX, lambda kind, payload: None).draws()
    assert (draws.chains, draws.draws, draws.names(), draws.stats("energy")) == (0, 0, (), None)


def test_statistics_may_come_without_draws(artifacts: Artifacts) -> None:
    sink = ArrowSink(artifacts, PREFIX, lambda kind, payload: None)
    sink.write({}, {"energy": np.ones((2, 3))})
    assert sink.draws().chains == 0


def test_another_process_may_read_while_the_run_goes_on(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path.as_uri())
    sink = ArrowSink(artifacts, PREFIX, lambda kind, payload: None)
    sink.write({"mu": np.ones((2, 5))}, {"energy": np.ones((2, 5))})
    seen = ArrowDraws(Artifacts(tmp_path.as_uri()), PREFIX)
    energy = seen.stats("energy")
    assert seen.values("mu").shape == (2, 5)
    assert energy is not None
    assert energy.shape == (2, 5)
    sink.close()


def test_events_are_passed_on(artifacts: Artifacts) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    sink = ArrowSink(artifacts, PREFIX, lambda kind, payload: heard.append((kind, payload)))
    sink.emit("log", {"message": "x"})
    assert heard == [("log", {"message": "x"})]
