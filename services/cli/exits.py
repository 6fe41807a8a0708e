"""How commands end: 0 when all went well, 1 when the work failed, 2 when the input was wrong.

With `--json` the standard output is one JSON document, whatever happens: the answer, or the problem
(RFC 9457) of what went wrong. Without, what went wrong is a sentence on the standard error.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console

from services.cli.documents import emit
from services.client.errors import (
    ClientError,
    InputError,
    JobTimeoutError,
    ProblemError,
    UnreachableError,
)
from services.serve import ServeError
from workers.errors import PROBLEM, WorkerError

#: The work could not be done.
FAILED = 1
#: The input or the request was wrong.
REFUSED = 2

#: Errors of our own -> (kind, title) of their problem; the first that fits counts.
_TITLES: dict[type[Exception], tuple[str, str]] = {
    InputError: ("invalid-input", "The input is not valid"),
    UnreachableError: ("unreachable", "The service does not answer"),
    JobTimeoutError: ("timeout", "The job did not end in time"),
    ServeError: ("not-serving", "The service cannot start or go on"),
    Exception: ("failed", "The work could not be done"),
}


def output() -> Console:
    """Return the console for results; wide enough for tables where there is no terminal."""
    width = None if sys.stdout.isatty() else 120
    return Console(width=width, highlight=False, markup=False, emoji=False)


def complain(message: str) -> None:
    """Print a sentence to the standard error, as it is."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.print(message, style="bold red")


@contextmanager
def explained(as_json: bool = False) -> Iterator[None]:
    """Turn errors that a person can act on into a sentence, or a problem, and an exit code."""
    try:
        yield
    except (ProblemError, InputError) as error:
        _end(error, REFUSED, as_json)
    except (ClientError, ServeError, WorkerError) as error:
        _end(error, FAILED, as_json)


def problem_of(error: Exception) -> dict[str, Any]:
    """Return an error as a problem: the service's own, or one of the same shape."""
    if isinstance(error, ProblemError):
        return {"title": error.title, "status": error.status, **error.problem}
    kind, title = next(found for cls, found in _TITLES.items() if isinstance(error, cls))
    problem: dict[str, Any] = {"type": PROBLEM + kind, "title": title, "detail": str(error)}
    if isinstance(error, InputError):
        problem["errors"] = [{"path": error.path, "message": error.message}]
    return problem


def usage_problem(sentence: str) -> dict[str, Any]:
    """Return the problem of a command line that cannot be read."""
    return {"type": f"{PROBLEM}usage", "title": "The command is not valid", "detail": sentence}


def _end(error: Exception, code: int, as_json: bool) -> NoReturn:
    if as_json:
        emit(problem_of(error))
    else:
        complain("\n".join([str(error), *getattr(error, "__notes__", [])]))
    raise typer.Exit(code) from None
