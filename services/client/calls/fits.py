"""The call that does all: submit, wait, read."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from services.client.calls.events import Watcher, wait
from services.client.calls.jobs import cancel, result, submit
from services.client.data import Data
from services.client.errors import ClientError
from services.client.model import Model
from services.client.result import Result
from services.client.steps import Call


def fit(
    model: Model,
    data: Data | None = None,
    engine: str | Mapping[str, Any] = "nuts",
    *,
    seed: int | None = None,
    timeout: float | None = None,
    progress: bool | Watcher = True,
    **circumstances: Any,
) -> Call[Result]:
    """Submit a job, show its progress until it has ended, and return its result.

    Interrupted (Ctrl-C, a stopped notebook cell, a cancelled task), it cancels the job.

    Args:
        model: as in `submit`.
        data: as in `submit`.
        engine: as in `submit`.
        seed: as in `submit`.
        timeout: seconds to wait; for ever when absent.
        progress: as in `wait`.
        **circumstances: as in `submit`.

    Raises:
        InputError: model or data cannot be sent.
        ProblemError: the service refuses them, or the job failed or ended without a result.
        JobTimeoutError: the time is over; the job goes on, and the error has its id.
    """
    job = yield from submit(model, data, engine, seed=seed, **circumstances)
    try:
        yield from wait(job, timeout=timeout, progress=progress)
    except (KeyboardInterrupt, asyncio.CancelledError):
        with suppress(ClientError):
            yield from cancel(job)
        raise
    return Result((yield from result(job)))
