"""What this process asks of its system while a text is looked at: nothing but to read."""

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Events of Python's audit (PEP 578) that no text has any reason for.
_FORBIDDEN = frozenset(
    {
        "ctypes.dlopen",
        "os.chmod",
        "os.chown",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.link",
        "os.mkdir",
        "os.posix_spawn",
        "os.putenv",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.spawn",
        "os.symlink",
        "os.system",
        "os.truncate",
        "pickle.find_class",
        "shutil.copyfile",
        "shutil.move",
        "shutil.rmtree",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.sendto",
        "subprocess.Popen",
    }
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_watching = threading.local()
_hooked = threading.Event()


class EscapeError(BaseException):
    """A text reached the system. No handler of ours may swallow it."""


@contextmanager
def watched() -> Iterator[None]:
    """Raise an `EscapeError` where this thread asks for a process, a connection or a written file.

    Modules may be imported meanwhile, whose compiled code Python writes down. Garbage waits: what
    others left behind may have files to remove when it is collected.
    """
    if not _hooked.is_set():
        _hooked.set()
        sys.addaudithook(_hook)
    collecting = gc.isenabled()
    gc.disable()
    _watching.on = True
    try:
        yield
    finally:
        _watching.on = False
        if collecting:
            gc.enable()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not getattr(_watching, "on", False):
        return
    if event in _FORBIDDEN and not _is_import(arguments):
        raise EscapeError(f"{event} {arguments!r}"[:400])
    if event == "open" and _writes(arguments) and not _is_import(arguments):
        raise EscapeError(f"{event} {arguments!r}"[:400])


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    named = isinstance(mode, str) and any(letter in mode for letter in "wax+")
    return named or (isinstance(flags, int) and bool(flags & _WRITING))


def _is_import(arguments: tuple[Any, ...]) -> bool:
    """Whether it is about the compiled code that Python keeps of a module, or a library of one."""
    path = str(arguments[0]) if arguments else ""
    return "__pycache__" in path or path.endswith((".so", ".pyc"))
