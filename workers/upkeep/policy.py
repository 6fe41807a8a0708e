"""The policy: how long what is stored stays, by the settings of the service."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from workers.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Ages after which things expire; None for never."""

    #: Of jobs, since they ended, with all that belongs to them.
    jobs: timedelta | None = None
    #: Of the draws of jobs, since these ended; job and result stay.
    draws: timedelta | None = None
    #: Of models and data sets that no job refers to, since they were posted.
    unused: timedelta | None = None
    #: Of entries of the audit log.
    audit: timedelta | None = None
    #: Of artifacts that nothing refers to, since they were written: somebody may be about to.
    grace: timedelta = timedelta(days=1)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the policy that the settings say."""
        return cls(
            jobs=_days(settings.retention_jobs_days),
            draws=_days(settings.retention_draws_days),
            unused=_days(settings.retention_unused_days),
            audit=_days(settings.retention_audit_days),
            grace=timedelta(hours=settings.retention_grace_hours),
        )


def _days(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(days=number)
