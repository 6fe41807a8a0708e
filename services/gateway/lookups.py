"""Lookups: jobs that are asked for at the same moment, read from the store at once.

Many look at their jobs again and again, and a read costs the way to the database and back whether
it is for one job or for fifty. What is asked for while a read is under way waits for the next, so
an answer is never older than its question.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping

from fastapi.concurrency import run_in_threadpool

from workers.jobs import Job
from workers.store.errors import JobNotFoundError

#: What ids of jobs look like. Nothing else is looked for: what no database takes for a text would
#: spoil the answers of all.
_ID = re.compile(r"[0-9a-f]{32}\Z")

#: Reads jobs by id: those that there are, whoever owns them.
Read = Callable[[Collection[str]], Mapping[str, Job]]


class Lookups:
    """Answers where jobs stand."""

    def __init__(self, read: Read) -> None:
        """Ask nothing yet.

        Args:
            read: blocks; called in a thread, once at a time.
        """
        self._read = read
        self._desk: _Desk | None = None

    async def job(self, owner: str, job_id: str) -> Job:
        """Return an owner's job.

        Raises:
            JobNotFoundError: the owner has no such job.
        """
        found = await self.any_job(job_id)
        if found is None or found.owner != owner:
            raise JobNotFoundError(f"there is no job {job_id!r}")
        return found

    async def any_job(self, job_id: str) -> Job | None:
        """Return a job, whoever owns it; None where there is none."""
        if not _ID.match(job_id):
            return None
        loop = asyncio.get_running_loop()
        desk = self._desk
        if desk is None or desk.loop is not loop:
            desk = self._desk = _Desk(loop, self._read)
        return await desk.ask(job_id)


class _Desk:
    """The questions of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, read: Read) -> None:
        self.loop = loop
        self._read = read
        self._asked: list[tuple[str, asyncio.Future[Job | None]]] = []
        self._answering: asyncio.Task[None] | None = None

    def ask(self, job_id: str) -> "asyncio.Future[Job | None]":
        question: asyncio.Future[Job | None] = self.loop.create_future()
        self._asked.append((job_id, question))
        if self._answering is None:
            self._answering = self.loop.create_task(self._answer())
        return question

    async def _answer(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, []
                await self._answer_these(asked)
        finally:
            self._answering = None

    async def _answer_these(self, asked: list[tuple[str, "asyncio.Future[Job | None]"]]) -> None:
        try:
            found = await run_in_threadpool(self._read, {job_id for job_id, _ in asked})
        except Exception as error:
            # Whoever asked hears of it; the next may fare better.
            for _, question in asked:
                if not question.done():
                    question.set_exception(error)
            return
        for job_id, question in asked:
            # One who has gone away has cancelled its question.
            if not question.done():
                question.set_result(found.get(job_id))
