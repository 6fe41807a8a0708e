"""Quotas: what one owner may have at a time, and how long the queue of all may get."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

from sqlalchemy import Connection, func, select

from workers.store import owners
from workers.store.backlog import Backlog, queued
from workers.store.errors import QueueFullError, QuotaExceededError
from workers.store.schema import datasets, jobs, models

#: Seconds after which a queue may be shorter, and after which somebody may have deleted something.
_SOON, _LATER = 10.0, 60.0


@dataclass(frozen=True, kw_only=True)
class Quotas:
    """The limits of one owner; None for no limit."""

    #: Jobs that run at the same time; more wait in the queue.
    running_jobs: int | None = None
    #: Jobs that wait.
    queued_jobs: int | None = None
    #: CPU time of a UTC day: the time that workers hold jobs, times their CPUs.
    cpu_seconds: float | None = None
    #: Of models, data sets, and the definitions, data and draws of jobs.
    stored_bytes: int | None = None

    def changed(self, by: Mapping[str, float | None]) -> "Quotas":
        """Return these quotas but for some, by name."""
        return replace(self, **by)  # type: ignore[arg-type]


#: The quotas by name.
NAMES = tuple(field.name for field in fields(Quotas))
UNLIMITED = Quotas()


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On what terms somebody may add to the store."""

    quotas: Quotas = UNLIMITED
    #: Jobs of all owners that wait.
    queue: int | None = None


FREE = Terms()


def check_job(
    connection: Connection, owner: str, terms: Terms, size: int, now: datetime, backlog: Backlog
) -> None:
    """Refuse a job of so many bytes that is one too many.

    Args:
        connection: of a transaction.
        owner: whose it is.
        terms: what it is measured against.
        size: how many bytes.
        now: the present moment.
        backlog: what is known of the queue of all.

    Raises:
        QueueFullError: the queue of all is full.
        QuotaExceededError: one of the owner's quotas is used up.
    """
    quotas = terms.quotas
    if terms.queue is not None and backlog.full(connection, terms.queue):
        raise QueueFullError
    if quotas.queued_jobs is not None:
        used = queued(connection, quotas.queued_jobs, owner)
        if used >= quotas.queued_jobs:
            raise QuotaExceededError("queued_jobs", quotas.queued_jobs, used, _SOON)
    if quotas.cpu_seconds is not None:
        spent = owners.cpu_seconds(connection, owner, now)
        if spent >= quotas.cpu_seconds:
            wait = math.ceil(owners.until_midnight(now))
            raise QuotaExceededError("cpu_seconds", quotas.cpu_seconds, round(spent, 3), wait)
    check_bytes(connection, owner, quotas, size)


def check_bytes(
    connection: Connection, owner: str, quotas: Quotas, size: int, *, stored: bool = False
) -> None:
    """Refuse to store so many more bytes than the owner may.

    Args:
        connection: of a transaction.
        owner: whose they are.
        quotas: the owner's.
        size: how many.
        stored: whether the transaction has stored them already.

    Raises:
        QuotaExceededError: the quota would be exceeded, or has been.
    """
    if quotas.stored_bytes is None:
        return
    used = stored_bytes(connection, owner) - stored * size
    if used + size > quotas.stored_bytes:
        raise QuotaExceededError("stored_bytes", quotas.stored_bytes, used, _LATER, asked=size)


def stored_bytes(connection: Connection, owner: str) -> int:
    """Return what the owner's models, data sets and jobs take."""
    of_jobs, of_datasets, of_models = (
        select(func.coalesce(func.sum(table.c.bytes), 0))
        .where(table.c.owner == owner)
        .scalar_subquery()
        for table in (jobs, datasets, models)
    )
    return int(connection.execute(select(of_jobs + of_datasets + of_models)).scalar_one())


def limits(quotas: Quotas) -> bool:
    """Return whether anything is to be counted when something is added."""
    counted = (quotas.queued_jobs, quotas.cpu_seconds, quotas.stored_bytes)
    return any(limit is not None for limit in counted)
