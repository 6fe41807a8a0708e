"""When checkpoints are written, where, and what happens where they cannot be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from workers.checkpoints.checkpoint import Checkpoint
from workers.checkpoints.keeper import EVERY, REST, WHOLE, Keeper
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowSink

PREFIX = "jobs/a/1"
CPU = torch.device("cpu")


class Attempt:
    """A keeper whose clock a test turns, and whose checkpoints take as long as it says."""

    def __init__(self, artifacts: Artifacts, prefix: str = PREFIX, keepsake: Any = None) -> None:
        self.now, self.takes, self.made = 0.0, 0.0, 0
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.sink = ArrowSink(artifacts, prefix, lambda *event: self.events.append(event))
        more = {} if keepsake is None else {"keepsake": keepsake}
        self.keeper = Keeper(artifacts, prefix, self.sink, clock=lambda: self.now, **more)

    def offer(self, at: float, whole: bool = False, state: Any = 1.5) -> bool:
        """Offer a checkpoint at a time; return whether it was taken."""
        before, self.now = self.made, at

        def make() -> Checkpoint:
            self.made += 1
            self.now += self.takes
            return Checkpoint(self.made, state)

        self.keeper.offer(whole, make)
        return self.made > before


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path.as_uri())


def test_one_is_written_every_few_seconds_and_sooner_between_blocks(artifacts: Artifacts) -> None:
    attempt = Attempt(artifacts)
    assert not attempt.offer(WHOLE - 0.1, whole=True)
    assert attempt.offer(WHOLE, whole=True)
    assert not attempt.offer(EVERY + WHOLE - 0.1)
    assert attempt.offer(EVERY + WHOLE)
    assert 0.5 <= WHOLE <= EVERY <= 5.0


def test_what_takes_long_is_done_seldom(artifacts: Artifacts) -> None:
    attempt = Attempt(artifacts)
    attempt.takes = 2.0
    assert attempt.offer(EVERY)
    assert not attempt.offer(EVERY + 2.0 + 2.0 * REST - 0.1, whole=True)
    assert attempt.offer(EVERY + 2.0 + 2.0 * REST)


def test_two_files_take_turns_and_the_latest_is_found(artifacts: Artifacts) -> None:
    attempt = Attempt(artifacts)
    for turn in range(1, 6):
        assert attempt.offer(turn * EVERY)
    assert artifacts.list("jobs/a") == [f"{PREFIX}/checkpoint.{slot}" for slot in (0, 1)]
    found = Attempt(artifacts, "jobs/a/3").keeper.latest(CPU)
    assert found == Checkpoint(5, 1.5)
    assert attempt.keeper.latest(CPU) is None, "an attempt has none before it"
    assert Attempt(artifacts, "jobs/b/2").keeper.latest(CPU) is None


def test_it_counts_the_draws_that_are_written(artifacts: Artifacts) -> None:
    attempt = Attempt(artifacts)
    x = np.arange(12.0).reshape(2, 6)
    attempt.sink.write({"x": x[:, :4]}, {"energy": x[:, :4]})
    assert attempt.offer(EVERY)
    attempt.sink.write({"x": x[:, 4:]}, {"energy": x[:, 4:]})
    again = Attempt(artifacts, "jobs/a/2")
    assert again.keeper.latest(CPU) is not None
    assert again.sink.written == (4, 4)
    again.sink.write({"x": -x[:, 4:]}, {"energy": x[:, 4:]})
    found = again.sink.draws().values("x")
    np.testing.assert_array_equal(found, np.concatenate([x[:, :4], -x[:, 4:]], axis=1))
    attempt.sink.close()


def test_a_full_disk_does_not_end_the_run(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    attempt = Attempt(artifacts, keepsake=lambda state: state)
    monkeypatch.setattr(artifacts, "put", full)
    assert attempt.offer(EVERY)
    attempt.keeper.end(1.5)
    said = [payload["message"] for _, payload in attempt.events]
    assert said == [
        "no checkpoint was written: [Errno 28] No space left on device",
        "the run cannot be extended: [Errno 28] No space left on device",
    ]


def test_a_state_that_cannot_be_kept_does_not_end_the_run(artifacts: Artifacts) -> None:
    attempt = Attempt(artifacts)
    assert attempt.offer(EVERY, state=object())
    assert attempt.events[0][0] == "log"
    assert artifacts.list("jobs/a") == []


def test_a_checkpoint_that_is_written_while_it_is_read_counts_its_own_draws(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worker lives on, though its dispatcher has lost the lease.
    late, x = Attempt(artifacts), np.arange(12.0).reshape(2, 6)
    late.sink.write({"x": x[:, :4]}, {"energy": x[:, :4]})
    assert late.offer(EVERY)
    get = artifacts.get

    def meanwhile(key: str) -> bytes:
        if late.made == 1:
            late.sink.write({"x": x[:, 4:]}, {"energy": x[:, 4:]})
            assert late.offer(2 * EVERY)
            assert late.offer(3 * EVERY), "the file that is read"
        return get(key)

    monkeypatch.setattr(artifacts, "get", meanwhile)
    again = Attempt(artifacts, "jobs/a/2")
    assert again.keeper.latest(CPU) == Checkpoint(3, 1.5)
    assert again.sink.written == (6, 6)
    np.testing.assert_array_equal(again.sink.draws().values("x"), x)
    late.sink.close()
