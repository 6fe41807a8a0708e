"""AsyncClient: the service's contract as coroutines. `client.py` says what its methods do."""

from types import TracebackType
from typing import Self

import services.client.calls.datasets as dataset_calls
import services.client.calls.draws as draw_calls
import services.client.calls.events as event_calls
import services.client.calls.expectations as expectation_calls
import services.client.calls.fits as fit_calls
import services.client.calls.frames as frame_calls
import services.client.calls.jobs as job_calls
import services.client.calls.models as model_calls
import services.client.calls.plots as plot_calls
from services.client.async_transport import AsyncTransport
from services.client.attempts import RETRIES
from services.client.faces import awaiting, following


class AsyncClient:
    """A connection to a service for asyncio; also an asynchronous context manager.

    It has the methods of `Client`: those that return are awaited; `jobs`, `events` and `datasets`
    are read with `async for`.

    Example:
        async with AsyncClient("http://127.0.0.1:8000") as client:
            one, other = await asyncio.gather(
                client.fit(model, {"y": y}, "nuts"), client.fit(model, {"y": y}, "vi")
            )
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        timeout: float = 30.0,
        retries: int = RETRIES,
    ) -> None:
        """Connect to a service.

        Args:
            base_url: its address.
            key: the caller's key, where the service asks for one; `CREDENCE_KEY` if absent.
            timeout: seconds to wait for each answer (not for a job: see `wait`).
            retries: how often a request that meets an absent or busy service is repeated; 0 for
                never. Event streams are opened again three times as often.

        Raises:
            InputError: the address is no URL.
        """
        self._transport = AsyncTransport(base_url, timeout=timeout, retries=retries, key=key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    fit = awaiting(fit_calls.fit)
    submit = awaiting(job_calls.submit)
    job = awaiting(job_calls.job)
    jobs = following(job_calls.jobs)
    events = following(event_calls.events)
    wait = awaiting(event_calls.wait)
    result = awaiting(job_calls.result)
    draws = awaiting(draw_calls.draws)
    draws_as = awaiting(draw_calls.draws_as)
    to_arviz = awaiting(frame_calls.to_arviz)
    to_pandas = awaiting(frame_calls.to_pandas)
    expectation = awaiting(expectation_calls.expectation)
    evidence = awaiting(expectation_calls.evidence)
    plot = awaiting(plot_calls.plot)
    extend = awaiting(job_calls.extend)
    cancel = awaiting(job_calls.cancel)
    delete = awaiting(job_calls.delete)
    create_model = awaiting(model_calls.create_model)
    models = awaiting(model_calls.models)
    model = awaiting(model_calls.model)
    log_density = awaiting(model_calls.log_density)
    derivatives = awaiting(model_calls.derivatives)
    create_dataset = awaiting(dataset_calls.create_dataset)
    datasets = following(dataset_calls.datasets)
    dataset = awaiting(dataset_calls.dataset)
    delete_dataset = awaiting(dataset_calls.delete_dataset)
