"""One who follows a job: reads its event stream to the end."""

import asyncio
import time
from dataclasses import dataclass, field

from tests.load.connection import message

#: The end of a chunked answer.
_END = b"0\r\n\r\n"


@dataclass
class Follower:
    """What came of one stream."""

    job: str
    #: When each event came, by its data.
    events: dict[str, float] = field(default_factory=dict)
    #: Set with the first event: the stream is open.
    open: asyncio.Event = field(default_factory=asyncio.Event)
    #: Whether it ended as it should.
    whole: bool = False

    async def follow(self, port: int) -> None:
        """Read events until the service ends the stream."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(message("GET", f"/v1/jobs/{self.job}/events", connection="close"))
            last = b""
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    self.events[line[6:].decode().strip()] = time.perf_counter()
                    self.open.set()
                last = (last + line)[-len(_END) :]
            self.whole = last == _END
        finally:
            writer.close()
