"""Client: the service's contract as Python methods."""

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
from services.client.attempts import RETRIES
from services.client.faces import returning, yielding
from services.client.transport import Transport


class Client:
    """A connection to a service; also a context manager.

    Requests that meet a busy or absent service are repeated with growing pauses; a job is
    submitted under an idempotency key, so that a repeated request never starts a second one.

    Example:
        with Client("http://127.0.0.1:8000") as client:
            result = client.fit(model, {"y": y}, {"kind": "nuts", "draws": 1000}, seed=1)
            print(result["summary"]["mu"]["mean"], client.draws(result)["mu"].shape)
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
        self._transport = Transport(base_url, timeout=timeout, retries=retries, key=key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    fit = returning(fit_calls.fit)
    submit = returning(job_calls.submit)
    job = returning(job_calls.job)
    jobs = yielding(job_calls.jobs)
    events = yielding(event_calls.events)
    wait = returning(event_calls.wait)
    result = returning(job_calls.result)
    draws = returning(draw_calls.draws)
    draws_as = returning(draw_calls.draws_as)
    to_arviz = returning(frame_calls.to_arviz)
    to_pandas = returning(frame_calls.to_pandas)
    expectation = returning(expectation_calls.expectation)
    evidence = returning(expectation_calls.evidence)
    plot = returning(plot_calls.plot)
    extend = returning(job_calls.extend)
    cancel = returning(job_calls.cancel)
    delete = returning(job_calls.delete)
    create_model = returning(model_calls.create_model)
    models = returning(model_calls.models)
    model = returning(model_calls.model)
    log_density = returning(model_calls.log_density)
    derivatives = returning(model_calls.derivatives)
    create_dataset = returning(dataset_calls.create_dataset)
    datasets = yielding(dataset_calls.datasets)
    dataset = returning(dataset_calls.dataset)
    delete_dataset = returning(dataset_calls.delete_dataset)
