"""Writes a run's checkpoints while it goes on, and finds those of the attempts before it.

An attempt writes two files by turns, each at once, so that while one is written, or if it turns
out to be damaged, there is the one before. A checkpoint says how many draws were in the attempt's
blocks; the next attempt copies these and goes on. It counts only if they are there.
"""

import io
import operator
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import structlog
import torch

from workers.checkpoints.checkpoint import Checkpoint
from workers.checkpoints.errors import PacketError
from workers.checkpoints.packet import pack, peek, unpack
from workers.store.artifacts import CHECKPOINTS, STATE, Artifacts
from workers.store.draws import ArrowSink
from workers.store.errors import ArtifactNotFoundError, StorageFullError

log = structlog.get_logger()

#: Seconds between two checkpoints; where all draws are in blocks, which makes a checkpoint small.
EVERY, WHOLE = 3.0, 1.0
#: A checkpoint is followed by so many times as long without one: they take 2 % of a run at most.
REST = 50.0


@dataclass(frozen=True)
class _Found:
    """A checkpoint of an earlier attempt, by what it says of itself."""

    prefix: str
    slot: str
    step: int
    #: Draws per chain in the attempt's two tables.
    written: tuple[int, int]

    @property
    def key(self) -> str:
        """Where it lies."""
        return f"{self.prefix}/{self.slot}"


class Keeper:
    """Keeps the checkpoints of one attempt."""

    def __init__(
        self,
        artifacts: Artifacts,
        prefix: str,
        sink: ArrowSink,
        *,
        keepsake: Callable[[Any], Any] = lambda state: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare for an attempt.

        Args:
            artifacts: where checkpoints lie.
            prefix: of the attempt, `jobs/<id>/<token>`.
            sink: of the attempt.
            keepsake: makes of a run's last state what another job may go on from, or None.
            clock: seconds that only move forward.
        """
        self._artifacts = artifacts
        self._prefix = prefix
        self._sink = sink
        self._keepsake = keepsake
        self._clock = clock
        self._last = clock()
        self._rest = 0.0
        self._kept = 0

    def latest(self, device: torch.device) -> Checkpoint | None:
        """Return the furthest checkpoint of an earlier attempt, with its draws in the sink.

        Args:
            device: of the run.

        Returns:
            The checkpoint; None where no attempt has left one that can be read.
        """
        for seen in sorted(self._candidates(), key=lambda found: found.step, reverse=True):
            try:
                content = self._artifacts.get(seen.key)
                checkpoint = unpack(content, device)
                if not isinstance(checkpoint, Checkpoint):
                    raise PacketError("this is no checkpoint")
                # A worker of which nobody hears may still write: this need not be what was seen.
                found = _found(seen.prefix, seen.slot, io.BytesIO(content))
            except (PacketError, ArtifactNotFoundError) as error:
                self._doubt(seen.key, str(error))
                continue
            if self._sink.adopt(found.prefix, found.written):
                self._tell(f"goes on from step {found.step}, where an earlier attempt was lost")
                return checkpoint
            self._doubt(found.key, "its draws are not there")
        return None

    def offer(self, whole: bool, made: Callable[[], Checkpoint]) -> None:
        """Write a checkpoint if it is time."""
        now = self._clock()
        if now - self._last < max(WHOLE if whole else EVERY, self._rest):
            return
        try:
            self._write(made())
        except (OSError, StorageFullError, TypeError) as error:
            # A full disk, or what cannot be kept: the run is worth more than its checkpoint.
            self._tell(f"no checkpoint was written: {error}", "warning")
        self._last = self._clock()
        self._rest = REST * (self._last - now)

    def end(self, state: Any) -> None:
        """Write what another job may go on from."""
        kept = self._keepsake(state)
        if kept is not None:
            # Not waited for: a power cut within seconds costs an extension, not the result.
            draws, stats = self._sink.written
            content = pack(kept, {"written": [draws, stats]})
            try:
                self._artifacts.put(f"{self._prefix}/{STATE}", content, durable=False)
            except (OSError, StorageFullError) as error:
                self._tell(f"the run cannot be extended: {error}", "warning")

    def _write(self, checkpoint: Checkpoint) -> None:
        draws, stats = self._sink.written
        content = pack(checkpoint, {"step": checkpoint.step, "written": [draws, stats]})
        # Draws first: a checkpoint on disk whose draws are not is worth nothing.
        self._sink.sync()
        slot = CHECKPOINTS[self._kept % len(CHECKPOINTS)]
        self._artifacts.put(f"{self._prefix}/{slot}", content)
        self._kept += 1
        told = {"step": checkpoint.step, "draws": draws, "bytes": len(content)}
        self._sink.emit("checkpoint", told)

    def _candidates(self) -> Iterator[_Found]:
        job, _, token = self._prefix.rpartition("/")
        if token == "1":
            return
        for key in self._artifacts.list(job):
            prefix, _, slot = key.rpartition("/")
            if slot in CHECKPOINTS and prefix != self._prefix:
                try:
                    with self._artifacts.open_read(key) as file:
                        yield _found(prefix, slot, file)
                except (PacketError, ArtifactNotFoundError) as error:
                    self._doubt(key, str(error))

    def _doubt(self, key: str, cause: str) -> None:
        log.warning("no checkpoint", action="skip_checkpoint", key=key, cause=cause)
        self._tell(f"a checkpoint of an earlier attempt is of no use: {cause}", "warning")

    def _tell(self, message: str, level: str = "info") -> None:
        self._sink.emit("log", {"level": level, "message": message})


def _found(prefix: str, slot: str, file: BinaryIO) -> _Found:
    about = peek(file)
    try:
        draws, stats = map(operator.index, about["written"])
        return _Found(prefix, slot, operator.index(about["step"]), (draws, stats))
    except (KeyError, TypeError, ValueError) as error:
        raise PacketError("its header is damaged") from error
