"""What can go wrong between a program and the service: one root."""

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Something kept the client from an answer."""


class InputError(ClientError, ValueError):
    """A model or data that the client can already tell it cannot send.

    Attributes:
        path: where the mistake is: `data.y[3]`, `data.csv, line 4, column 2`.
        message: a sentence that says what is wrong and what to write instead.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


class UnreachableError(ClientError):
    """The service does not answer.

    Attributes:
        url: the address that was asked.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"no answer from {url}: {reason}")
        self.url = url


class JobTimeoutError(ClientError):
    """The job did not end in the time the caller was ready to wait; it goes on.

    Attributes:
        job: the job's id.
    """

    def __init__(self, job: str, seconds: float) -> None:
        super().__init__(f"job {job} did not end within {seconds:g} s; it goes on")
        self.job = job


class ProblemError(ClientError):
    """The service answered with a problem (RFC 9457).

    Attributes:
        status: the HTTP status.
        title: the kind of problem in a few words.
        detail: a sentence for the reader.
        errors: what is wrong with the input, each `{"path", "message"}`; empty for other problems.
        problem: the whole document.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        self.title = str(problem.get("title") or f"HTTP status {status}")
        self.detail = str(problem.get("detail") or self.title)
        self.errors = [
            {"path": str(e.get("path", "")), "message": str(e.get("message", ""))}
            for e in problem.get("errors") or []
        ]
        super().__init__("\n".join([self.detail, *self.lines()]))

    def lines(self) -> list[str]:
        """Return one line per input error, `path: message`; none where `detail` says it all."""
        lines = [f"{e['path']}: {e['message']}" for e in self.errors]
        return [] if lines == [self.detail] else [f"  {line}" for line in lines]
