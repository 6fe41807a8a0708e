"""What the shell offers after the tabulator key."""

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import typer

from services.client.client import Client
from services.client.errors import ClientError

#: Where the commands look for a service, unless this variable or an option says otherwise.
DEFAULT_SERVER, SERVER_VARIABLE = "http://127.0.0.1:8000", "CREDENCE_SERVER"

#: The engines that this version has. The list of the workers is not read: a shell does not wait for
#: torch.
ENGINES = (
    "auto",
    "chees",
    "nuts",
    "hmc",
    "vi",
    "svgd",
    "pathfinder",
    "laplace",
    "mle",
    "map",
    "stan",
)
PRECISIONS = ("float64", "float32", "mixed")
TIERS = ("auto", "interpreted", "compiled")
STATES = ("queued", "running", "succeeded", "failed", "cancelled", "expired")
#: Ids offered at the most, and seconds to wait for them.
_OFFERED, _PATIENCE = 50, 1.0


def engines(incomplete: str) -> list[str]:
    """Offer engine kinds."""
    return _starting(ENGINES, incomplete)


def precisions(incomplete: str) -> list[str]:
    """Offer precisions."""
    return _starting(PRECISIONS, incomplete)


def tiers(incomplete: str) -> list[str]:
    """Offer tiers."""
    return _starting(TIERS, incomplete)


def states(incomplete: str) -> list[str]:
    """Offer states of a job."""
    return _starting(STATES, incomplete)


def job_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer the latest jobs with their engines and states; nothing where no service answers."""
    return [
        (job["id"], f"{job['engine']['kind']}, {job['state']}")
        for job in _latest(context, lambda client: client.jobs(page_size=_OFFERED))
        if job["id"].startswith(incomplete)
    ]


def dataset_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer the latest data sets with their columns; nothing where no service answers."""
    return [
        (dataset["id"], ", ".join(column["name"] for column in dataset["columns"][:5]))
        for dataset in _latest(context, lambda client: client.datasets(page_size=_OFFERED))
        if dataset["id"].startswith(incomplete)
    ]


def _latest(
    context: typer.Context, listing: Callable[[Client], Iterator[dict[str, Any]]]
) -> list[dict[str, Any]]:
    given = context.params.get("server") or os.environ.get(SERVER_VARIABLE)
    try:
        with Client(given or DEFAULT_SERVER, timeout=_PATIENCE, retries=0) as client:
            return list(itertools.islice(listing(client), _OFFERED))
    except ClientError:
        return []


def _starting(words: tuple[str, ...], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
