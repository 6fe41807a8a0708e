"""The policy is what the settings say."""

from datetime import timedelta

import pytest

from workers.settings import Settings
from workers.upkeep.policy import Policy


def test_nothing_expires_by_itself() -> None:
    assert Policy.of(Settings()) == Policy(grace=timedelta(days=1))


def test_days_are_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENCE_RETENTION_JOBS_DAYS", "30")
    monkeypatch.setenv("CREDENCE_RETENTION_DRAWS_DAYS", "0.5")
    monkeypatch.setenv("CREDENCE_RETENTION_GRACE_HOURS", "2")
    policy = Policy.of(Settings())
    assert (policy.jobs, policy.draws) == (timedelta(days=30), timedelta(hours=12))
    assert (policy.unused, policy.audit, policy.grace) == (None, None, timedelta(hours=2))


@pytest.mark.parametrize(
    ("name", "value"),
    [("JOBS_DAYS", "0"), ("DRAWS_DAYS", "-1"), ("AUDIT_DAYS", "inf"), ("GRACE_HOURS", "0.5")],
)
def test_ages_that_would_lose_what_is_needed_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CREDENCE_RETENTION_{name}", value)
    with pytest.raises(ValueError, match="retention"):
        Settings()
