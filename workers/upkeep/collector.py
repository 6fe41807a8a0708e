"""The collector: deletes what has expired, and the artifacts that nothing refers to."""

import time
from collections.abc import Callable
from datetime import timedelta

from workers.store.artifacts import STATE, Artifacts
from workers.store.store import Store
from workers.upkeep.haul import Haul
from workers.upkeep.orphans import Orphans
from workers.upkeep.policy import Policy

#: Jobs that are deleted in one transaction: each may have thousands of events.
_AT_A_TIME = 10
#: What is deleted of a job whose draws expire; without them nothing can go on from it either.
_DRAWS = ("draws.arrow", "stats.arrow", STATE)


class Collector:
    """Collects by a policy. Any number may at the same time, in whatever processes."""

    def __init__(
        self,
        store: Store,
        artifacts: Artifacts,
        policy: Policy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Collect nothing yet.

        Args:
            store: has the rows.
            artifacts: has the files.
            policy: what expires.
            clock: tells seconds since 1970 as the artifact store's files do.
        """
        self._upkeep, self._artifacts = store.upkeep, artifacts
        self._policy, self._clock = policy, clock
        self._orphans = Orphans(store.upkeep, artifacts)

    def mark(self) -> None:
        """Say that the artifacts are our database's, also where nothing is collected."""
        self._orphans.mark()

    def collect(self, *, dry_run: bool = False) -> Haul:
        """Delete what is due and return what that was.

        Args:
            dry_run: delete nothing, and return what would have been; what only comes to be an
                orphan by the deletions is not among it.

        Raises:
            StoreUnavailableError: the database does not answer.
            OSError: the artifact store does not.
        """
        haul, policy = Haul(), self._policy
        if policy.jobs is not None:
            self._jobs(haul, policy.jobs, dry_run)
        if policy.draws is not None:
            self._draws(haul, policy.draws, dry_run)
        if policy.unused is not None:
            self._unused(haul, policy.unused, dry_run)
        if policy.audit is not None:
            count = self._upkeep.expire_audit(policy.audit, dry_run=dry_run)
            haul.add("audit_entries", count=count)
        haul.add("idempotency_keys", count=self._upkeep.forget_keys(dry_run=dry_run))
        before = self._clock() - policy.grace.total_seconds()
        self._orphans.collect(haul, before, dry_run=dry_run)
        return haul

    def _jobs(self, haul: Haul, age: timedelta, dry_run: bool) -> None:
        due = self._upkeep.due_jobs(age)
        for first in range(0, len(due), _AT_A_TIME):
            some = due[first : first + _AT_A_TIME]
            for job in some if dry_run else self._upkeep.expire_jobs(some, age):
                # Rows first: what a crash leaves here is an orphan.
                haul.add("jobs", self._deleted(haul, f"jobs/{job}", dry_run))

    def _draws(self, haul: Haul, age: timedelta, dry_run: bool) -> None:
        due = self._upkeep.due_draws(age)
        for first in range(0, len(due), _AT_A_TIME):
            some = due[first : first + _AT_A_TIME]
            for _, prefix in some:
                size = sum(self._deleted(haul, f"{prefix}/{name}", dry_run) for name in _DRAWS)
                haul.add("draws", size, count=1 if size else 0)
            if not dry_run:
                self._upkeep.mark_draws([job for job, _ in some])

    def _unused(self, haul: Haul, age: timedelta, dry_run: bool) -> None:
        for model in self._upkeep.unused_models(age):
            if not dry_run:
                self._upkeep.expire_model(model)
            haul.add("models")
        for dataset in self._upkeep.unused_datasets(age):
            if dry_run:
                haul.add("datasets", dataset.bytes)
            elif (key := self._upkeep.expire_dataset(dataset)) is not None:
                haul.add("datasets", self._deleted(haul, key, dry_run))

    def _deleted(self, haul: Haul, prefix: str, dry_run: bool) -> int:
        """Delete what lies under a prefix; return the bytes."""
        try:
            size = self._artifacts.size(prefix)
            if not dry_run:
                self._artifacts.delete(prefix)
        except FileNotFoundError:
            # Somebody else was quicker.
            return 0
        except OSError as error:
            # No row names it any more, or soon: it is an orphan.
            haul.fail(prefix, error)
            return 0
        return size
