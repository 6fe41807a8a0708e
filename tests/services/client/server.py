"""A server that answers from a script: breaks that a real service cannot be asked for."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """What to say to one request."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: Close the connection without a proper end.
    broken: bool = False


@dataclass
class Asked:
    """What one request was."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Script:
    """Answers by `METHOD /path`, each list used up in order, its last answer for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, deque[Answer]] = {}
        self.asked: list[Asked] = []

    def on(self, request: str, *answers: Answer) -> None:
        """Say these, in turn."""
        self.answers[request] = deque(answers)

    def next(self, request: str) -> Answer:
        """Return the answer to a request."""
        waiting = self.answers.get(request.partition("?")[0])
        if not waiting:
            return Answer({"title": "Not found", "detail": f"no {request}"}, 404)
        return waiting.popleft() if len(waiting) > 1 else waiting[0]


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """Yield the address of a server that follows a script."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.asked.append(Asked(self.command, self.path, headers, body))
            self.say(script.next(f"{self.command} {self.path}"))

        do_GET = do_POST = do_DELETE = handle_one

        def say(self, answer: Answer) -> None:
            raw = isinstance(answer.body, bytes)
            content = answer.body if raw else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            # A broken answer promises more than it holds.
            self.send_header("Content-Length", str(len(content) + (100 if answer.broken else 0)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
