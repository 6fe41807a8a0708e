"""The states of a job and the ways between them."""

import itertools
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from workers.jobs import SEEDS, TRANSITIONS, Job, JobState, draw_seed

TERMINAL = {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED}


def test_every_state_says_what_follows() -> None:
    assert set(TRANSITIONS) == set(JobState)


@pytest.mark.parametrize(("state", "following"), list(itertools.product(JobState, JobState)))
def test_the_legal_transitions(state: JobState, following: JobState) -> None:
    legal = {
        JobState.QUEUED: {JobState.RUNNING, JobState.CANCELLED},
        JobState.RUNNING: {JobState.QUEUED, *TERMINAL},
    }
    assert state.may_become(following) == (following in legal.get(state, set()))
    assert state.terminal == (state in TERMINAL)


def test_a_job_never_changes() -> None:
    job = Job(
        id="a",
        state=JobState.QUEUED,
        engine={"kind": "nuts"},
        seed=7,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        owner="ann",
        request={},
        definition={},
        input_key="inputs/x.json",
    )
    with pytest.raises(ValidationError):
        job.state = JobState.RUNNING  # type: ignore[misc]


def test_drawn_seeds_differ_and_fit_their_column() -> None:
    seeds = {draw_seed() for _ in range(100)}
    assert len(seeds) == 100
    assert all(0 <= seed < SEEDS == 2**63 for seed in seeds)
