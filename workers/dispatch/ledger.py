"""The ledger of a dispatcher: what its attempts come to, in counts and in traces."""

import time
from datetime import UTC, datetime

from workers.dispatch.task import Account, Receipt
from workers.jobs import Job, JobState
from workers.measures import (
    COMPILE,
    DIVERGENCES,
    DRAWS,
    ENDED,
    ESS_RATE,
    LOST,
    RUN,
    TIERS,
    WAIT,
    Tally,
)
from workers.store.upkeep import Upkeep
from workers.tracing import AbstractTracer, NoTracer
from workers.trail import Trail


class Ledger:
    """Counts what befalls the jobs of one dispatcher."""

    def __init__(self, tracer: AbstractTracer | None = None) -> None:
        """Begin.

        Args:
            tracer: makes the spans of attempts; None makes none.
        """
        self._tracer = tracer or NoTracer()
        self._tally = Tally()

    def open(self, job: Job) -> "Entry":
        """Begin the entry of an attempt that has just been claimed."""
        return Entry(job, self._tally, self._tracer)

    def fall_silent(self) -> None:
        """Count an attempt of which nothing was heard any more."""
        self._tally.count(LOST, cause="silent")

    def settle(self, upkeep: Upkeep) -> None:
        """Add what was counted to the database's counts.

        Raises:
            StoreUnavailableError: it does not answer; the next time will do.
        """
        counts = self._tally.take()
        try:
            upkeep.tally(counts)
        except BaseException:
            self._tally.give_back(counts)
            raise


class Entry:
    """One attempt, from its claim to its end. Used by one thread at a time."""

    def __init__(self, job: Job, tally: Tally, tracer: AbstractTracer) -> None:
        self._job, self._tally, self._tracer = job, tally, tracer
        self._engine: str = job.engine["kind"]
        self._began = time.monotonic()
        trail = Trail.model_validate(job.request.get("trail") or {})
        about = {"credence.job": job.id, "credence.engine": self._engine}
        if job.attempts == 1:
            waited = (datetime.now(UTC) - job.created_at).total_seconds()
            tally.observe(WAIT, max(waited, 0.0), engine=self._engine)
            asked = job.created_at.timestamp()
            tracer.begin("wait", parent=trail.traceparent, at=asked, attributes=about).end()
        self._span = tracer.begin(
            "attempt",
            kind="consumer",
            parent=trail.traceparent,
            attributes={**about, "credence.attempt": job.attempts},
        )
        #: Where the job comes from, for the worker.
        self.trail = Trail(request=trail.request, traceparent=self._span.traceparent)
        self._over = False

    def context(self) -> dict[str, str]:
        """Return what every line of the log says of the attempt."""
        return {"job": self._job.id, "owner": self._job.owner, **self.trail.context()}

    def end(self, receipt: Receipt, *, published: bool) -> None:
        """Enter how the attempt ended.

        Args:
            receipt: of its worker.
            published: whether the job has ended with it; if not, it was fenced off.
        """
        account = receipt.account
        if account is not None:
            self._trace(account)
        self._span.tell({"credence.state": receipt.state})
        if receipt.state == JobState.FAILED:
            self._span.fail((receipt.error or {}).get("type", "failed"))
        if not published:
            self.lose("fenced")
            return
        self._tally.count(ENDED, engine=self._engine, state=str(receipt.state))
        self._tally.observe(RUN, time.monotonic() - self._began, engine=self._engine)
        if account is not None:
            self._count(account)
        self.close()

    def lose(self, cause: str) -> None:
        """Enter that the attempt was lost.

        Args:
            cause: `worker`, or `fenced`: a later attempt has the job.
        """
        if not self._over:
            self._tally.count(LOST, cause=cause)
            self._span.fail(f"lost: {cause}")
        self.close()

    def close(self) -> None:
        """End the entry; one that has ended is left as it is."""
        self._over = True
        self._span.end()

    def _count(self, account: Account) -> None:
        tally, engine = self._tally, account.engine
        tally.count(TIERS, engine=engine, tier=account.tier)
        tally.observe(COMPILE, account.compile_seconds)
        tally.count(DRAWS, account.draws, engine=engine)
        if account.divergences is not None:
            tally.count(DIVERGENCES, account.divergences, engine=engine)
        if account.ess_per_second is not None:
            tally.observe(ESS_RATE, account.ess_per_second, engine=engine)

    def _trace(self, account: Account) -> None:
        """Make the spans of what the worker did; it has no way to send them itself."""
        for phase in account.phases:
            span = self._tracer.begin(
                phase.name,
                parent=self._span.traceparent,
                at=phase.began,
                attributes={"credence.host": account.host, "credence.job": self._job.id},
            )
            span.end(phase.ended)
