"""A service that drops connections, is busy, loses answers and restarts, over real sockets."""

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Events of the one job, in order.
EVENTS = [
    {"state": "running"},
    {"done": 1},
    {"done": 2},
    {"state": "succeeded"},
]


class Flaky:
    """Jobs by idempotency key; each request meets the next mood, and is well served without one.

    Moods: `drop` resets the connection before anything is done, `lose` after all was done but the
    answer, `busy` is a 503 with Retry-After, `held` streams half the events until it is stopped,
    `bye` ends a stream in order before anything has come.
    """

    def __init__(self) -> None:
        self.moods: deque[str] = deque()
        self.jobs: dict[str, str] = {}
        self.deleted: set[str] = set()
        #: Every request that was done, whether or not the answer arrived.
        self.done: list[str] = []
        self.resumed: list[str | None] = []
        self._port = 0
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(("127.0.0.1", self._port), handler(self))
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut all connections."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in list(self._open):
            reset(connection)

    @contextmanager
    def connected(self, connection: socket.socket) -> Iterator[None]:
        self._open.add(connection)
        try:
            yield
        finally:
            self._open.discard(connection)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A connection that was cut is what we are here for."""


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def flaky(*moods: str) -> Iterator[Flaky]:
    service = Flaky()
    service.moods.extend(moods)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def handler(service: Flaky) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with service.connected(self.connection):
                super().handle()

        def serve(self) -> None:
            mood = service.moods.popleft() if service.moods else ""
            if mood == "drop":
                self.cut()
                return
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            if mood == "busy":
                self.say(503, {"detail": "busy"}, {"Retry-After": "0"})
            elif self.path.endswith("/events"):
                self.stream(mood)
            else:
                service.done.append(f"{self.command} {self.path}")
                status, document = self.answer()
                self.cut() if mood == "lose" else self.say(status, document)

        do_GET = do_POST = do_DELETE = serve

        def answer(self) -> tuple[int, dict[str, Any]]:
            if self.command == "DELETE":
                known = self.path not in service.deleted
                service.deleted.add(self.path)
                return (200, {}) if known else (404, {"detail": "no such job"})
            if self.path == "/v1/jobs":
                key = self.headers["Idempotency-Key"]
                return 202, {"id": service.jobs.setdefault(key, f"j{len(service.jobs)}")}
            return 200, {"id": "j0", "state": "succeeded"}

        def say(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def stream(self, mood: str) -> None:
            seen = self.headers.get("Last-Event-ID")
            service.resumed.append(seen)
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            for number, data in enumerate([] if mood == "bye" else EVENTS, start=1):
                if number <= int(seen or 0):
                    continue
                kind = "state" if "state" in data else "progress"
                text = f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
                self.wfile.write(text.encode())
                if mood == "held" and number == len(EVENTS) // 2:
                    # Until the connection is cut.
                    self.rfile.read(1)
                    return

        def cut(self) -> None:
            self.close_connection = True
            reset(self.connection)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
