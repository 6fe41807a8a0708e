"""The bell: wakes processes that wait for news in the store.

A ring carries no news, only the advice to look. It may get lost (a process starts, a buffer is
full, a connection breaks), so whoever waits does so with a time-out and looks anyway: a lost ring
delays, it never harms. Ring AFTER the transaction that made the news is committed.

Longer than other files: the two ways of ringing stand beside each other.
"""

import contextlib
import os
import re
import secrets
import select
import socket
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import structlog

from workers.store.connection import database_url

log = structlog.get_logger()

#: There is something to claim or to cancel: wakes dispatchers.
WORK = "work"
#: A topic, or the beginning of one.
TOPIC = re.compile(r"[A-Za-z0-9_/-]{0,64}\Z")
#: PostgreSQL's channel; the topic is the payload.
CHANNEL = "credence"
#: Linux keeps at least so many datagrams for a socket and refuses more.
QUEUE = 10
#: Seconds that a bell which is closed may take to tell what has rung.
_CLOSING = 5.0


def job_topic(job_id: str) -> str:
    """Return the topic of one job's row and events: wakes its streams."""
    return f"job/{job_id}"


class AbstractEar(ABC):
    """Hears every ring from its making on, also those between two waits. For one thread."""

    @abstractmethod
    def wait(self, timeout: float) -> frozenset[str]:
        """Return the topics that rang since the last wait, waiting for one if there is none.

        Args:
            timeout: seconds; the answer is empty when they pass in silence.

        Returns:
            Topics. The prefix that the ear listens to is among them where rings may have got
            lost, and means any topic.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop listening."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AbstractBell(ABC):
    """Rings across processes; may be used from any thread."""

    @abstractmethod
    def ring(self, topic: str) -> None:
        """Wake all that listen, in every process. Never fails: see the module's docstring."""

    @abstractmethod
    def listen(self, prefix: str = "") -> AbstractEar:
        """Return an ear for all topics that start so; a loop makes one and keeps it."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""

    def wait(self, topic: str, timeout: float) -> bool:
        """Return whether it rings from now on within so many seconds."""
        with self.listen(topic) as ear:
            return bool(ear.wait(timeout))


def create_bell(database: str, home: Path) -> AbstractBell:
    """Return the bell that all processes with this database share.

    Args:
        database: the store's URL.
        home: the directory that the processes share where the database is SQLite.
    """
    if database_url(database).get_backend_name() == "postgresql":
        return NotifyBell(database)
    return SocketBell(home / "bell")


class SocketBell(AbstractBell):
    """A bell for one machine: every ear is a datagram socket in a directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = directory
        self._directory = os.open(directory, os.O_RDONLY)

    def ring(self, topic: str) -> None:
        """Send the topic to every socket whose name says that it listens."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for ear in self._path.iterdir():
                if topic.startswith(_heard(ear.name)):
                    self._send(sender, ear.name, topic)

    def _send(self, sender: socket.socket, name: str, topic: str) -> None:
        try:
            sender.sendto(topic.encode(), _address(self._directory, name))
        except ConnectionRefusedError:
            # Its process died without closing it.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._directory)
        except (BlockingIOError, FileNotFoundError):
            # Full: it has rings to wake up to already. Gone: closed just now.
            pass

    def listen(self, prefix: str = "") -> AbstractEar:
        """Return a new socket in the directory."""
        return SocketEar(self._directory, _checked(prefix))

    def close(self) -> None:
        """Close the directory."""
        os.close(self._directory)


class SocketEar(AbstractEar):
    """A datagram socket under `random~prefix`."""

    def __init__(self, directory: int, prefix: str) -> None:
        self._directory = os.dup(directory)
        self._prefix = prefix
        self._name = f"{secrets.token_hex(6)}~{prefix.replace('/', '+')}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(_address(self._directory, self._name))

    def wait(self, timeout: float) -> frozenset[str]:
        """Read all datagrams that are there."""
        heard: list[str] = []
        select.select([self._socket], [], [], max(timeout, 0.0))
        with contextlib.suppress(BlockingIOError):
            while True:
                heard.append(self._socket.recv(256).decode())
        if len(heard) >= QUEUE:
            heard.append(self._prefix)
        return frozenset(heard)

    def close(self) -> None:
        """Close and unlink the socket."""
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._directory)
        os.close(self._directory)


def _heard(name: str) -> str:
    return name.partition("~")[2].replace("+", "/")


def _checked(prefix: str) -> str:
    if not TOPIC.match(prefix):
        raise ValueError(f"{prefix!r} is no topic")
    return prefix


def _address(directory: int, name: str) -> str:
    # A socket's address has 107 bytes, which a home directory may use up by itself.
    return f"/proc/self/fd/{directory}/{name}"


class NotifyBell(AbstractBell):
    """A bell for several machines: PostgreSQL's LISTEN and NOTIFY.

    A thread of its own notifies, so that nobody waits for the server; what rings while it waits
    for it is told in one go, each topic once.
    """

    def __init__(self, database: str) -> None:
        self._url = _libpq_url(database)
        self._rung = threading.Condition()
        #: Topics to tell, in the order in which they first rang.
        self._topics: dict[str, None] = {}
        self._telling = self._closed = False
        self._connection: psycopg.Connection | None = None
        self._ringer: threading.Thread | None = None

    def ring(self, topic: str) -> None:
        """Have it notified soon."""
        with self._rung:
            self._topics[topic] = None
            if self._ringer is None:
                self._ringer = threading.Thread(target=self._run, name="bell", daemon=True)
                self._ringer.start()
            self._rung.notify_all()

    def listen(self, prefix: str = "") -> AbstractEar:
        """Return an ear with a connection of its own, which hears nothing that rang before."""
        with self._rung:
            self._rung.wait_for(lambda: not self._topics and not self._telling, _CLOSING)
        return NotifyEar(self._url, _checked(prefix))

    def close(self) -> None:
        """Tell what has rung, and close the ringing connection."""
        with self._rung:
            self._closed = True
            self._rung.notify_all()
        if self._ringer is not None:
            self._ringer.join(_CLOSING)

    def _run(self) -> None:
        while topics := self._next():
            self._tell(topics)
        self._drop()

    def _next(self) -> list[str]:
        """Wait for rings; return no topics when there are none and will be none."""
        with self._rung:
            self._telling = False
            self._rung.notify_all()
            self._rung.wait_for(lambda: self._topics or self._closed)
            topics, self._topics = list(self._topics), {}
            self._telling = bool(topics)
        return topics

    def _tell(self, topics: list[str]) -> None:
        """Notify, over a new connection if the old one broke."""
        for _ in range(2):
            try:
                self._notify(topics)
                return
            except psycopg.Error as error:
                log.warning("ring lost", action="ring_bell", topics=topics, error=str(error))
                self._drop()

    def _notify(self, topics: list[str]) -> None:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, autocommit=True)
            # A ring may get lost: it need not be on disk before the next one rings.
            self._connection.execute("SET synchronous_commit TO off")
        query = "SELECT pg_notify(%s, topic) FROM unnest(%s::text[]) AS topic"
        self._connection.execute(query, (CHANNEL, topics))

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class NotifyEar(AbstractEar):
    """A connection that listens."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url = url
        self._prefix = prefix
        self._connection: psycopg.Connection | None = self._connect()

    def wait(self, timeout: float) -> frozenset[str]:
        """Read notifications; a connection that had broken counts as a ring of the prefix."""
        end = time.monotonic() + timeout
        try:
            if self._connection is None:
                self._connection = self._connect()
                return frozenset({self._prefix})
            return self._heard(self._connection, end)
        except psycopg.OperationalError as error:
            log.warning("bell is deaf", action="hear_bell", error=str(error))
            self.close()
            time.sleep(max(0.0, min(1.0, end - time.monotonic())))
            return frozenset()

    def _heard(self, connection: psycopg.Connection, end: float) -> frozenset[str]:
        heard: set[str] = set()
        while not heard:
            left = max(0.0, end - time.monotonic())
            # `stop_after` ends with the packet that held the first one: all that came with it
            # are given, and later ones wait.
            for notice in connection.notifies(timeout=left, stop_after=1):
                if notice.payload.startswith(self._prefix):
                    heard.add(notice.payload)
            if left == 0.0:
                break
        return frozenset(heard)

    def _connect(self) -> psycopg.Connection:
        connection = psycopg.connect(self._url, autocommit=True)
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _libpq_url(database: str) -> str:
    url = database_url(database).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
