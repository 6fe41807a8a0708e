"""Jobs to submit: eight schools by NUTS, each with a seed of its own."""

from typing import Any

from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.load.connection import Answer, message
from tests.load.driver import closed
from workers.store.backlog import queued
from workers.store.store import Store

#: How a submission is acknowledged.
ACCEPTED = 202


def body(seed: int) -> dict[str, Any]:
    """Return a job; all have the same model and data, which are checked once."""
    return {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts"}, "seed": seed}


def submission(number: int) -> bytes:
    """Return the request that submits job `number`."""
    return message("POST", "/v1/jobs", body(number))


def new_submission(number: int) -> bytes:
    """Return the same with data that no other job has, so that model and data are checked."""
    data = {**DATA, "y": [value + number / 1000 for value in DATA["y"]]}
    return message("POST", "/v1/jobs", {**body(number), "data": data})


async def submit(port: int, count: int, clients: int) -> list[str]:
    """Submit so many jobs; return their ids.

    Raises:
        RuntimeError: some were not taken.
    """
    ids: list[str] = []

    def take(answer: Answer) -> None:
        ids.append(answer.json()["id"])

    found = await closed(
        port,
        submission,
        clients=clients,
        seconds=3600.0,
        expected=ACCEPTED,
        most=count,
        take=take,
    )
    if found.refused:
        raise RuntimeError(f"submissions were refused: {found.refused}")
    return ids


def waiting(store: Store) -> int:
    """Return how many jobs wait in a store."""
    with store._read() as connection:
        return queued(connection, 10**9)
