"""The janitor: a thread of the dispatcher's process that collects from time to time."""

import threading

import structlog

from workers.errors import WorkerError
from workers.measures import COLLECTED, COLLECTED_BYTES, Tally
from workers.store.upkeep import Upkeep
from workers.upkeep.collector import Collector
from workers.upkeep.haul import Haul

log = structlog.get_logger()

#: Seconds after the start until it looks for what others left behind: the start itself comes first.
FIRST_SECONDS = 10.0
#: Seconds to wait for its end.
_END = 1.0


class Janitor:
    """Collects soon after the start, and then every so many seconds."""

    def __init__(
        self, collector: Collector, upkeep: Upkeep, seconds: float, first: float = FIRST_SECONDS
    ) -> None:
        """Do nothing yet.

        Args:
            collector: what is done.
            upkeep: is told how much that was.
            seconds: between two times; 0 never collects.
            first: seconds until the first time.
        """
        self._collector, self._upkeep = collector, upkeep
        self._seconds, self._first = seconds, first
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._main, name="janitor", daemon=True)

    def start(self) -> None:
        """Mark the artifacts as ours, and begin."""
        try:
            self._collector.mark()
        except (OSError, WorkerError) as error:
            log.warning("artifacts not marked", action="mark_artifacts", cause=str(error))
        if self._seconds > 0:
            self._thread.start()

    def close(self) -> None:
        """End; a collection under way is left where it is, which does no harm."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_END)

    def _main(self) -> None:
        pause = min(self._first, self._seconds)
        while not self._ended.wait(pause):
            pause = self._seconds
            try:
                self._tell(self._collector.collect())
            except Exception:
                # Whatever does not answer now is asked again.
                log.exception("collection failed", action="fail_collection")

    def _tell(self, haul: Haul) -> None:
        for note in haul.notes:
            log.warning("not collected", action="spare_orphans", cause=note)
        if haul.parts:
            log.info("collected", action="collect", **haul.document())
        tally = Tally()
        for kind, part in haul.parts.items():
            tally.count(COLLECTED, part.count, kind=kind)
            tally.count(COLLECTED_BYTES, part.bytes, kind=kind)
        self._upkeep.tally(tally.take())
