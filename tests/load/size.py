"""How much is measured: the long form's numbers, which a test makes small."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a run takes."""

    #: Of measuring one thing, and of warming up before it.
    seconds: float = 15.0
    warm: float = 3.0
    #: Connections that ask again as soon as they are answered.
    clients: int = 16
    #: Submissions a second at a pace.
    pace: float = 300.0
    #: Event streams that are open at the same time.
    streams: int = 500
    #: Jobs that wait in the queue.
    queued: int = 10_000
    #: Bytes of the draws that are downloaded, and how many readers do.
    bytes: int = 200 * 2**20
    readers: int = 20
    #: Clients that fit eight schools, one after the other.
    fitters: int = 2
    #: The kinds of databases.
    stores: tuple[str, ...] = ("sqlite", "postgresql")


#: What `--brief` takes.
BRIEF = Size(
    seconds=3.0, warm=1.0, streams=50, queued=500, bytes=20 * 2**20, readers=5, stores=("sqlite",)
)
