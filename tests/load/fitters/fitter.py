"""A service that fits, and many fits with it."""

import http.client
import itertools
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tests.load.timings import Timings

Array: TypeAlias = np.ndarray[Any, Any]

#: The unknowns whose effective sizes count.
NAMES = ("mu", "tau", "theta")
#: Fits whose draws are looked at afterwards.
_LOOKED_AT = 20
#: Seconds for one answer.
_PATIENCE = 600.0


@dataclass(frozen=True)
class Fitter:
    """Where it listens, and how it is asked."""

    port: int
    #: Fits with this seed, over a connection, until the draws are there, as they came.
    fit: Callable[[http.client.HTTPConnection, int], bytes]
    #: Reads such draws: by entry of an unknown, `C x N`.
    draws: Callable[[bytes], Mapping[str, Array]]


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> bytes:
    """Return the body of an answer.

    Raises:
        RuntimeError: it is none of success.
    """
    content = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, content, headers)
    answer = connection.getresponse()
    found = answer.read()
    if not 200 <= answer.status < 300:
        raise RuntimeError(f"{method} {path} was answered {answer.status}: {found[:500]!r}")
    return found


def fitted(fitter: Fitter, *, clients: int, seconds: float, warm: float) -> tuple[Timings, float]:
    """Fit again and again.

    Args:
        fitter: a service.
        clients: who fit at the same time, each one after the other.
        seconds: for which they do.
        warm: seconds for which they did before.

    Returns:
        How long fits took, and the least bulk ESS of a fit (the median of some).
    """
    seeds = itertools.count(1)
    _fit_for(fitter, clients, warm, seeds)
    found, draws = _fit_for(fitter, clients, seconds, seeds)
    return found, statistics.median(least_ess(fitter.draws(came)) for came in draws)


def _fit_for(
    fitter: Fitter, clients: int, seconds: float, seeds: Iterator[int]
) -> tuple[Timings, list[bytes]]:
    timings, draws, failures = Timings(), list[bytes](), list[Exception]()
    start = time.perf_counter()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", fitter.port, timeout=_PATIENCE)
        try:
            while (asked := time.perf_counter()) - start < seconds:
                came = fitter.fit(connection, next(seeds))
                timings.note(time.perf_counter() - asked, 200, 200)
                if len(draws) < _LOOKED_AT:
                    draws.append(came)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    timings.over = time.perf_counter() - start
    return timings, draws


def least_ess(draws: Mapping[str, Array]) -> float:
    """Return the least bulk ESS of all entries."""
    from arviz_stats.base import array_stats

    return min(float(array_stats.ess(column, method="bulk")) for column in draws.values())
