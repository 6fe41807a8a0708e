"""Sweeps up what ended jobs left in the artifact store: attempts that were lost, checkpoints.

Whoever ends a job tidies up after it, but may be killed before that, or the job may be ended by its
lease. A prefix without a job's row is left alone: it may be another service's.
"""

import structlog

from workers.store.artifacts import Artifacts
from workers.store.errors import JobNotFoundError
from workers.store.store import Store
from workers.store.tidy import tidy, untidy

log = structlog.get_logger()


class Sweeper:
    """Knows a store's jobs and where their artifacts lie."""

    def __init__(self, store: Store, artifacts: str) -> None:
        """Sweep nothing yet.

        Args:
            store: says which jobs have ended.
            artifacts: URL of the artifact store.
        """
        self._store = store
        self._url = artifacts

    def sweep(self, job_id: str) -> bool:
        """Tidy up after a job; return whether it has ended, and so was tidied up after."""
        try:
            job = self._store.get_job(None, job_id)
        except JobNotFoundError:
            return False
        if job.state.terminal:
            # Without a result there still are the draws of the last attempt.
            kept = job.result_prefix or f"jobs/{job_id}/{job.token}"
            published = job.result_prefix is not None
            tidy(Artifacts(self._url), job_id, kept, published=published)
        return job.state.terminal

    def sweep_all(self) -> None:
        """Tidy up after every ended job that has left something; never fails."""
        try:
            jobs = untidy(Artifacts(self._url))
            swept = [job_id for job_id in jobs if self.sweep(job_id)]
        except Exception as error:
            # The next start looks again.
            log.warning("not swept", action="sweep_artifacts", cause=str(error))
            return
        if swept:
            log.info("artifacts swept up", action="sweep_artifacts", jobs=swept)
