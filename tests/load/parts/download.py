"""A large result read by many at the same time: how fast, and how much memory the gateway takes."""

import asyncio
import time
from collections.abc import Iterator

import numpy as np

from tests.load.connection import message
from tests.load.driver import run
from tests.load.gateway import Gateway
from tests.load.jobs import submit
from tests.load.line import Line
from tests.load.size import Size
from tests.load.usage import Peak
from workers.jobs import JobState
from workers.store.draws import ArrowSink

#: Bytes by which the gateway's memory may grow for each reader, however large the result: copies of
#: a block on its way, and the buffers of a connection.
ALLOWED = 8 * 2**20
#: The draws: chains, entries of each draw, and draws per chain in a block.
_CHAINS, _ENTRIES, _BLOCK = 4, 100, 256
#: Bytes that a reader takes at a time.
_PIECE = 1 << 18


def measure(service: Gateway, size: Size) -> Iterator[Line]:
    """Publish draws of one job, and let many read them."""
    job = run(submit(service.port, 1, 1))[0]
    publish(service, job, size.bytes)
    # The first reader's buffers are not held against the others.
    whole = run(read(service.port, job))
    began = time.perf_counter()
    with Peak(service.pid) as peak:
        sizes = run(_read_all(service.port, job, size.readers))
    seconds = time.perf_counter() - began
    yield Line(
        what=f"{size.readers} readers of {whole / 2**20:.0f} MB",
        store=service.kind,
        count=sum(read == whole for read in sizes),
        goal=f"memory grows by < {ALLOWED / 2**20:.0f} MB a reader",
        met=peak.growth < ALLOWED * size.readers and sizes == [whole] * size.readers,
        note=f"{sum(sizes) / 2**20 / seconds:.0f} MB/s together; "
        f"memory {peak.before / 2**20:.0f} MB before, {peak.growth / 2**20:+.0f} MB",
    )


def publish(service: Gateway, job: str, size: int) -> None:
    """End a job as a worker does, with draws of about so many bytes."""
    rng = np.random.default_rng(1)
    draws = max(1, size // (8 * _CHAINS * _ENTRIES))
    with service.store() as store, service.artifacts() as artifacts:
        claim = store.claim("load", 600.0)
        assert claim is not None
        assert claim.job.id == job
        prefix = f"jobs/{job}/{claim.token}"
        sink = ArrowSink(artifacts, prefix, lambda kind, payload: None)
        for first in range(0, draws, _BLOCK):
            block = (_CHAINS, min(_BLOCK, draws - first), _ENTRIES)
            sink.write({"x": rng.normal(size=block)}, {})
        sink.close()
        assert store.publish(job, claim.token, JobState.SUCCEEDED, prefix)


async def read(port: int, job: str) -> int:
    """Read a job's draws to their end; return the bytes that came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_PIECE)
    try:
        writer.write(message("GET", f"/v1/jobs/{job}/draws", connection="close"))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        size, last = 0, b""
        while piece := await reader.read(_PIECE):
            size += len(piece)
            last = (last + piece)[-5:]
        if last != b"0\r\n\r\n":
            raise RuntimeError("the answer broke off")
        return size
    finally:
        writer.close()


async def _read_all(port: int, job: str, readers: int) -> list[int]:
    return list(await asyncio.gather(*(read(port, job) for _ in range(readers))))
