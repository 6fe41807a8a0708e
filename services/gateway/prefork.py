"""Prefork: several processes that answer at one address, forked from one that has imported all.

One process of Python answers on one core. Each of these listens for itself, and the kernel deals
connections out among them (SO_REUSEPORT): where one dies, the others take what comes.
"""

import contextlib
import errno
import gc
import os
import signal
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn

import structlog

from services.processes import end_with_parent

log = structlog.get_logger()

#: Children that may end by themselves within so many seconds; one more, and all end.
ENDS, WINDOW = 3, 60.0
#: Seconds in which the processes of one that was killed leave an address.
PATIENCE = 5.0
_TICK = 0.05


class PreforkError(Exception):
    """The processes cannot start, or do not stay."""


@contextlib.contextmanager
def reserved(host: str, port: int) -> Iterator[int]:
    """Keep an address for processes of ours, and yield its port.

    Args:
        host: name or address.
        port: 0 for a free one.

    Raises:
        PreforkError: somebody else listens there, or the host is not this machine's.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            # Without SO_REUSEPORT: nobody else may be there, were it one of ours.
            with bound(host, port) as probe:
                port = int(probe.getsockname()[1])
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise PreforkError(f"cannot listen on {host}:{port}: {error.strerror}") from None
            time.sleep(_TICK)
    with bound(host, port, shared=True):
        yield port


def listening(host: str, port: int) -> socket.socket:
    """Return this process's own socket at a reserved address."""
    return bound(host, port, shared=True)


def prefork(processes: int, serve: Callable[[], None], ended: Callable[[int], None]) -> None:
    """Run a function in several processes until SIGINT or SIGTERM; all have ended on return.

    Args:
        processes: how many there are to be; one that ends by itself is replaced.
        serve: what each does until it gets SIGTERM.
        ended: told the number of each process that has ended.

    Raises:
        PreforkError: they end again and again.
    """
    told: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        told.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    # Pages that are shared with the children stay so: a collection would write to all of them.
    gc.collect()
    gc.freeze()
    children: set[int] = set()
    ends: deque[float] = deque(maxlen=ENDS + 1)
    try:
        while not told:
            while len(children) < processes:
                children.add(_forked(serve, before))
            for pid in _collect(children):
                ended(pid)
                ends.append(time.monotonic())
                log.warning("process ended", action="fork_process", process=pid)
            if len(ends) > ENDS and ends[-1] - ends[0] < WINDOW:
                raise PreforkError(f"{len(ends)} processes of the gateway ended within a minute")
            time.sleep(_TICK)
    finally:
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        while children:
            _collect(children)
            time.sleep(_TICK)
        for number, handler in before.items():
            signal.signal(number, handler)
        gc.unfreeze()


def _collect(children: set[int]) -> list[int]:
    """Take out those that have ended, and return them."""
    found = [pid for pid in children if os.waitpid(pid, os.WNOHANG)[0]]
    children.difference_update(found)
    return found


def _forked(serve: Callable[[], None], handlers: Mapping[signal.Signals, Any]) -> int:
    """Run a function in a new process; return its number."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        end_with_parent()
        if os.getppid() != parent:
            # It died before this could be asked for.
            os._exit(1)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _leave(serve)
    return pid


def _leave(serve: Callable[[], None]) -> NoReturn:
    """Serve, and end without the clearing up that is the parent's."""
    code = 1
    try:
        serve()
        code = 0
    except BaseException as error:
        if isinstance(error, SystemExit) and not error.code:
            code = 0
        else:
            traceback.print_exc()
    finally:
        os._exit(code)


def bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a socket at an address; `shared` with others of this user that say so, too."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    found = socket.socket(family, kind)
    try:
        # What a server leaves behind that has just ended does not keep us off.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind(address)
    except BaseException:
        found.close()
        raise
    return found
