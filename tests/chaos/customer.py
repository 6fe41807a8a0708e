"""Whoever uses the service: submits, follows, cancels, reads, and writes down what it is told."""

import hashlib
import json
import threading
from collections.abc import Callable

from services.client import Client
from services.client.errors import ClientError, ProblemError
from tests.chaos.history import (
    Acknowledged,
    CancelAsked,
    Fingerprint,
    History,
    Ordered,
    Reference,
    Refused,
    Seen,
    Told,
    now,
)
from tests.chaos.workload import Order
from workers.jobs import JobState

#: How often a request is repeated: with the pauses between, for longer than any fault lasts.
RETRIES = 60
#: What differs between equal runs.
_CIRCUMSTANCES = ("job", "timing")


class Customer:
    """Takes orders one after the other, in a thread."""

    def __init__(
        self, url: str, history: History, following: Callable[[], Order | None], *, refer: bool
    ) -> None:
        """Begin.

        Args:
            url: of the service.
            history: takes what happens.
            following: gives the next order, waiting for it; None when there are no more.
            refer: whether what is read is what others are compared with.
        """
        self._client = Client(url, retries=RETRIES)
        self._history = history
        self._following = following
        self._refer = refer
        self._thread = threading.Thread(target=self._run, name="customer", daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Wait until it has no more orders; return whether it has none."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with self._client:
            while (order := self._following()) is not None:
                try:
                    self._attend(order)
                except ClientError as error:
                    self._refuse(order, error)

    def _attend(self, order: Order) -> None:
        recipe = order.recipe
        self._history.add(Ordered(key=order.key, what=order.what, end=recipe.end))
        model, data = recipe.subject
        job = self._client.submit(
            model,
            data,
            recipe.engine,
            seed=order.seed,
            idempotency_key=order.key,
            tier=recipe.tier,
            limits=recipe.limits or None,
            labels={"order": order.key},
        )["id"]
        self._history.add(Acknowledged(key=order.key, job=job))
        timer = None
        if order.cancel_after is not None:
            timer = threading.Timer(order.cancel_after, self._cancel, (order, job))
            timer.start()
        self._follow(job)
        if timer is not None:
            timer.join()
        self._read(order, job)

    def _follow(self, job: str) -> None:
        for event in self._client.events(job):
            state = JobState(event.data["state"]) if event.kind == "state" else None
            self._history.add(
                Told(at=now(), job=job, number=event.id, kind=event.kind, state=state)
            )

    def _cancel(self, order: Order, job: str) -> None:
        try:
            self._client.cancel(job)
        except ClientError as error:
            self._refuse(order, error)
        else:
            self._history.add(CancelAsked(at=now(), job=job))

    def _read(self, order: Order, job: str) -> None:
        state = JobState(self._client.job(job)["state"])
        self._history.add(Seen(at=now(), job=job, state=state))
        if state is not JobState.SUCCEEDED:
            return
        digest = self._digest(job, order.recipe.draws)
        self._history.add(Fingerprint(job=job, what=order.what, digest=digest))
        if self._refer:
            self._history.add(Reference(what=order.what, digest=digest))

    def _digest(self, job: str, with_draws: bool) -> str:
        result = self._client.result(job)
        told = {name: value for name, value in result.items() if name not in _CIRCUMSTANCES}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
        for name, values in sorted(self._client.draws(job).items()) if with_draws else ():
            digest.update(f"{name} {values.shape}".encode())
            digest.update(values.tobytes())
        return digest.hexdigest()

    def _refuse(self, order: Order, error: ClientError) -> None:
        status = f"{error.status} " if isinstance(error, ProblemError) else ""
        self._history.add(Refused(key=order.key, answer=f"{status}{error}"))
