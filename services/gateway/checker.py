"""Checker: one warm child process that checks models, as the gateway sees it."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from services.gateway import frames


class CheckerDiedError(Exception):
    """The child ended while it was asked something."""


class CheckerColdError(Exception):
    """The child did not get warm: it ended before, or took too long."""


class Checker:
    """A child running `services.gateway.validator_child`; used by one thread at a time."""

    def __init__(self, memory: int) -> None:
        """Start the child; it says when it is warm.

        Args:
            memory: bytes that it may take beyond what it has when warm.
        """
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    # A folder named like ours where we were started is not imported.
                    "-P",
                    "-m",
                    "services.gateway.validator_child",
                    str(theirs.fileno()),
                    str(memory),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # One thread and one heap: the limit counts address space.
                env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
            )
        self._warm = False

    def warm(self) -> bool:
        """Return whether the child is warm, without waiting for it."""
        if not self._warm and select.select([self._channel], [], [], 0)[0]:
            self._greet(1.0)
        return self._warm

    def ask(self, task: Mapping[str, Any], patience: float) -> Mapping[str, Any]:
        """Return the child's answer.

        Args:
            task: what to do, with the `seconds` of processor time that it may use; on a busy
                machine these take longer.
            patience: seconds to wait until the child is warm, and for its answer at most.

        Raises:
            CheckerColdError: it did not get warm.
            TimeoutError: it took longer.
            CheckerDiedError: it ended.
        """
        if not self._warm:
            self._greet(patience)
        try:
            frames.send(self._channel, task, patience)
            answer: Mapping[str, Any] = frames.receive(self._channel, patience)
        except frames.ClosedError:
            # SIGPROF is the alarm that the child has set for its processor time.
            if self._process.wait() == -signal.SIGPROF:
                raise TimeoutError from None
            raise CheckerDiedError from None
        return answer

    def _greet(self, patience: float) -> None:
        """Wait for the word that the child is warm."""
        try:
            frames.receive(self._channel, patience)
        except (TimeoutError, frames.ClosedError):
            raise CheckerColdError from None
        self._warm = True

    def kill(self) -> None:
        """End the child, whatever it does."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._channel.close()
