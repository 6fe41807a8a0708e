"""Streams of a job's events: rows of the store as server-sent events, live and resumable."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator

from fastapi.concurrency import run_in_threadpool

from services.gateway.lookups import Lookups
from workers.jobs import Job, JobState
from workers.store.bell import AbstractBell, job_topic
from workers.store.events import Event
from workers.store.store import Store

#: Rows read at once.
BATCH = 500
#: How long the listening thread may take to notice that it should end, in seconds.
_CLOSING = 0.5

#: What every job's topic starts with.
_TOPICS = job_topic("")

PING = b": ping\n\n"


class Switchboard:
    """Hands the rings of one bell to the streams of this process that wait for them."""

    def __init__(self, bell: AbstractBell) -> None:
        """Listen, in a thread of its own."""
        self._bell = bell
        self._ear = bell.listen(_TOPICS)
        self._waiting: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="switchboard", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        # Wakes the thread; other processes' streams look once in vain.
        self._bell.ring(_TOPICS)
        self._thread.join()
        self._ear.close()

    @contextlib.contextmanager
    def listen(self, topic: str) -> Iterator[asyncio.Event]:
        """Yield an event of the running loop that every ring of the topic sets."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.setdefault(topic, set()).add(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._waiting[topic].discard(entry)
                if not self._waiting[topic]:
                    del self._waiting[topic]

    def _run(self) -> None:
        while not self._closed.is_set():
            for topic in self._ear.wait(_CLOSING):
                with self._lock:
                    # The bare prefix rings when rings may have been lost: everyone looks.
                    topics = list(self._waiting) if topic == _TOPICS else [topic]
                    entries = [e for name in topics for e in self._waiting.get(name, ())]
                for loop, event in entries:
                    # A loop that is closing needs no waking.
                    with contextlib.suppress(RuntimeError):
                        loop.call_soon_threadsafe(event.set)


async def stream(
    store: Store,
    switchboard: Switchboard,
    lookups: Lookups,
    job_id: str,
    *,
    owner: str | None = None,
    after: int,
    ping_seconds: float,
    poll_seconds: float,
) -> AsyncIterator[bytes]:
    """Yield a job's events as they are written, until its last: those that are there at once.

    Args:
        store: where they are.
        switchboard: says when to look.
        lookups: tells whether there is anything to look for.
        job_id: whose events.
        owner: whose job it must be; None for anybody's.
        after: the id of the last event that the reader has; 0 for none.
        ping_seconds: an idle stream sends a comment so often.
        poll_seconds: after so much silence it looks anyway.
    """
    silence = 0.0
    with switchboard.listen(job_topic(job_id)) as rung:
        while True:
            rung.clear()
            batch = await run_in_threadpool(store.events, job_id, after, BATCH, owner=owner)
            if batch:
                yield b"".join(map(encode, batch))
                after, silence = batch[-1].id, 0.0
                if _ends(batch[-1]):
                    return
                if len(batch) == BATCH:
                    continue
            elif _over(await lookups.any_job(job_id), after):
                return
            # Until there is something to read: a ring, or what the job's row tells without one.
            while not await _rings(rung, poll_seconds):
                silence += poll_seconds
                if silence >= ping_seconds:
                    silence = 0.0
                    yield PING
                job = await lookups.any_job(job_id)
                if job is None or job.event_count > after or _over(job, after):
                    break


async def _rings(rung: asyncio.Event, seconds: float) -> bool:
    """Wait for a ring; return False at the next whole multiple of so many seconds.

    All streams wake at the same moment then, so that what they look for is read at once.
    """
    now = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at((now // seconds + 1) * seconds):
            await rung.wait()
    except TimeoutError:
        return False
    return True


def _over(job: Job | None, after: int) -> bool:
    """Return whether the reader has everything that will ever be; a deleted job is over, too."""
    return job is None or (job.state.terminal and after >= job.event_count)


def encode(event: Event) -> bytes:
    """Return one event in the format of the HTML standard, section 9.2."""
    data = json.dumps(event.payload, separators=(",", ":"))
    return f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n".encode()


def _ends(event: Event) -> bool:
    return event.kind == "state" and JobState(event.payload["state"]).terminal
