"""Ingestor: turns a posted body into stored columns, in a child process under limits."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from models.errors import TooLargeError
from services.errors import BusyError, Complaint, InvalidInputError, MalformedJsonError
from services.gateway.ingest.caps import Caps

log = structlog.get_logger()

#: Media type -> the reader of `services.gateway.ingest.child`.
FORMATS: Mapping[str, str] = {
    "application/json": "json",
    "text/csv": "csv",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/vnd.apache.arrow.file": "arrow",
    "application/vnd.apache.parquet": "parquet",
}

#: Seconds that a request waits for its turn, and for the child on a machine that is busy.
PATIENCE = 120.0


class Ingestor:
    """Reads data sets. Safe to use from many threads; every method blocks."""

    def __init__(self, caps: Caps, processes: int = 2, seconds: int = 20, memory: int = 2**31):
        """Set the limits.

        Args:
            caps: of one data set.
            processes: how many data sets are read at a time.
            seconds: of processor time for one.
            memory: bytes for one, beyond what a process starts with.
        """
        self._caps = caps
        self._seconds = seconds
        self._memory = memory
        self._turns = threading.BoundedSemaphore(processes)

    def ingest(self, source: Path, target: Path, form: str) -> dict[str, Any]:
        """Read a file and write its columns.

        Args:
            source: what was posted.
            target: the Arrow file to write (`workers.columns`).
            form: one of the values of `FORMATS`.

        Returns:
            `columns` as a listing shows them, `bytes` in memory, `digest` of the content.

        Raises:
            MalformedJsonError, InvalidInputError, TooLargeError: why it cannot be used.
            BusyError: too many others are being read.
        """
        if not self._turns.acquire(timeout=PATIENCE):
            raise BusyError("Other data sets are being read; try again in a few seconds.")
        try:
            answer = self._run(source, target, form)
        finally:
            self._turns.release()
        if "error" in answer:
            raise _refusal(answer["error"])
        return answer

    def _run(self, source: Path, target: Path, form: str) -> dict[str, Any]:
        caps = self._caps
        numbers = (caps.columns, caps.bytes, self._memory, self._seconds)
        # A folder named like ours where we were started is not imported.
        command = [sys.executable, "-P", "-m", "services.gateway.ingest.child"]
        # The limit counts address space: one thread, one heap, and no arenas set aside.
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "2",
            "ARROW_DEFAULT_MEMORY_POOL": "system",
        }
        process = subprocess.Popen(
            [*command, str(source), str(target), form, *map(str, numbers)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        with process:
            try:
                out, _ = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                # All of it where the child was through, and we were who had been stopped.
                out, _ = process.communicate()
        if process.returncode != 0:
            raise self._ended(process.returncode, form)
        answer: dict[str, Any] = json.loads(out)
        return answer

    def _ended(self, code: int, form: str) -> Exception:
        log.warning("reader ended", action="refuse_dataset", code=code, form=form)
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            message = f"reading it takes longer than {self._seconds} s; send less, or as Arrow"
            return TooLargeError("body", message)
        message = (
            f"this {form} file ended the process that read it; write it anew and send it again"
        )
        return InvalidInputError([Complaint(path="body", message=message)])


def _refusal(error: Mapping[str, Any]) -> Exception:
    complaints = [Complaint.model_validate(complaint) for complaint in error["complaints"]]
    if error["kind"] == "malformed":
        return MalformedJsonError(error["detail"])
    if error["kind"] == "too_large":
        return TooLargeError(complaints[0].path, complaints[0].message)
    return InvalidInputError(complaints)
