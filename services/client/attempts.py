"""How often a request is sent, and how long the pauses are; no connection is made here."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from services.client.errors import ProblemError, UnreachableError
from services.client.steps import Attempt, Call, Pause, Request, Setback

#: How often a request is repeated by default: with the pauses between, for about two seconds.
RETRIES = 4
#: Broken connections in a row after which an event stream is given up, per retry of a request: a
#: stream outlives a restart of the service, by default about half a minute.
_STREAM_PATIENCE = 3
#: A proxy or the service itself asks to come back later.
LATER = frozenset({429, 502, 503, 504})
#: The longest pause, in seconds: of our own choice, and when the service asks for one.
_LONGEST, _LONGEST_ASKED = 5.0, 30.0
#: The request never left.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def attempts(request: Request, base_url: str, retries: int) -> Call[httpx.Response]:
    """Return a request's answer, repeated where the service is away or busy.

    A request that is not idempotent is repeated only as long as it never left.

    Args:
        request: what to ask.
        base_url: whom, for the message.
        retries: repetitions at the most.

    Raises:
        ProblemError: the service answered with a problem.
        UnreachableError: no attempt got an answer.
    """
    lost = False
    for attempt in range(1, retries + 2):
        last = attempt > retries
        try:
            answer: httpx.Response = yield Attempt(request)
        except httpx.HTTPError as error:
            unsent = isinstance(error, _UNSENT)
            hopeless = isinstance(error, httpx.UnsupportedProtocol)
            if last or hopeless or not (unsent or request.idempotent):
                raise UnreachableError(base_url, _reason(error, request, unsent)) from error
            lost = lost or not unsent
            yield Pause(pause(attempt))
            continue
        if answer.status_code in LATER and request.idempotent and not last:
            yield Pause(asked_pause(answer.headers.get("Retry-After", ""), attempt))
            continue
        # The request whose answer was lost may have been the one that deleted.
        gone = lost and request.method == "DELETE" and answer.status_code == 404
        return answer if gone else checked(answer)
    raise AssertionError("the last attempt returns or raises")


def endure(setback: Setback, base_url: str, retries: int) -> float:
    """Return the seconds to wait before an event stream is opened again.

    Raises:
        ProblemError: waiting will not help.
        UnreachableError: the patience is over.
    """
    error = setback.error
    if isinstance(error, ProblemError) and error.status not in LATER:
        raise error
    if error is not None and setback.failures > _STREAM_PATIENCE * retries:
        raise UnreachableError(base_url, str(error) or type(error).__name__) from error
    return pause(setback.failures)


def pause(attempt: int) -> float:
    """Return the seconds to wait after a failed attempt: 0.1, 0.2, 0.4, ... up to 5, jittered."""
    return min(_LONGEST, 0.1 * 2.0 ** (attempt - 1)) * random.uniform(0.75, 1.25)


def asked_pause(header: str, attempt: int) -> float:
    """Return the seconds to wait as a `Retry-After` header asks, seconds or a date; at most 30.

    Args:
        header: its value; empty or unreadable, the pause is our own.
        attempt: the attempt that failed.
    """
    if header.isdecimal():
        return min(_LONGEST_ASKED, float(header))
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return pause(attempt)
    seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(_LONGEST_ASKED, max(0.0, seconds))


def checked(answer: httpx.Response) -> httpx.Response:
    """Return a read answer that succeeded.

    Raises:
        ProblemError: it did not.
    """
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"detail": f"HTTP status {answer.status_code} from {answer.url}"}
    raise ProblemError(answer.status_code, problem)


def _reason(error: httpx.HTTPError, request: Request, unsent: bool) -> str:
    reason = str(error) or type(error).__name__
    doubtful = not unsent and not request.idempotent
    return f"{reason} (the request may have been carried out)" if doubtful else reason
